//! Runs of tasks: which there are, and which are kept.

use crate::desk::{Desk, ended, record, run_id};
use acre_model::run::RunStatus;
use insta::assert_snapshot;

fn desk() -> Desk {
    let runs = [
        ended("web", 60, RunStatus::Succeeded, Some(("r.example/team/web:1", 'a'))),
        ended("web", 30, RunStatus::Failed, None),
        ended("api", 20, RunStatus::Succeeded, Some(("r.example/team/api:1", 'b'))),
        ended("web", 10, RunStatus::Succeeded, Some(("r.example/team/web:2", 'c'))),
    ];
    Desk::with(runs.iter().map(record).collect())
}

#[test]
fn runs_are_listed_by_task_image_and_status() {
    let desk = desk();
    let by_digest = format!("task list-runs --image team/web@sha256:{}", "a".repeat(64));
    assert_snapshot!(
        "list-runs",
        desk.types(&[
            "task list-runs",
            "task list-runs -n web",
            "task list-runs --run-status succeeded --top 2",
            "task list-runs --image team/web",
            "task list-runs --image r.example/team/web:2 -n web",
            &by_digest,
            "task list-runs --image web",
            "task list-runs --image team/api -o json",
            "task list-runs --run-status Done",
            "task list-runs --image team/Web",
        ])
    );
}

#[test]
fn a_run_is_kept_and_let_go() {
    let desk = desk();
    let run = run_id(60);
    let update = |no: bool| format!("task update-run --run-id {run} --no-archive {no}");
    let (keep, let_go) = (update(false), update(true));
    assert_snapshot!(
        "update-run",
        desk.types(&[
            &keep,
            &format!("{keep} -o json"),
            &format!("task show-run --run-id {run}"),
            &format!("task show-run --run-id {run} -o json"),
            "task list-runs --image team/web:1 -o json",
            "project show",
            &let_go,
            "task list-runs --image team/web:1 -o json",
            "task update-run --run-id 0000000000 --no-archive false",
        ])
    );
}

#[test]
fn a_run_is_started_followed_and_canceled() {
    let desk = desk();
    assert_snapshot!(
        "run",
        desk.types(&[
            "task create -n sweep --cmd 'r.example/tools:1 sweep' -c /dev/null",
            "task run -n sweep --no-wait",
            "task list-runs -n sweep",
            "task list-runs -n sweep -o json",
            "task show-run",
            "task cancel-run",
            "task show-run",
            "task logs",
            "task logs -n sweep",
            "task run -n sweep --no-wait -o json",
            "task cancel-run -o json",
            "task logs --image team/none",
            "task logs -n web",
            "task logs -n none",
        ])
    );
}
