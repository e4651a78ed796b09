//! The binary on a workspace of three crates: it passes as it is, and fails once it is broken on purpose.

#![allow(clippy::unwrap_used)]

use std::{fs, io::Write, path::Path, process::Command};

use tempfile::TempDir;

/// A copy of the fixture in a folder of its own.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture"), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// Adds `text` to the end of a file.
fn append(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A program in `folder`, deaf to any repository around it and to the one this test may be a hook of.
fn alone(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap());
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    command
}

/// The exit code and what was printed.
fn tidy(folder: &Path) -> (i32, String) {
    let output = alone(env!("CARGO_BIN_EXE_acre-tidy"), folder).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(printed).unwrap())
}

#[test]
fn a_tidy_workspace_passes() {
    assert_eq!(tidy(workspace().path()), (0, "tidy: 15 files, no findings\n".to_owned()));
}

#[test]
fn each_thing_broken_on_purpose_is_found() {
    for (file, text, finding) in [
        (
            "task/Cargo.toml",
            "acre-scheduler = { path = \"../scheduler\" }\n",
            "task/Cargo.toml:8: crate-edge: acre-task depends on acre-scheduler; ",
        ),
        (
            "model/Cargo.toml",
            "[dev-dependencies]\nacre-task = { path = \"../task\" }\n",
            "model/Cargo.toml:8: crate-edge: acre-model depends on acre-task; ",
        ),
        ("scheduler/src/lib.rs", "use gotmpl::Value;\n", "scheduler/src/lib.rs:9: crate-place: `gotmpl`; "),
        ("scheduler/src/lib.rs", "use acre_proto::v1;\n", "scheduler/src/lib.rs:9: wire-door: `acre_proto::v1`; "),
        ("scheduler/src/farm/mod.rs", "use std::fs;\n", "scheduler/src/farm/mod.rs:2: pure-room: `std::fs`; "),
        ("model/src/lib.rs", "fn f() { todo!() }\n", "model/src/lib.rs:2: unfinished: `todo!`; "),
        ("task/tests/a.rs", "//! A.\nuse tokio::time::sleep;\n", "task/tests/a.rs:2: sleep: `tokio::time::sleep`; "),
        ("task/src/a.rs", "mod b;\n", "task/src/a.rs:1: module-docs: the file does not begin with `//!`; "),
        ("infra/a.py", &"pass\n".repeat(601), "infra/a.py:601: file-length: 601 lines, more than 600; "),
        ("Cargo.lock", "[[package]]\nname = \"openssl\"\n", "Cargo.lock:2: lock-file: `openssl`; "),
        ("README.md", concat!("\nSee /wo", "rk/x.\n"), concat!("README.md:2: machine-path: `/wo", "rk/`; ")),
        ("README.md", concat!("pypi", ".org\n"), concat!("README.md:1: package-host: `pypi", ".org`; ")),
    ] {
        let folder = workspace();
        append(&folder.path().join(file), text);
        let (code, printed) = tidy(folder.path());
        assert_eq!(code, 1, "{file} + {text:?}: {printed}");
        assert!(printed.starts_with(finding) && printed.ends_with("\n1 finding\n"), "{file} + {text:?}: {printed}");
    }
}

#[test]
fn in_a_repository_the_tracked_files_count() {
    let folder = workspace();
    let git = |arguments: &[&str]| assert!(alone("git", folder.path()).args(arguments).status().unwrap().success());
    append(&folder.path().join("notes.rs"), "no docs\n");
    git(&["init", "--quiet"]);
    git(&["add", "--all", ":!notes.rs"]);
    assert_eq!(tidy(folder.path()), (0, "tidy: 15 files, no findings\n".to_owned()));
    git(&["add", "notes.rs"]);
    assert_eq!(tidy(folder.path()).0, 1);
}

#[test]
fn what_cannot_be_read_is_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let (code, printed) = tidy(folder.path());
    assert_eq!(code, 2, "{printed}");
    assert!(printed.starts_with("error: the workspace around the current folder cannot be read"), "{printed}");
}
