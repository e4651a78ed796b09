//! `.dockerignore`, compared with what the engine itself makes of it.

use acre_e2e::{engine::docker, farm::Farm, source::Source};

/// Rules, each tried on the same files. (An exception with `**` below an ignored folder is not among them: there Docker's
/// classic client and BuildKit differ.)
const RULES: [&str; 12] = [
    "*.md\n!README.md\n",
    "**/*.log\n",
    "docs\n!docs/keep\n",
    "/a/b\n",
    "a/*/c\n",
    "*\n!a\n",
    "**\n!docs/keep\n",
    "# comment\n\n  spaced  \n!\\!odd\n",
    "a/b/\n./docs/..\n",
    "[a-c]\n",
    "a?b\n**/deep/**\n",
    "dir with space\nü\n",
];

const FILES: [&str; 18] = [
    "README.md",
    "other.md",
    "a/b/c",
    "a/x/c",
    "a/x/d",
    "a/top",
    "b",
    "c/d",
    "docs/keep",
    "docs/drop",
    "x.log",
    "deep/y.log",
    "deep/keep",
    "e/deep/f",
    "spaced",
    "a-b",
    "dir with space/f",
    "ü/g",
];

#[test]
fn the_same_files_stay_behind_as_with_docker_build() {
    let farm = Farm::new();
    let dockerfile = farm.text("FROM {base}\nCOPY . /context\nRUN find /context -type f | sort >/list\n");
    let files: Vec<(&str, &str)> =
        FILES.iter().map(|path| (*path, "x")).chain([("Dockerfile", dockerfile.as_str())]).collect();
    let source = Source::new(&files);
    for (number, rules) in RULES.iter().enumerate() {
        source.write(".dockerignore", rules);
        let (ours, theirs) = (farm.image(&format!("ours:{number}")), farm.image(&format!("theirs:{number}")));
        farm.acre(&["build", "--no-push", "-t", &ours, source.arg()]).ended(0);
        docker(&["build", "--quiet", "--tag", &theirs, source.arg()]).ended(0);
        let list = |image: &str| docker(&["run", "--rm", image, "cat", "/list"]).ended(0).stdout.clone();
        assert_eq!(list(&ours), list(&theirs), "with the rules {rules:?}");
    }
}

/// A folder in which a Dockerfile that is not called so is left out by these rules, or by those of its own.
fn with_other(farm: &Farm, rules: &[(&str, &str)]) -> Source {
    let dockerfile = farm.text("FROM {base}\nCOPY . /context\nRUN find /context -type f | sort >/list\n");
    let files = [("build/other", dockerfile.as_str()), ("build/x", "x"), ("docs/x", "x"), ("src/x", "x")];
    Source::new(&[&files, rules].concat())
}

/// What of the context an image has that was built from it.
fn listed(image: &str) -> Vec<String> {
    let output = docker(&["run", "--rm", image, "cat", "/list"]);
    output.ended(0).stdout.lines().map(|path| path.trim_start_matches("/context/").to_owned()).collect()
}

/// Builds with `acre build`, and as a step of a task; both must have the same context, which is returned.
#[track_caller]
fn built(farm: &Farm, source: &Source, number: usize) -> Vec<String> {
    let (alone, in_a_task) = (farm.image(&format!("alone:{number}")), farm.image(&format!("task:{number}")));
    farm.acre(&["build", "--no-push", "-f", "build/other", "-t", &alone, source.arg()]).ended(0);
    let task = format!("steps:\n  - build: -f build/other -t {in_a_task} .\n");
    farm.acre_with(&[], &task, &["run", "-f", "-", source.arg()]).ended(0);
    let alone = listed(&alone);
    assert_eq!(listed(&in_a_task), alone);
    alone
}

#[test]
fn a_dockerfile_is_sent_whatever_the_rules_say() {
    let farm = Farm::new();
    for (number, rules) in ["build\n", "*\n!src\n"].iter().enumerate() {
        let source = with_other(&farm, &[(".dockerignore", rules)]);
        let (dockerfile, theirs) = (format!("{}/build/other", source.arg()), farm.image(&format!("theirs:{number}")));
        docker(&["build", "--quiet", "--file", &dockerfile, "--tag", &theirs, source.arg()]).ended(0);
        assert_eq!(built(&farm, &source, number), listed(&theirs), "with the rules {rules:?}");
    }
}

#[test]
fn a_dockerfile_has_rules_of_its_own() {
    let farm = Farm::new();
    // As BuildKit has it: they stand in place of the context's, which go as any other file.
    for (number, (common, own, expected)) in
        [("", "build\ndocs\n.dockerignore\n", ["src/x"]), ("docs\n", "**\n!docs\n", ["docs/x"])].into_iter().enumerate()
    {
        let source = with_other(&farm, &[(".dockerignore", common), ("build/other.dockerignore", own)]);
        assert_eq!(built(&farm, &source, number), expected, "with {common:?} and {own:?}");
    }
}
