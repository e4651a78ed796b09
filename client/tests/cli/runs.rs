//! `acre` before a farm: runs handed in, followed, left, canceled.

use crate::support::{
    acre::{AtWork, Ended, World, end},
    farm::Scenario,
    views,
};
use acre_model::{
    log::Stream,
    run::RunStatus,
    submission::{Source, TaskSource},
};
use tonic::Status;

/// A line with a time in front becomes one with `TIME`.
fn without_times(text: &str) -> String {
    let is_time = |line: &str| {
        let shape: String = line.chars().take(20).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape == "0000/00/00 00:00:00 "
    };
    let masked = text.lines().map(|line| if is_time(line) { format!("TIME {}", &line[20..]) } else { line.to_owned() });
    masked.map(|line| line + "\n").collect()
}

const LOG: [(Stream, &str); 4] = [
    (
        Stream::Notice,
        "2026/11/20 18:03:02 Executing step ID: test. Timeout(sec): 600, Working directory: '/workspace', Network: ''\n",
    ),
    (Stream::Stdout, "first\nsec"),
    (Stream::Stderr, "ond\nthree \x1b[31mred\x1b[2J"),
    (Stream::Notice, "2026/11/20 18:03:05 Step ID: test marked as successful (elapsed time in seconds: 3.200000)\n"),
];

fn scenario(status: RunStatus) -> Scenario {
    Scenario { log: views::log(2, &LOG), ..Scenario::ending(status) }
}

#[tokio::test]
async fn a_run_is_told_from_sending_to_report() {
    let world = World::default();
    world.write("src/acb.yaml", "steps:\n  - cmd: bash\n");
    world.write("src/sub/file", "content");
    let farm = world.farm(scenario(RunStatus::Succeeded));
    let ended = end(world.acre_on_farm(&["run", "-r", "myregistry.example", "--set", "a=b", "src"])).await;
    insta::assert_snapshot!("run_succeeded", without_times(&ended.stdout));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let submission = farm.asked(|asked| asked.submissions[0].clone());
    assert_eq!(submission.sets, [("a".to_owned(), "b".to_owned())]);
    assert_eq!(submission.source_shown, world.path("src").canonicalize().unwrap().to_str().unwrap());
    assert!(matches!(&submission.task, TaskSource::Text(task) if task.name == "acb.yaml"), "{submission:?}");
    let Source::Tree(tree) = submission.source else { panic!("{submission:?}") };
    let stored = farm.asked(|asked| asked.blobs.contains_key(&tree.as_bytes()[..]) && asked.blobs.len() == 4);
    assert!(stored, "the tree's root is on the farm, with its folder and two files");
}

#[tokio::test]
async fn what_the_farm_has_is_not_sent_again() {
    let world = World::default();
    world.write("src/acb.yaml", "steps: []");
    let farm = world.farm(scenario(RunStatus::Succeeded));
    for _ in 0..2 {
        assert_eq!(end(world.acre_on_farm(&["run", "src"])).await.code, Some(0));
    }
    assert_eq!(farm.asked(|asked| asked.blobs_put), 2, "one file and one folder, once");
    let keys = farm.asked(|asked| asked.submissions.iter().map(|one| one.idempotency_key.clone()).collect::<Vec<_>>());
    assert!(keys[0].is_some() && keys[0] != keys[1], "{keys:?}");
}

#[tokio::test]
async fn the_exit_code_says_how_a_run_ended() {
    for (status, code) in [
        (RunStatus::Succeeded, 0),
        (RunStatus::Failed, 1),
        (RunStatus::Canceled, 3),
        (RunStatus::Error, 4),
        (RunStatus::Timeout, 5),
    ] {
        let world = World::default();
        let _farm = world.farm(scenario(status));
        let ended = end(world.acre_on_farm(&["run", "--cmd", "bash -c true", "--no-logs", "/dev/null"])).await;
        assert_eq!(ended.code, Some(code), "{status}: {ended:?}");
        assert!(!ended.stdout.contains("three"), "{status}: no log was wished for: {ended:?}");
        let verdict = if code == 0 { "was successful after 12s" } else { "failed after 12s. Error: test@linux/amd64" };
        assert!(ended.stdout.contains(verdict), "{status}: {ended:?}");
    }
}

#[tokio::test]
async fn without_waiting_only_the_id_is_printed() {
    let world = World::default();
    let _farm = world.farm(scenario(RunStatus::Failed));
    let ended = end(world.acre_on_farm(&["run", "--cmd", "bash", "--no-wait", "/dev/null"])).await;
    assert_eq!(ended, Ended { code: Some(0), stdout: format!("{}\n", views::run_id()), stderr: String::new() });
}

