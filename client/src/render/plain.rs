//! The client's own lines in a run's log (task language §11), and what comes after the log.

use super::{table::bytes, text::sentence};
use acre_model::{
    ids::RunId,
    outcome::{Outcome, Skip},
    report::{Coverage, Report, TestSummary},
    run::{RunStatus, RunView, UnitPhase, UnitView},
    text::clip,
    time::Timestamp,
};

/// A line with its time in front.
pub fn stamped(at: Timestamp, text: &str) -> String {
    format!("{} {text}", at.as_log_time())
}

/// Before the source is sent.
pub fn sending(size: u64, registry: Option<&str>) -> String {
    match registry {
        Some(registry) => format!("Sending context ({}) to registry: {registry}...", bytes(size)),
        None => format!("Sending context ({}) to the farm...", bytes(size)),
    }
}

/// Once the run is stored.
pub fn queued(run: &RunId) -> String {
    format!("Queued a run with ID: {run}")
}

/// While no agent has taken a unit of it.
pub const WAITING: &str = "Waiting for an agent...";

/// Everything after the log of a run that is over: warnings, what was found and tested, and how it ended.
pub fn ending(run: &RunView, report: Option<&Report>) -> Vec<String> {
    let at = run.ended_at.unwrap_or(run.submitted_at);
    let mut lines: Vec<String> = Vec::new();
    lines.extend(run.warnings.iter().map(|warning| stamped(at, warning.trim_end())));
    let of_units = run.units.iter().flat_map(|unit| unit.result.warnings.iter().map(move |warning| (unit, warning)));
    lines.extend(of_units.map(|(unit, warning)| stamped(at, &format!("warning: {}: {warning}", unit.name))));
    lines.extend(run.units.iter().flat_map(aside).map(|line| stamped(at, &line)));
    if let Some(report) = report {
        if !report.images.is_empty() {
            lines.push(stamped(at, super::report::FOUND));
            lines.push(super::report::dependencies(&report.images).trim_end().to_owned());
        }
        lines.extend(left(report).iter().map(|line| stamped(at, line)));
    }
    lines.push(stamped(at, &verdict(run)));
    lines
}

/// What no verdict tells of a unit: what became of a detached container, and that its condition did not hold.
pub fn aside(unit: &UnitView) -> Vec<String> {
    let afterwards = unit.result.afterwards.iter().map(|told| format!("{}: {}", unit.name, sentence(told)));
    let skipped = match &unit.phase {
        UnitPhase::Ended(outcome @ Outcome::Skipped(Skip::Condition)) => Some(format!("{}: {outcome}", unit.name)),
        _ => None,
    };
    afterwards.chain(skipped).collect()
}

/// What a run left besides its images: tests, coverage, artifacts.
pub fn left(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.tests.iter().flat_map(tests).collect();
    lines.extend(report.coverage.iter().filter_map(coverage));
    lines.extend(super::artifacts::count(&report.artifacts, &report.run));
    lines
}

/// `Coverage: 84.2 % of lines (160 of 190), 50.0 % of branches (5 of 10)`; nothing where nothing counts.
pub fn coverage(coverage: &Coverage) -> Option<String> {
    let Coverage { lines, lines_covered, branches, branches_covered } = *coverage;
    let part = |what, covered: u64, all: u64| {
        // Rounded down: 100.0 % is all of them.
        let tenths = u128::from(covered) * 1000 / u128::from(all.max(1));
        (all > 0).then(|| format!("{}.{} % of {what} ({covered} of {all})", tenths / 10, tenths % 10))
    };
    let parts: Vec<String> =
        part("lines", lines_covered, lines).into_iter().chain(part("branches", branches_covered, branches)).collect();
    (!parts.is_empty()).then(|| format!("Coverage: {}", parts.join(", ")))
}

/// One line of counts, then a line per failed case.
pub fn tests(tests: &TestSummary) -> Vec<String> {
    let TestSummary { passed, failed, skipped, failures, .. } = tests;
    let mut lines = vec![format!("Tests: {passed} passed, {failed} failed, {skipped} skipped")];
    lines.extend(failures.iter().map(|case| {
        let message = case.message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!("  failed: {}: {}", clip(&case.name), clip(message.trim()))
    }));
    if *failed as usize > failures.len() {
        lines.push(format!("  and {} more", *failed as usize - failures.len()));
    }
    lines
}

/// `Run ID: R was successful after Ns`, or why not.
pub fn verdict(run: &RunView) -> String {
    let start = run.started_at.unwrap_or(run.submitted_at);
    let seconds = run.ended_at.unwrap_or(start).millis_since(start).div_ceil(1000);
    match run.status {
        RunStatus::Succeeded => format!("Run ID: {} was successful after {seconds}s", run.id),
        status => {
            let error = run.error.clone().unwrap_or_else(|| status.to_string().to_lowercase());
            format!("Run ID: {} failed after {seconds}s. Error: {}", run.id, error.trim_end())
        }
    }
}
