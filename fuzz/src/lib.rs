//! What the fuzz targets share. Each target gives arbitrary bytes to one reader of text from outside; what it looks for
//! is a panic, an endless run, and what the target itself asserts. `infra/fuzz` runs them.

use acre_model::{ids::RunId, secret::Nonce, submission::NamedText, time::Timestamp};
use acre_task::{Compiled, Diagnostics, Files, Input, RunFacts, compile, plan};

/// A source in which every file is the same Dockerfile.
struct Source;

impl Files for Source {
    fn read(&self, _path: &str) -> Option<Vec<u8>> {
        Some(b"FROM scratch AS a\nFROM a\n".to_vec())
    }
}

/// Compiles a task with everything given, and shows the outcome to nobody.
pub fn compiles(text: &str) -> Result<Compiled, Diagnostics> {
    let second = 1_795_197_781;
    let facts = RunFacts {
        id: RunId::new(second, 7, 0),
        now: Timestamp::from_millis(second * 1000),
        commit: Some("5f1c".repeat(10)),
        branch: Some("x\"; rm -rf /".to_owned()),
        repository: None,
        git_tag: None,
        triggered_by: "fuzz".to_owned(),
        task_name: None,
        nonce: Nonce::new(7),
    };
    let values = [NamedText { name: "v".to_owned(), text: "a: {b: 1}\nl: [1, x]\n".to_owned() }];
    let compiled = compile(&Input {
        file: "acb.yaml",
        text,
        values: &values,
        sets: &[],
        secret_sets: &["pw".to_owned()],
        platforms: &[],
        registry: Some("r.example"),
        facts: &facts,
        presets: &acre_task::Presets::default(),
        files: &Source,
        has_tree: true,
        source: None,
    });
    match &compiled {
        Ok(compiled) => {
            let shown = plan::dump(&compiled.plan) + &plan::graph(&compiled.plan) + &compiled.rendered;
            assert!(!shown.contains('\u{f0002}'), "a token is shown");
        }
        Err(faults) => assert!(!faults.to_string().contains('\u{f0002}'), "a token is shown"),
    }
    compiled
}

/// A task of one step whose text is `text`, as a literal block.
pub fn step(kind: &str, text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("      {line}\n")).collect();
    format!("secrets: [{{id: pw}}]\nsteps:\n  - {kind}: |2-\n{lines}")
}
