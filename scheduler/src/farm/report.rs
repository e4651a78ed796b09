//! The report of a run that ended: its plan and what its units left, put together.

mod images;

use super::{Run, UnitState, view};
use acre_model::{
    digest::Digest,
    ids::UnitId,
    plan::{Action, Unit},
    report::{Git, Report, TestSummary, UnitReport},
    time::Timestamp,
};

/// The report of `run`, which ended `at`.
pub(super) fn report(run: &Run, at: Timestamp) -> Report {
    let last = view::ended(run, at);
    let commit = run.record.resolved.as_ref().and_then(|source| source.commit.clone());
    let git = commit.map(|git_head_revision| Git { git_head_revision });
    let results = || last.units.iter().map(|unit| &unit.result);
    let mut tests = TestSummary::default();
    results().filter_map(|result| result.tests.as_ref()).for_each(|found| tests.add(found));
    let coverage = results().filter_map(|result| result.coverage).reduce(|mut sum, found| {
        sum.add(&found);
        sum
    });
    let artifacts = results().flat_map(|result| result.artifacts.iter().cloned()).collect();
    Report {
        run: last.id,
        project: last.project,
        status: last.status,
        error: last.error,
        submitted_at: last.submitted_at,
        ended_at: at,
        images: images::images(run, git.as_ref()),
        units: run.plan.units.iter().map(|unit| unit_report(run, unit)).collect(),
        tests: (tests.suites > 0).then_some(tests),
        coverage,
        artifacts,
        git,
    }
}

fn pushed(run: &Run, unit: UnitId) -> Option<Digest> {
    match &run.record.units[unit.index()].state {
        UnitState::Ended { result, .. } => result.pushed,
        _ => None,
    }
}

fn unit_report(run: &Run, unit: &Unit) -> UnitReport {
    let record = &run.record.units[unit.id.index()];
    let reference = match &unit.action {
        Action::Push(push) => Some(&push.reference),
        Action::Index(index) => Some(&index.reference),
        Action::Source(_) | Action::Build(_) | Action::Cmd(_) => None,
    };
    let mut report = UnitReport {
        name: unit.name.clone(),
        kind: unit.action.kind().to_owned(),
        agent: None,
        way: record.way,
        attempt: record.attempts,
        elapsed_ms: None,
        outcome: String::new(),
        exit_code: None,
        warnings: Vec::new(),
        pushed: reference.and_then(|reference| Some(reference.at(pushed(run, unit.id)?).to_string())),
    };
    if let UnitState::Ended { agent, started_at, ended_at, outcome, result, .. } = &record.state {
        report.agent = agent.clone();
        report.elapsed_ms = started_at.map(|started_at| ended_at.millis_since(started_at));
        report.outcome = outcome.to_string();
        report.exit_code = result.exit_code;
        report.warnings = result.warnings.iter().chain(&result.afterwards).cloned().collect();
    }
    report
}
