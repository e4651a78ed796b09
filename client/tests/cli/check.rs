//! `acre check`: plans and faults, without a farm.

use crate::support::acre::{World, end, end_with_input};

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
    let table: [(&[&str], &str); 7] = [
        (&["check"], "has no task file (acb.yaml, acr-task.yaml, acre.yaml); name one with --file"),
        (&["check", "-f", "../acb.yaml"], "write a path relative to the source"),
        (&["check", "https://u:token@h.example/r.git"], "`https://***@h.example/r.git` is not at hand"),
        (&["check", "https://h.example/x.tgz"], "pipe the archive in, as in `curl -L ADDRESS | acre check -`"),
        (&["check", "oci://h.example/x:1"], "pull the artifact, and check its folder"),
        (&["check", "nowhere"], "does not exist"),
        (&["check", "/dev/null"], "give a command with --cmd"),
    ];
    for (words, expected) in table {
        let ended = end(world.acre(words)).await;
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{words:?}: {ended:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.lines().count() == 1, "{words:?}: {ended:?}");
    }
}

#[tokio::test]
async fn an_archive_on_standard_input_is_checked_as_a_folder_is() {
    let world = World::default();
    world.write("src/acb.yaml", "steps:\n  - build: -t r.example/app:1 -f sub/Dockerfile .\n");
    world.write("src/other.yaml", "steps:\n  - build: -f missing .\n");
    world.write("src/sub/Dockerfile", "FROM base.example/base:1\n");
    let mut tar = tokio::process::Command::new("tar");
    let archive = tar.args(["-C", "src", "-cz", "."]).current_dir(world.folder.path()).output().await.unwrap().stdout;
    let table: [(&[&str], &[u8], i32, &str); 5] = [
        (&["check", "-"], &archive, 0, "base.example/base:1"),
        (&["check", "-f", "other.yaml", "-"], &archive, 2, "no Dockerfile at `missing`; the context has: "),
        (&["check", "-f", "nowhere.yaml", "-"], &archive, 2, "the archive has no task file (nowhere.yaml)"),
        (&["check", "--cmd", "bash", "-"], &archive, 0, "bash"),
        (&["check", "-"], b"no archive", 2, "standard input as source: "),
    ];
    for (words, input, code, expected) in table {
        let ended = end_with_input(world.acre(words), input).await;
        assert_eq!(ended.code, Some(code), "{words:?}: {ended:?}");
        assert!(ended.stdout.contains(expected) || ended.stderr.contains(expected), "{words:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_task_that_is_here_is_checked_for_a_source_at_an_address() {
    let world = World::default();
    let words = ["check", "-f", "-", "https://h.example/r.git#main"];
    let ended = end_with_input(world.acre(&words), b"steps:\n  - build: -t r.example/app:1 .\n").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("https://h.example/r.git"), "{ended:?}");
}

#[tokio::test]
async fn a_dockerfile_that_the_rules_leave_out_is_there_all_the_same() {
    let world = World::default();
    world.write(".dockerignore", "build\n");
    world.write("build/Dockerfile", "FROM base.example/base:1\n");
    world.write("build/alias.yaml", "x: y\n");
    world.write("acb.yaml", "steps:\n  - build: -t r.example/app:1 -f build/Dockerfile .\n");
    world.write("alias.yaml", "version: v1.1.0\nalias:\n  src: [build/alias.yaml]\nsteps: []\n");
    let found = end(world.acre(&["check"])).await;
    assert!(found.code == Some(0) && found.stdout.contains("base.example/base:1"), "{found:?}");
    let left_out = end(world.acre(&["check", "-f", "alias.yaml"])).await;
    assert!(left_out.code == Some(2) && left_out.stderr.contains("no such file in the source tree"), "{left_out:?}");
}