#[tokio::test]
async fn programs_get_the_report_alone() {
    let world = World::default();
    let _farm = world.farm(scenario(RunStatus::Failed));
    let ended = end(world.acre_on_farm(&["run", "--cmd", "bash", "-o", "json", "/dev/null"])).await;
    let report: acre_model::report::Report = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, report.status), (Some(1), RunStatus::Failed));
    assert!(ended.stderr.contains("three"), "the log goes to standard error: {ended:?}");
}

#[tokio::test]
async fn a_run_is_shown_to_programs_with_its_report() {
    let world = World::default();
    let _farm = world.farm(scenario(RunStatus::Failed));
    let shown = end(world.acre_on_farm(&["show", "-o", "json"])).await;
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        (&shown["status"], &shown["units"][1]["result"]["pushed"]),
        (&"Failed".into(), &views::digest(0xcd).to_string().into())
    );
    let report: acre_model::report::Report = serde_json::from_value(shown["report"].clone()).unwrap();
    assert_eq!(report, views::report(&views::run(RunStatus::Failed)));
}

#[tokio::test]
async fn a_build_writes_its_metadata_and_says_where_its_image_is() {
    let world = World::default();
    world.write("src/Dockerfile", "FROM scratch\n");
    let farm = world.farm(scenario(RunStatus::Succeeded));
    let words = ["build", "-t", "web:1", "--metadata-file", "meta.json", "--no-logs", "src"];
    let ended = end(world.acre_on_farm(&words)).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("`web:1` stays on the engine of agent laptop"), "{ended:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(world.path("meta.json")).unwrap()).unwrap();
    assert_eq!(metadata["containerimage.digest"], views::digest(0xcd).to_string());
    let task = farm.asked(|asked| asked.submissions[0].task.clone());
    assert!(matches!(&task, TaskSource::Text(task) if task.text.contains("-t web:1")), "{task:?}");
}

#[tokio::test]
async fn faults_of_a_task_are_printed_as_they_come() {
    let world = World::default();
    let diagnostics = "error: `biuld` is not a step\n --> acb.yaml:3:5\n  |\n3 |     when: [biuld]\n  |            ^";
    let refusal = Some(Status::invalid_argument(diagnostics));
    let _farm = world.farm(Scenario { refusal, ..scenario(RunStatus::Failed) });
    let ended = end(world.acre_on_farm(&["run", "--cmd", "bash", "/dev/null"])).await;
    assert_eq!((ended.code, ended.stderr), (Some(2), format!("{diagnostics}\n")));
}

#[tokio::test]
async fn ctrl_c_leaves_and_the_run_goes_on() {
    let world = World::default();
    let farm = world.farm(Scenario { ends: false, ..scenario(RunStatus::Canceled) });
    let mut run = AtWork::start(world.acre_on_farm(&["run", "--cmd", "bash", "/dev/null"]));
    run.wait_for("second").await;
    run.interrupt();
    let ended = run.end().await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let hint = format!("`acre logs -f {id}` looks again, `acre cancel {id}` ends it", id = views::run_id());
    assert!(ended.stderr.contains(&hint), "{ended:?}");
    assert!(ended.stdout.contains("three"), "what was held back is printed: {ended:?}");
    assert_eq!(farm.asked(|asked| asked.canceled), 0);
}

#[tokio::test]
async fn ctrl_c_cancels_where_that_is_wished_for() {
    let world = World::default();
    let farm = world.farm(Scenario { ends: false, ..scenario(RunStatus::Canceled) });
    let mut run = AtWork::start(world.acre_on_farm(&["run", "--cmd", "bash", "--cancel-on-interrupt", "/dev/null"]));
    run.wait_for("second").await;
    run.interrupt();
    let ended = run.end().await;
    assert_eq!((ended.code, farm.asked(|asked| asked.canceled)), (Some(3), 1), "{ended:?}");
}

#[tokio::test]
async fn a_run_outlives_the_reader_of_its_log() {
    let world = World::default();
    let pieces: Vec<(Stream, &str)> = std::iter::repeat_n((Stream::Stdout, "a line of output\n"), 20_000).collect();
    let farm = world.farm(Scenario { log: views::log(2, &pieces), ..scenario(RunStatus::Succeeded) });
    let mut run = AtWork::start(world.acre_on_farm(&["run", "--cmd", "bash", "/dev/null"]));
    run.wait_for("a line of output").await;
    let ended = run.stop_reading().await;
    assert_eq!((ended.code, ended.stderr.as_str(), farm.asked(|asked| asked.canceled)), (Some(141), "", 0));
}
