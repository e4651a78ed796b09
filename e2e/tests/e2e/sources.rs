//! Where files come from, besides a folder: archives, artifacts, standard input, git in all its ways; also as the
//! context of a build.

use acre_e2e::{
    farm::Farm,
    files,
    git::GitServer,
    program::{Output, Running},
    registry,
    source::Source,
};
use std::process::Command;

/// A tar archive of these files, compressed by this program (of `tar`'s option `--use-compress-program`).
fn archive(compressor: Option<&str>, files: &[(&str, &str)]) -> Vec<u8> {
    let folder = Source::new(files);
    let mut command = Command::new("tar");
    command.args(compressor.map(|program| format!("--use-compress-program={program}")));
    command.args(["-cf", "-", "-C", folder.arg(), "."]);
    Running::start(command).bytes()
}

fn task(farm: &Farm, path: &str) -> String {
    farm.text(&format!("steps:\n  - cmd: {{base}} cat {path}\n"))
}

#[test]
fn archives_are_fetched_however_they_are_compressed() {
    let farm = Farm::new();
    let task = task(&farm, "word");
    let content =
        [("acb.yaml", task.as_str()), ("word", "archived\n"), ("sub/acb.yaml", &task), ("sub/word", "inner\n")];
    let kinds = [
        ("a.tar", None),
        ("a.tar.gz", Some("gzip")),
        ("a.tar.bz2", Some("bzip2")),
        ("a.tar.xz", Some("xz")),
        ("a.tar.zst", Some("zstd")),
    ];
    let archives: Vec<(&str, Vec<u8>)> = kinds.map(|(name, program)| (name, archive(program, &content))).into();
    let server = files::serve(&archives);
    for (name, _) in &archives {
        let output = farm.acre(&["run", &format!("{server}/{name}")]);
        assert_eq!(output.ended(0).printed(), ["archived"], "{name}");
    }
    let output = farm.acre(&["run", &format!("{server}/a.tar.gz#:sub")]);
    assert_eq!(output.ended(0).printed(), ["inner"]);
    farm.acre(&["run", &format!("{server}/missing.tar.gz")]).ended(1).says("404").says("missing.tar.gz");
}

#[test]
fn files_of_aliases_are_fetched_before_the_task_is_compiled() {
    let farm = Farm::new();
    let server =
        files::serve(&[("a.yaml", b"word: fetched\nshow: echo\n".to_vec()), ("b.yaml", b"word: later\n".to_vec())]);
    let task = |aliases: &str| {
        farm.text(&format!(
            "version: v1.1.0\nalias:\n  src: [{aliases}]\nsteps:\n  - cmd: {{base}} echo $word $other\n"
        ))
    };
    let both = task(&format!("{server}/a.yaml, own.yaml, {server}/b.yaml"));
    let source = Source::new(&[("acb.yaml", &both), ("own.yaml", "word: own\nother: of the source\n")]);
    let printed = ["later of the source"];
    assert_eq!(farm.acre(&["run", source.arg()]).ended(0).printed(), printed);
    farm.acre(&["check", source.arg()]).ended(0).says("a.yaml` are not known here").says("aliases");

    let repository = GitServer::new();
    repository.commit("main", &[("acb.yaml", &both), ("own.yaml", "other: of the source\n")]);
    assert_eq!(farm.acre(&["run", &repository.url()]).ended(0).printed(), printed);
    let given = farm.acre_with(&[], &both, &["run", "-f", "-", &repository.url()]);
    assert_eq!(given.ended(0).printed(), printed);

    let missing = Source::new(&[("acb.yaml", &task(&format!("{server}/none.yaml")))]);
    farm.acre(&["run", missing.arg()]).ended(1).says("404").says("none.yaml");
}

#[test]
fn hostile_archives_are_refused() {
    let farm = Farm::new();
    let folder = Source::new(&[("in", "x")]);
    let mut command = Command::new("tar");
    command.args(["-cf", "-", "-P", "-C", folder.arg(), "--transform=s,^in$,../out,", "in"]);
    let server =
        files::serve(&[("up.tar", Running::start(command).bytes()), ("not.tar.gz", b"not an archive".to_vec())]);
    farm.acre(&["run", &format!("{server}/up.tar")]).ended(1).says("../out");
    farm.acre(&["run", &format!("{server}/not.tar.gz")]).ended(1).says("not.tar.gz");
}

