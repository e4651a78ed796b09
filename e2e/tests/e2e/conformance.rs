//! The corpus of the task language, where it can run: a case with `runs.txt` is run on a real engine, and its steps print
//! what that says. Its first line is the exit code, the others are the lines that begin with `> `.

use acre_e2e::{engine::docker, farm::Farm, registry};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The image that the cases call so.
const SH: &str = "sh.example/sh:1";

#[test]
fn task_files_do_what_the_corpus_says() {
    let cases = cases();
    assert!(cases.len() >= 16, "{} cases: is the corpus there?", cases.len());
    docker(&["tag", &registry::base(), SH]).ended(0);
    let farm = Farm::new();
    let mut wrong = Vec::new();
    for case in cases {
        let (found, expected) = (outcome(&farm, &case), fs::read_to_string(case.join("runs.txt")).unwrap_or_default());
        if found != expected {
            if std::env::var_os("UPDATE").is_some() {
                fs::write(case.join("runs.txt"), &found).expect("the corpus can be written");
            }
            let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
            wrong.push(format!("=== {name}\n--- expected\n{expected}\n--- found\n{found}"));
        }
    }
    // The image keeps the name that it is known by elsewhere.
    docker(&["rmi", SH]);
    docker(&["rmi", "conformance/built:1"]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The cases that run, in order.
fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../task/tests/conformance");
    let entries = fs::read_dir(folder).expect("the corpus is there").flatten().map(|entry| entry.path());
    let mut cases: Vec<PathBuf> = entries.filter(|case| case.join("runs.txt").exists()).collect();
    cases.sort();
    cases
}

/// How a case ends, and what its steps print.
fn outcome(farm: &Farm, case: &Path) -> String {
    let source = source(case);
    let file = |name: &str| case.join(name).to_str().expect("cases have plain names").to_owned();
    let mut words = vec!["run".to_owned()];
    if case.join("input.yaml").exists() {
        words.extend(["--values".to_owned(), file("input.yaml")]);
    }
    for set in fs::read_to_string(case.join("set.txt")).unwrap_or_default().lines() {
        words.extend(["--set".to_owned(), set.to_owned()]);
    }
    words.push(source.path().to_str().expect("temporary folders have plain names").to_owned());
    let output = farm.acre(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let lines: String =
        output.stdout.lines().filter(|line| line.starts_with("> ")).map(|line| format!("{line}\n")).collect();
    format!("exit {}\n{lines}", output.code)
}

/// The source of a case: its tree, with the task file.
fn source(case: &Path) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let tree = case.join("tree");
    if tree.exists() {
        let copied = Command::new("cp").arg("-a").arg(tree.join(".")).arg(folder.path()).status();
        assert!(copied.is_ok_and(|status| status.success()), "{} can be copied", tree.display());
    }
    fs::copy(case.join("acb.yaml"), folder.path().join("acb.yaml")).expect("a case has a task file");
    folder
}
