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
