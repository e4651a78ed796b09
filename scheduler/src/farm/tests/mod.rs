//! The core as scripts: each file of `scripts/` is a sequence of commands, each followed by `----` and what the farm
//! then looks like. `ACRE_REWRITE=1` writes what it looks like today. And properties that hold after any events.

mod farm;
mod properties;

use farm::Farm;
use std::{fs, path::Path};

#[test]
fn the_core_does_what_the_scripts_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/farm/scripts");
    let mut scripts: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    for path in scripts {
        let script = fs::read_to_string(&path).unwrap();
        let played = play(&script);
        if std::env::var_os("ACRE_REWRITE").is_some() {
            fs::write(&path, &played).unwrap();
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(script == played || std::env::var_os("ACRE_REWRITE").is_some(), "{name} is now:\n{played}");
    }
}

/// A script with what the farm looks like put after each of its commands.
fn play(script: &str) -> String {
    let mut farm = Farm::default();
    let mut played = String::new();
    for block in script.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let command = block.split("\n----").next().unwrap_or_default().trim_end();
        played.push_str(command);
        let is_comment = command.lines().all(|line| line.starts_with('#'));
        if !is_comment {
            let lines: Vec<&str> = command.lines().filter(|line| !line.starts_with('#')).collect();
            farm.command(&lines);
            played.push_str("\n----\n");
            played.push_str(&farm.look());
        }
        played.push_str("\n\n");
    }
    played.truncate(played.trim_end().len());
    played + "\n"
}
