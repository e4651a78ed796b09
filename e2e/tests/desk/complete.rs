//! No command of `acre task` is left out of the snapshots, neither as people nor as programs ask it.

use acre_client::args::Cli;
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn each_command_is_among_the_snapshots() {
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/desk/snapshots");
    let texts: Vec<String> =
        fs::read_dir(snapshots).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let typed: Vec<&str> =
        texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("$ acre ")).collect();
    let is_typed = |words: &str, json: bool| {
        typed.iter().any(|line| {
            line.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                && line.contains(" -o json") == json
        })
    };
    let missing: BTreeSet<String> = commands(Cli::described().find_subcommand("task").unwrap(), "task")
        .into_iter()
        .flat_map(|(words, has_format)| [(words.clone(), false)].into_iter().chain(has_format.then_some((words, true))))
        .filter(|(words, json)| !is_typed(words, *json))
        .map(|(words, json)| format!("{words}{}", if json { " -o json" } else { "" }))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The commands that do something, and whether each can be asked for a format.
fn commands(command: &clap::Command, words: &str) -> Vec<(String, bool)> {
    if !command.has_subcommands() {
        return vec![(words.to_owned(), command.get_arguments().any(|argument| argument.get_id() == "format"))];
    }
    command
        .get_subcommands()
        .filter(|child| child.get_name() != "help")
        .flat_map(|child| commands(child, &format!("{words} {}", child.get_name())))
        .collect()
}