#[test]
fn standard_input_may_be_an_archive() {
    let farm = Farm::new();
    let task = task(&farm, "word");
    let folder = Source::new(&[("acb.yaml", &task), ("word", "piped\n")]);
    for compress in ["", "z"] {
        let script = format!("tar -c{compress}f - -C {} . | exec \"$0\" run -", folder.arg());
        let output = shell(&farm, &script);
        assert_eq!(output.ended(0).printed(), ["piped"], "{script}");
    }
}

/// Runs a script of the test's own, in which `$0` is `acre`.
fn shell(farm: &Farm, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(acre_e2e::program::binary("acre")).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", farm.home()).env("DOCKER_HOST", acre_e2e::engine::address());
    Running::start(command).end()
}

#[test]
fn pull_requests_and_submodules_are_fetched() {
    let farm = Farm::new();
    let server = GitServer::new();
    server.commit("main", &[("acb.yaml", &task(&farm, "word")), ("word", "main\n")]);
    for (reference, word) in [("refs/pull/7/head", "head\n"), ("refs/pull/7/merge", "merge\n")] {
        server.commit_to(reference, &[("acb.yaml", &task(&farm, "word")), ("word", word)]);
    }
    for (reference, printed) in [("main", "main"), ("pull/7/head", "head"), ("pull/7/merge", "merge")] {
        let output = farm.acre(&["run", &format!("{}#{reference}", server.url())]);
        assert_eq!(output.ended(0).printed(), [printed], "{reference}");
    }
    let inner = GitServer::new();
    inner.commit("main", &[("inside", "of the submodule\n")]);
    let commit = server.commit_submodule("outer", &[("acb.yaml", &task(&farm, "lib/inside"))], "lib", &inner.url());
    let output = farm.acre(&["run", &format!("{}#outer", server.url())]);
    assert_eq!(output.ended(0).printed(), ["of the submodule"], "{commit}");
}

#[test]
fn a_step_builds_from_an_address_that_is_fetched_once() {
    let farm = Farm::new();
    let server = GitServer::new();
    let dockerfile = farm.text("FROM {base}\nCOPY word /word\n");
    server.commit(
        "main",
        &[
            ("Dockerfile", &dockerfile),
            ("word", "from git\n"),
            ("sub/Dockerfile", &dockerfile),
            ("sub/word", "deeper\n"),
        ],
    );
    let url = server.url();
    let task = format!(
        "steps:\n  - build: -t {{repo}}/one:1 {url}#main\n  - build: -t {{repo}}/two:1 {url}#main\n  - build: -t {{repo}}/sub:1 {url}#main:sub\n  \
         - cmd: {{repo}}/one:1 cat /word\n  - cmd: {{repo}}/two:1 cat /word\n  - cmd: {{repo}}/sub:1 cat /word\n"
    );
    let output = farm.task(&task);
    let words: Vec<&str> =
        output.ended(0).printed().into_iter().filter(|line| ["from git", "deeper"].contains(line)).collect();
    assert_eq!(words, ["from git", "from git", "deeper"]);
    assert_eq!(output.stdout.matches("Fetched commit").count(), 2, "one for each folder: {output}");
}

#[test]
fn an_artifact_of_a_registry_may_be_the_source() {
    let farm = Farm::new();
    let archive = archive(Some("gzip"), &[("acb.yaml", &task(&farm, "word")), ("word", "an artifact\n")]);
    let name = farm.image("source");
    let repository = name.split_once('/').expect("it has a registry").1;
    registry::put_artifact(repository, "1", &archive);
    let output = farm.acre(&["run", &format!("oci://{name}:1")]);
    assert_eq!(output.ended(0).printed(), ["an artifact"]);
    farm.acre(&["run", &format!("oci://{name}:2")]).ended(1).says(&format!("{repository}:2"));
}
