//! Task files that are wrong: nothing is run, and the message has the place, the fault and the remedy.

use acre_e2e::{farm::Farm, source::Source};

/// A task file, where its fault is, and what must be said of it.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CASES: [Case; 16] = [
    ("steps:\n\t- cmd: i\n", "2:2", &["tabs disallowed", "YAML is indented with blanks"]),
    ("steps:\n  - cmd: i\nsteps: []\n", "3:1", &["the key `steps` is there twice, first in line 1"]),
    ("steps: []\n---\nsteps: []\n", "2:1", &["a second YAML document"]),
    ("version: v9\nsteps: []\n", "1:10", &["`v9` is not a version of the task language; known are v1.1.0"]),
    ("steps:\n  - build -t a .\n", "2:5", &["`build` needs a colon after it", "write `build: -t a .`"]),
    ("steps:\n  - build: -t a .\n    cmd: i\n", "2:5", &["has both `build` and `cmd`", "make two steps of it"]),
    ("steps:\n  - comand: i\n", "2:5", &["the step does nothing", "did you mean `cmd`?"]),
    ("steps:\n  - id: ../../etc\n    cmd: i\n", "2:9", &["is not a step id: it must be 1 to 63 of"]),
    ("steps:\n  - id: a\n    cmd: i\n  - id: a\n    cmd: i\n", "4:9", &["the id `a` is there twice"]),
    (
        "steps:\n  - id: build-web\n    cmd: i\n  - cmd: i\n    when: [build]\n",
        "5:12",
        &["waits for `build`, which is not a step; did you mean `build-web`?"],
    ),
    (
        "steps:\n  - id: a\n    cmd: i\n    when: [b]\n  - id: b\n    cmd: i\n    when: [a]\n",
        "2:9",
        &["the steps wait for each other: a → b → a"],
    ),
    ("steps:\n  - cmd: i\n    timeout: 10 years\n", "3:14", &["must be a whole number of seconds from 1 to"]),
    ("steps:\n  - cmd: i a | b\n", "2:14", &["`|` is for a shell", "call the image's own shell"]),
    ("steps:\n  - build: -t Hello .\n", "2:12", &["`Hello`: a repository is made of a-z and 0-9"]),
    ("steps:\n  - cmd: i {{ .Run.ID\n", "2:12", &["not a valid template: unclosed action"]),
    ("steps:\n  - build: -t {{.Run.Registry}}/a .\n", "2:17", &["no registry is known", "--registry HOST"]),
];

#[test]
fn each_fault_is_told_with_its_place_and_nothing_runs() {
    let farm = Farm::new();
    let source = Source::new(&[("Dockerfile", &farm.text("FROM {base}\n"))]);
    for (task, place, messages) in CASES {
        source.write("acb.yaml", task);
        let output = farm.acre(&["run", source.arg()]);
        output.ended(2).says(&format!("--> acb.yaml:{place}\n")).says_not("Queued a run");
        output.says_all(messages);
        // Offline it is the same.
        let checked = farm.acre(&["check", source.arg()]);
        checked.ended(2).says(&format!("--> acb.yaml:{place}\n"));
    }
    assert_eq!(farm.acre(&["list"]).ended(0).stdout.lines().count(), 1, "the header alone");
}

#[test]
fn all_faults_are_told_at_once() {
    let farm = Farm::new();
    let task = "steps:\n  - id: a b\n    cmd: i\n  - cmd: i && j\n  - cmd: i\n    when: [nobody]\n";
    let output = farm.task(task);
    for place in ["2:9", "4:12", "6:12"] {
        output.ended(2).says(&format!("--> standard input:{place}\n"));
    }
}

#[test]
fn a_task_that_is_too_large_or_not_there_is_refused() {
    let farm = Farm::new();
    let source = Source::new(&[("large.yaml", &"#".repeat(2 << 20)), ("sub/x", "")]);
    for (words, messages) in [
        (&["-f", "large.yaml", source.arg()][..], &["large.yaml", "1 MiB"][..]),
        (&["-f", "nosuch.yaml", source.arg()], &["`nosuch.yaml` is looked up in the source", "where it is not"]),
        (&["-f", "../x.yaml", source.arg()], &["a path relative to the source, inside of it"]),
        (&[source.arg()], &["acb.yaml"]),
        (&["/no/such/folder"], &["source `/no/such/folder` does not exist", "an address, - or /dev/null"]),
        (&["/dev/null"], &["/dev/null has no task file", "--cmd"]),
    ] {
        let output = farm.acre(&[&["run"], words].concat());
        output.ended(2).says_all(messages);
    }
}

#[test]
fn a_command_line_that_is_wrong_says_what_is_right() {
    let farm = Farm::new();
    for (words, code, message) in [
        (&["runn"][..], 2, "'run'"),
        (&["run", "--platfrom", "x", "."], 2, "--platform"),
        (&["run", "--cmd", "i", "--platform", "a/b/c/d", "/dev/null"], 2, "a/b/c/d"),
        (&["run", "--cmd", "i", "--timeout", "10 years", "/dev/null"], 2, "10 years"),
        (&["run", "--cmd", "i", "--set", "x", "/dev/null"], 2, "--set `x` is not KEY=VALUE"),
        (&["--farm", "nosuch", "list"], 2, "no farm is named `nosuch`"),
        (&["--farm", "unix:/no/such.sock", "list"], 6, "/no/such.sock"),
        (&["logs", "not-a-run!"], 2, "not-a-run!"),
    ] {
        farm.acre(words).ended(code).says(message).says_not("panicked");
    }
    farm.shell("true").ended(0);
    for words in [&["show", "0000000000"][..], &["logs", "0000000000"], &["cancel", "0000000000"]] {
        farm.acre(words).ended(2).says("0000000000");
    }
    farm.acre(&["logs", "--step", "nosuch", "last"]).ended(2).says("has no step `nosuch`");
}
