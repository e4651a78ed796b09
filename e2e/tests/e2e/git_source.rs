//! Git addresses as source: branches, folders, commits, and what is not there.

use acre_e2e::{farm::Farm, git::GitServer};

/// What a repository holds: a task at its root and one in a folder.
fn files(farm: &Farm, word: &str) -> Vec<(&'static str, String)> {
    let task = |path: &str| farm.text(&format!("steps:\n  - cmd: {{base}} cat {path}\n"));
    vec![
        ("acb.yaml", task("word")),
        ("word", format!("{word}\n")),
        ("sub/acb.yaml", task("inner")),
        ("sub/inner", format!("inner {word}\n")),
    ]
}

/// A repository whose branch `main` says `one` in its first commit and `two` in its second, and `side` on another
/// branch; and its first commit.
fn repository(farm: &Farm) -> (GitServer, String) {
    let server = GitServer::new();
    let commit = |branch: &str, word: &str| {
        let files = files(farm, word);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (*path, content.as_str())).collect();
        server.commit(branch, &files)
    };
    let first = commit("main", "one");
    commit("main", "two");
    commit("side", "side");
    (server, first)
}

#[test]
fn a_repository_runs_without_any_other_command_first() {
    let farm = Farm::new();
    let (server, _) = repository(&farm);
    let run = farm.acre(&["run", "-f", "acb.yaml", &format!("{}#main", server.url())]);
    assert_eq!(run.ended(0).printed(), ["two"]);
}

#[test]
fn the_reference_says_which_files() {
    let farm = Farm::new();
    let (server, first) = repository(&farm);
    for (reference, printed) in [
        ("", "two"),
        ("#main", "two"),
        ("#side", "side"),
        ("#main:sub", "inner two"),
        ("#side:sub", "inner side"),
        ("#:sub", "inner two"),
        (&format!("#{first}"), "one"),
        (&format!("#{first}:sub"), "inner one"),
    ] {
        let run = farm.acre(&["run", &format!("{}{reference}", server.url())]);
        assert_eq!(run.ended(0).printed(), [printed], "{reference}");
    }
}

#[test]
fn the_report_names_the_commit() {
    let farm = Farm::new();
    let (server, first) = repository(&farm);
    let run = farm.acre(&["run", &format!("{}#{first}", server.url())]).ended(0).run_id();
    assert_eq!(farm.show(&run)["report"]["git"]["git-head-revision"], first.as_str());
}

#[test]
fn what_is_not_in_the_repository_is_named() {
    let farm = Farm::new();
    let (server, _) = repository(&farm);
    let absent = "0123456789012345678901234567890123456789";
    for (words, message) in [
        (&["#nosuch"][..], "nosuch"),
        (&[&format!("#{absent}")], absent),
        (&["#main:nofolder"], "nofolder"),
        (&["#main", "-f", "nofile.yaml"], "nofile.yaml"),
    ] {
        let address = format!("{}{}", server.url(), words[0]);
        let run = farm.acre(&[&["run", &address], &words[1..]].concat());
        run.ended(1).says("failed after").says(message);
    }
}

#[test]
fn a_repository_that_nobody_serves_is_told_with_its_address() {
    let farm = Farm::new();
    let address = acre_e2e::registry::closed();
    let run = farm.acre(&["run", &format!("http://{address}/repo.git#main")]);
    run.ended(1).says(&address);
}

#[test]
fn faults_of_a_fetched_task_are_told_with_their_line() {
    let farm = Farm::new();
    let server = GitServer::new();
    server.commit("main", &[("acb.yaml", "steps:\n  - cmd: x\n    when: [nobody]\n")]);
    let run = farm.acre(&["run", &format!("{}#main", server.url())]);
    run.ended(1).says("acb.yaml:3:").says("`nobody`");
}
