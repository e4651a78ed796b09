//! What builds learn of where their images come from and go to: that nothing but pushes takes them, that registries are
//! asked for what they are built on.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use acre_model::{
    ids::RunId,
    plan::{Action, Build, Plan, Unit},
    platform::Platform,
    secret::Nonce,
    time::Timestamp,
};
use acre_task::{Files, Input, Presets, RunFacts, compile};

/// Dockerfiles by what they build on.
struct Dockerfiles;

impl Files for Dockerfiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let text = match path {
            "Dockerfile" => "FROM alpine:3\nRUN true\n",
            "onto" => "FROM r/a:1\n",
            "unknown" => "FROM $NOBODY\n",
            _ => return None,
        };
        Some(text.into())
    }

    fn list(&self, _folder: &str) -> Option<Vec<String>> {
        None
    }
}

/// The plan of these steps.
fn plan(steps: &str, platforms: &[Platform]) -> Plan {
    let text = format!("version: v1.1.0\nsteps:\n{steps}");
    let facts = RunFacts {
        id: RunId::new(1_795_197_781, 7, 0),
        now: Timestamp::from_millis(1_795_197_781_000),
        commit: None,
        branch: None,
        repository: None,
        git_tag: None,
        triggered_by: "manual".to_owned(),
        task_name: None,
        nonce: Nonce::new(7),
    };
    let input = Input {
        file: "acb.yaml",
        text: &text,
        values: &[],
        sets: &[],
        secret_sets: &[],
        platforms,
        registry: None,
        facts: &facts,
        presets: &Presets::default(),
        files: &Dockerfiles,
        has_tree: true,
        source: None,
    };
    compile(&input).unwrap_or_else(|faults| panic!("{text}\n{faults}")).plan
}

/// The builds of a plan of which something is so, by their names.
fn builds(plan: &Plan, is_so: impl Fn(&Build) -> bool) -> Vec<String> {
    let is_so = |unit: &&Unit| matches!(&unit.action, Action::Build(build) if is_so(build));
    plan.units.iter().filter(is_so).map(|unit| unit.name.clone()).collect()
}

/// The builds of the steps that know of it, by their names.
fn only_pushed(steps: &str, platforms: &[Platform]) -> Vec<String> {
    builds(&plan(steps, platforms), |build| build.only_pushed)
}

#[test]
fn registries_are_asked_for_what_is_built_on_but_for_what_the_plan_builds() {
    let table = [
        ("", &["b@linux/amd64"][..]),
        ("- {id: o, build: -t r/b:1 ., when: ['-']}\n", &["b@linux/amd64", "o@linux/amd64"]),
        ("- {id: o, build: -t r/b:1 -f onto ., when: [b]}\n", &["b@linux/amd64"]),
        // What it is built on may be `r/a:1`.
        ("- {id: o, build: -t r/b:1 -f unknown ., when: [b]}\n", &["b@linux/amd64"]),
    ];
    for (more, expected) in table {
        let mut plan = plan(&format!("{BUILD}{more}"), &[]);
        acre_task::plan::pull_bases(&mut plan);
        assert_eq!(builds(&plan, |build| build.pull), expected, "{more}");
    }
    let mut alone = plan("- {id: o, build: -t r/b:1 -f unknown .}\n", &[]);
    acre_task::plan::pull_bases(&mut alone);
    assert_eq!(builds(&alone, |build| build.pull), ["o@linux/amd64"]);
}

const BUILD: &str = "- {id: b, build: -t r/a:1 .}\n";
const PUSH: &str = "- {id: p, push: [r/a:1]}\n";

#[test]
fn an_image_that_is_taken_by_nothing_but_its_pushes_need_not_be_stored() {
    let table = [
        ("", true),
        ("- {id: c, cmd: 'other:1 true', when: ['-']}\n", true),
        ("- {id: o, build: -t r/b:1 -f unknown ., when: ['-']}\n", false),
        ("- {id: o, build: -t r/b:1 ., when: ['-']}\n", true),
        ("- {id: o, build: -t r/a:1 ., when: [b]}\n", false),
        ("- {id: o, build: -t r/b:1 -f onto ., when: [b]}\n", false),
        ("- {id: c, cmd: 'r/a:1 true', when: [p]}\n", false),
        ("- {id: c, cmd: 'r/a:2 true', when: [p]}\n", true),
        ("- {id: q, push: [r/a:1], when: [c]}\n- {id: c, cmd: 'other:1 true', when: [p]}\n", false),
        ("- {id: q, push: [r/a:1], when: [b]}\n", true),
    ];
    for (more, expected) in table {
        let found = only_pushed(&format!("{BUILD}{PUSH}{more}"), &[]).contains(&"b@linux/amd64".to_owned());
        assert_eq!(found, expected, "{more}");
    }
}

#[test]
fn all_its_names_are_pushed_to_one_repository_right_after_it() {
    let table = [
        ("- {id: b, build: -t r/a:1 .}\n", &[][..]),
        ("- {id: b, build: -t r/a:1 -t r/a:2 .}\n- {id: p, push: [r/a:1]}\n", &[]),
        ("- {id: b, build: -t r/a:1 -t r/a:2 .}\n- {id: p, push: [r/a:1, r/a:2]}\n", &["b@linux/amd64"]),
        ("- {id: b, build: -t r/a:1 -t r/b:1 .}\n- {id: p, push: [r/a:1, r/b:1]}\n", &[]),
        ("- {id: b, build: -t r/a:1 .}\n- {id: p, push: [r/a:1], when: ['-']}\n", &[]),
        (
            "- {id: b, build: -t r/a:1 .}\n- {id: t, cmd: 'other:1 test', when: ['-']}\n\
             - {id: p, push: [r/a:1], when: [b, t]}\n",
            &[],
        ),
        (
            "- {id: t, cmd: 'other:1 test'}\n- {id: b, build: -t r/a:1 .}\n- {id: p, push: [r/a:1], when: [t, b]}\n",
            &["b@linux/amd64"],
        ),
        ("- {id: b, build: -f unknown -t r/a:1 .}\n- {id: p, push: [r/a:1]}\n", &["b@linux/amd64"]),
    ];
    for (steps, expected) in table {
        assert_eq!(only_pushed(steps, &[]), expected, "{steps}");
    }
}

#[test]
fn each_platform_is_taken_by_its_own_pushes() {
    let platforms = ["linux/amd64", "linux/arm64"].map(|platform| platform.parse().unwrap());
    let both = ["b@linux/amd64", "b@linux/arm64"];
    assert_eq!(only_pushed(&format!("{BUILD}{PUSH}"), &platforms), both);
    let test = "- {id: t, cmd: 'r/a:1 true', when: [p]}\n";
    assert_eq!(only_pushed(&format!("{BUILD}{PUSH}{test}"), &platforms), [""; 0]);
}
