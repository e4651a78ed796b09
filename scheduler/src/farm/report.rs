//! The report of a run that ended: its plan and what its units left, put together.

use super::{Run, UnitState, view};
use acre_model::{
    attempt::{UnitResult, UsedImage},
    digest::Digest,
    ids::UnitId,
    outcome::Outcome,
    plan::{Action, Build, Dependency, Role, Unit},
    platform::Platform,
    reference::Reference,
    report::{Git, Image, ImageName, Report, TestSummary, UnitReport},
    time::Timestamp,
};
use acre_task::dockerfile::{self, Given};

/// The report of `run`, which ended `at`.
pub(super) fn report(run: &Run, at: Timestamp) -> Report {
    let last = view::ended(run, at);
    let commit = run.record.resolved.as_ref().and_then(|source| source.commit.clone());
    let git = commit.map(|git_head_revision| Git { git_head_revision });
    let builds = run.plan.units.iter().filter_map(|unit| match &unit.action {
        Action::Build(build) => Some((unit, build)),
        _ => None,
    });
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
        images: builds.flat_map(|(unit, build)| images(run, unit, build, git.as_ref())).collect(),
        units: run.plan.units.iter().map(|unit| unit_report(run, unit)).collect(),
        tests: (tests.suites > 0).then_some(tests),
        coverage,
        artifacts,
        git,
    }
}

/// One entry for each name that a succeeded build gave its image.
fn images(run: &Run, unit: &Unit, build: &Build, git: Option<&Git>) -> Vec<Image> {
    let UnitState::Ended { outcome: Outcome::Succeeded, result, .. } = &run.record.units[unit.id.index()].state else {
        return Vec::new();
    };
    let dependencies = dependencies(build, &unit.platform, result);
    let of_role = |role: Role| dependencies.iter().filter(move |found| found.role == role);
    let named = |dependency: &Dependency| {
        ImageName::new(&dependency.reference, used_digest(&result.used, &dependency.reference), None)
    };
    let image = |tag: &Reference| Image {
        image: ImageName::new(tag, pushed_digest(run, unit, tag), Some(unit.platform.clone())),
        runtime_dependency: of_role(Role::Runtime).next().map(named),
        buildtime_dependency: of_role(Role::BuildTime).map(named).collect(),
        git: git.cloned(),
    };
    build.tags.iter().map(image).collect()
}

/// What the Dockerfile names: as read at submission, or else from its text as the agent found it.
fn dependencies(build: &Build, platform: &Platform, result: &UnitResult) -> Vec<Dependency> {
    match (&build.dependencies, &result.dockerfile) {
        (Some(dependencies), _) => dependencies.clone(),
        (None, Some(text)) => {
            let given = Given { target: build.target.as_deref(), arguments: &build.arguments, platform };
            dockerfile::dependencies(text.as_bytes(), &given).unwrap_or_default()
        }
        (None, None) => {
            let unknown = |used: &UsedImage| Dependency { role: Role::BuildTime, reference: used.reference.clone() };
            result.used.iter().map(unknown).collect()
        }
    }
}

fn used_digest(used: &[UsedImage], reference: &Reference) -> Option<Digest> {
    let same = |a: &Reference, b: &Reference| {
        let (a, b) = (a.clone().with_default_tag(), b.clone().with_default_tag());
        a.full_repository() == b.full_repository() && a.registry() == b.registry() && a.tag() == b.tag()
    };
    used.iter().find(|image| same(&image.reference, reference)).and_then(|image| image.digest)
}

/// The digest under which the unit's platform of `tag` was pushed.
fn pushed_digest(run: &Run, built: &Unit, tag: &Reference) -> Option<Digest> {
    let tag = tag.clone().with_default_tag();
    let pushes = run.plan.units.iter().filter(|unit| match &unit.action {
        Action::Push(push) => push.reference.clone().with_default_tag() == tag && unit.platform == built.platform,
        _ => false,
    });
    pushes.filter_map(|unit| pushed(run, unit.id)).next()
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
