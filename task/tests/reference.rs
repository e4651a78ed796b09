//! The user's reference cannot drift: every example of `docs/task-file.md` compiles, without a warning, and every key of
//! the language has one.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use acre_model::{ids::RunId, secret::Nonce, time::Timestamp};
use acre_task::{Files, Input, RunFacts, compile};
use std::{fs, path::Path};

/// A source that has whatever an example asks for.
struct Source;

impl Files for Source {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let text = if path.ends_with(".yaml") { "tool: registry.example/tool:1\n" } else { "FROM scratch AS final\n" };
        Some(text.as_bytes().to_vec())
    }

    fn at_address(&self, address: &str) -> Option<Vec<u8>> {
        self.read(address)
    }
}

fn reference() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/task-file.md")).unwrap()
}

/// The examples, each with the line it begins in.
fn examples(text: &str) -> Vec<(usize, String)> {
    let (mut examples, mut open): (Vec<(usize, String)>, bool) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        match line {
            "```yaml" => {
                open = true;
                examples.push((index + 2, String::new()));
            }
            "```" => open = false,
            line if open => examples.last_mut().unwrap().1 += &format!("{line}\n"),
            _ => {}
        }
    }
    examples
}

#[test]
fn every_example_compiles_without_a_warning() {
    let examples = examples(&reference());
    assert!(examples.len() >= 20, "{} examples: is the reference there?", examples.len());
    let second = 1_795_197_781;
    let facts = RunFacts {
        id: RunId::new(second, 7, 0),
        now: Timestamp::from_millis(second * 1000),
        commit: None,
        branch: Some("main".to_owned()),
        repository: None,
        git_tag: None,
        triggered_by: "manual".to_owned(),
        task_name: None,
        nonce: Nonce::new(1),
    };
    for (line, text) in examples {
        let input = Input {
            file: "docs/task-file.md",
            text: &text,
            values: &[],
            sets: &[],
            secret_sets: &[],
            platforms: &[],
            registry: Some("registry.example"),
            facts: &facts,
            presets: &acre_task::Presets::default(),
            files: &Source,
            has_tree: true,
            source: None,
        };
        let compiled = compile(&input).unwrap_or_else(|faults| panic!("the example at line {line}: {faults}"));
        assert!(compiled.plan.warnings.is_empty(), "the example at line {line}: {}", compiled.plan.warnings.join("\n"));
    }
}

/// The keys of the language, as its contract lists them.
const KEYS: [&str; 52] = [
    "version",
    "stepTimeout",
    "workingDirectory",
    "env",
    "platform",
    "platforms",
    "secrets",
    "networks",
    "volumes",
    "alias",
    "artifacts",
    "reports",
    "steps",
    "id",
    "build",
    "push",
    "cmd",
    "when",
    "entryPoint",
    "disableWorkingDirectoryOverride",
    "detach",
    "keep",
    "privileged",
    "user",
    "network",
    "cpus",
    "isolation",
    "ports",
    "expose",
    "volumeMounts",
    "pull",
    "cmdDownloadRetries",
    "cmdDownloadRetryDelay",
    "timeout",
    "startDelay",
    "retries",
    "retryDelay",
    "retryOnErrors",
    "repeat",
    "ignoreErrors",
    "cache",
    "exitedWith",
    "exitedWithout",
    "always",
    "idempotent",
    "registryAuth",
    "ssh",
    "secretFiles",
    "from",
    "mountPath",
    "skipCreation",
    "directive",
];

#[test]
fn every_key_has_an_example() {
    let text: String = examples(&reference()).into_iter().map(|(_, text)| text).collect();
    let missing: Vec<&str> = KEYS.into_iter().filter(|key| !text.contains(&format!("{key}:"))).collect();
    assert!(missing.is_empty(), "no example has: {}", missing.join(", "));
}
