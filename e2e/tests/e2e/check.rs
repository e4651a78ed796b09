//! `acre check` plans offline: the task files of ACR's own introductions.

use acre_e2e::{
    farm::{Farm, Part},
    source::Source,
};

/// A repository with the five task files, and what they build.
fn examples() -> Source {
    Source::new(&[
        ("000-0.yaml", include_str!("../../../task/tests/examples/000-0.yaml")),
        ("001-0.yaml", include_str!("../../../task/tests/examples/001-0.yaml")),
        ("001-1.yaml", include_str!("../../../task/tests/examples/001-1.yaml")),
        ("002-0.yaml", include_str!("../../../task/tests/examples/002-0.yaml")),
        ("002-1.yaml", include_str!("../../../task/tests/examples/002-1.yaml")),
        ("Dockerfile", "FROM scratch\n"),
        ("funcTests/Dockerfile", "FROM scratch\n"),
    ])
}

#[test]
fn introductions_plan_or_are_refused_with_place_and_remedy() {
    let farm = Farm::on("unix:///nowhere/engine.sock");
    let examples = examples();
    let check = |name: &str| farm.acre(&["check", "-r", "myregistry.example", "-f", name, examples.arg()]);
    for name in ["000-0.yaml", "001-0.yaml", "002-0.yaml"] {
        let plan = check(name);
        let lines: Vec<&str> = plan.ended(0).stdout.lines().collect();
        assert_eq!(lines.len(), 2, "{plan}");
        assert!(lines[0].contains("myregistry.example/hello-world:"), "{plan}");
        assert!(lines[1].contains("<- acb_step_0@linux/amd64"), "{plan}");
    }
    let unknown = check("001-1.yaml");
    unknown.ended(2).says("--> 001-1.yaml:11:12\n");
    unknown.says("step `push` waits for `build`, which is not a step; did you mean `build-web`?");
    let no_colon = check("002-1.yaml");
    no_colon.ended(2).says("--> 002-1.yaml:7:5\n").says("`build` needs a colon after it");
    no_colon.says("write `build: -t myregistry.example/hello-world-tests ./funcTests`");

    assert_eq!([farm.pid(Part::Scheduler), farm.pid(Part::Agent)], [None, None]);
    assert!(!farm.state().exists(), "it needs no farm");
}

#[test]
fn without_a_registry_the_place_that_needs_one_is_told() {
    let farm = Farm::new();
    let output = farm.acre(&["check", "-f", "000-0.yaml", examples().arg()]);
    output.ended(2).says("no registry is known").says("--registry HOST");
}
