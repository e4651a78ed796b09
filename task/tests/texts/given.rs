//! What a text is compiled with where it does not matter.

use acre_model::{
    ids::RunId,
    plan::{Fetch, GitAddress},
    secret::Nonce,
    submission::NamedText,
    time::Timestamp,
};
use acre_task::{Compiled, Diagnostics, Input, RunFacts};

/// Compiles `text` with values, a registry and a source at hand.
pub(crate) fn compile(text: &str) -> Result<Compiled, Diagnostics> {
    compile_as("acb.yaml", text)
}

/// The same under another name.
pub(crate) fn compile_as(file: &str, text: &str) -> Result<Compiled, Diagnostics> {
    let now = Timestamp::from_millis(1_795_197_781_000);
    let facts = RunFacts {
        id: RunId::new(1_795_197_781, 7, 0),
        now,
        commit: None,
        branch: Some("main".to_owned()),
        repository: None,
        git_tag: None,
        triggered_by: "manual".to_owned(),
        task_name: None,
        nonce: Nonce::new(7),
    };
    let values = [NamedText { name: "v".to_owned(), text: "a: {b: 1}\nl: [1, x]\nversion: 1.2.3\n".to_owned() }];
    let fetch =
        Fetch::Git(GitAddress { repository: "https://h/r.git".to_owned(), reference: None, subdirectory: None });
    acre_task::compile(&Input {
        file,
        text,
        values: &values,
        sets: &[],
        secret_sets: &[],
        platforms: &[],
        registry: Some("r.example"),
        facts: &facts,
        presets: &acre_task::Presets::default(),
        files: &acre_task::NoFiles,
        has_tree: true,
        source: Some(&fetch),
    })
}
