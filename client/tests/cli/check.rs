//! `acre check`: plans and faults, without a farm.

use crate::support::acre::{World, end};

const TASK: &str =
    "version: v1.1.0\nsteps:\n  - id: web\n    build: -t $Registry/web:1 .\n  - cmd: $Registry/web:1 serve\n";

#[tokio::test]
async fn a_plan_is_printed_for_people_and_programs() {
    let world = World::default();
    world.write("acb.yaml", TASK);
    world.write("Dockerfile", "FROM base.example/base:1\n");
    let dump = end(world.acre(&["check", "-r", "r.example"])).await;
    assert_eq!((dump.code, dump.stderr.as_str()), (Some(0), ""), "{dump:?}");
    assert!(
        ["web@linux/amd64", "r.example/web:1 serve", "base.example/base:1"]
            .iter()
            .all(|part| dump.stdout.contains(part))
    );
    let json = end(world.acre(&["check", "-r", "r.example", "-o", "json"])).await;
    let plan: acre_model::plan::Plan = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((plan.units.len(), plan.groups.len()), (2, 1), "{json:?}");
}

#[tokio::test]
async fn platforms_of_the_command_line_make_an_index() {
    let world = World::default();
    world.write("acb.yaml", "steps:\n  - build: -t r.example/app:1 .\n  - push: r.example/app:1\n");
    world.write("Dockerfile", "FROM base.example/base:1\n");
    let words = ["check", "--platform", "linux/arm64,linux/386", "--emulation", "fallback:5m", "--allow-partial"];
    let dump = end(world.acre(&words)).await;
    for part in
        ["acb_step_0@linux/arm64", "r.example/app:1 (child)", "acb_step_1@index", "r.example/app:1 of 2, or fewer"]
    {
        assert!(dump.stdout.contains(part), "{part}: {dump:?}");
    }
    let whole = end(world.acre(&words[..3])).await;
    assert!(whole.stdout.contains("r.example/app:1 of 2  "), "{whole:?}");
    let table = [("--platform", "linux/amd64,plan9/mips", "plan9/mips"), ("--emulation", "never:3s", "takes a wait")];
    for (flag, value, expected) in table {
        let wrong = end(world.acre(&["check", flag, value])).await;
        assert!(wrong.code == Some(2) && wrong.stderr.contains(expected), "{flag} {value}: {wrong:?}");
    }
}

#[tokio::test]
async fn faults_and_warnings_go_to_standard_error() {
    let world = World::default();
    world.write("warned.yaml", "steps:\n  - cmd: bash\n    wehn: [\"-\"]\n");
    world.write("broken.yaml", "steps:\n  - cmd: bash\n    when: [nothing]\n");
    let warned = end(world.acre(&["check", "-f", "warned.yaml"])).await;
    assert!(warned.code == Some(0) && warned.stderr.contains("did you mean `when`?"), "{warned:?}");
    let strict = end(world.acre(&["check", "--strict", "-f", "warned.yaml"])).await;
    assert!(strict.code == Some(2) && strict.stdout.is_empty(), "{strict:?}");
    let broken = end(world.acre(&["check", "-f", "broken.yaml"])).await;
    assert!(broken.code == Some(2) && broken.stderr.contains("--> broken.yaml:3"), "{broken:?}");
}

#[tokio::test]
async fn sources_that_do_not_do_are_refused_with_a_remedy() {
    let world = World::default();
    let table: [(&[&str], &str); 5] = [
        (&["check"], "has no task file (acb.yaml, acr-task.yaml, acre.yaml); name one with --file"),
        (&["check", "-f", "../acb.yaml"], "write a path relative to the source"),
        (&["check", "https://h.example/r.git"], "fetch it and check its folder"),
        (&["check", "nowhere"], "does not exist"),
        (&["check", "/dev/null"], "give a command with --cmd"),
    ];
    for (words, expected) in table {
        let ended = end(world.acre(words)).await;
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{words:?}: {ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.lines().count() == 1, "{words:?}: {ended:?}");
    }
}
