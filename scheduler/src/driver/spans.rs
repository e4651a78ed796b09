//! Spans of runs and of their attempts, put together once they have ended (OpenTelemetry's conventions for CI/CD).

use crate::farm::{Effects, Fact, Final, Over};
use acre_model::{
    outcome::{Outcome, Skip},
    run::RunStatus,
};
use acre_trace::{Finished, Recorder, Role};

/// Records what has ended.
pub(super) fn record(effects: &Effects, recorder: &Recorder) {
    let attempts = effects.facts.iter().filter_map(|fact| match fact {
        Fact::Over(over) => of_attempt(over),
        Fact::Placed { .. } | Fact::Began { .. } => None,
    });
    let runs = effects.ended.values().filter_map(|last| of_run(last));
    attempts.chain(runs).for_each(|finished| recorder.record(finished));
}

fn of_run(last: &Final) -> Option<Finished> {
    let view = &last.view;
    let trace = last.trace?;
    let result = match view.status {
        RunStatus::Succeeded => "success",
        RunStatus::Failed => "failure",
        RunStatus::Canceled => "cancellation",
        RunStatus::Timeout => "timeout",
        RunStatus::Queued | RunStatus::Started | RunStatus::Running | RunStatus::Error => "error",
    };
    let name = view.origin.task.as_ref().map_or_else(|| view.task.clone(), ToString::to_string);
    Some(Finished {
        trace,
        span: trace.part(&view.id.to_string()).span,
        parent: trace.parent,
        name: format!("RUN {name}").into(),
        role: Role::Server,
        began: view.submitted_at,
        ended: view.ended_at.unwrap_or(view.submitted_at),
        attributes: vec![
            ("cicd.pipeline.action.name", "RUN".to_owned()),
            ("cicd.pipeline.name", name),
            ("cicd.pipeline.run.id", view.id.to_string()),
            ("cicd.pipeline.result", result.to_owned()),
            ("acre.project", view.project.to_string()),
        ],
        error: view.error.clone().filter(|_| view.status != RunStatus::Canceled),
    })
}

fn of_attempt(over: &Over) -> Option<Finished> {
    let trace = over.trace?;
    let attempt = over.attempt.to_string();
    let (result, error) = match &over.outcome {
        None => ("error", Some("given up: all of its group begins anew".to_owned())),
        Some(Outcome::Succeeded) => ("success", None),
        Some(outcome @ Outcome::Failed { .. }) => ("failure", Some(outcome.to_string())),
        Some(outcome @ (Outcome::Infrastructure { .. } | Outcome::Lost)) => ("error", Some(outcome.to_string())),
        Some(outcome @ Outcome::TimedOut { .. }) => ("timeout", Some(outcome.to_string())),
        Some(Outcome::Canceled) => ("cancellation", None),
        Some(Outcome::Skipped(Skip::RunEnded | Skip::Predecessor(_) | Skip::Condition)) => ("skip", None),
    };
    let mut attributes = vec![
        ("cicd.pipeline.task.name", over.name.clone()),
        ("cicd.pipeline.task.run.id", attempt.clone()),
        ("cicd.pipeline.task.run.result", result.to_owned()),
        ("cicd.pipeline.task.type", task_type(over.kind).to_owned()),
        ("cicd.worker.name", over.agent.to_string()),
        ("acre.unit.kind", over.kind.to_owned()),
        ("acre.platform", over.platform.to_string()),
    ];
    attributes.extend(over.way.map(|way| ("acre.way", way.to_string())));
    Some(Finished {
        trace,
        span: trace.part(&attempt).span,
        parent: Some(trace.part(&over.attempt.run.to_string()).span),
        name: over.name.clone().into(),
        role: Role::Internal,
        began: over.assigned_at,
        ended: over.ended_at,
        attributes,
        error,
    })
}

/// The conventions know `build`, `test` and `deploy`, and take other words where none of these is meant.
fn task_type(kind: &'static str) -> &'static str {
    match kind {
        "push" | "index" => "deploy",
        other => other,
    }
}
