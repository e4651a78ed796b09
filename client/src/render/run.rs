//! Runs and their units, for people.

use super::{
    table::{ago, table},
    text::sentences,
};
use acre_model::{
    capability::Way,
    duration,
    run::{RunView, UnitPhase, UnitView},
    text::clip,
    time::Timestamp,
};

/// The table of `acre list`.
pub fn list(runs: &[RunView], now: Timestamp) -> String {
    let row = |run: &RunView| {
        [
            run.id.to_string(),
            run.status.to_string(),
            clip(&run.task),
            clip(&run.source),
            ago(now.millis_since(run.submitted_at)),
            elapsed(run.started_at, run.ended_at, now),
        ]
    };
    table(["RUN", "STATUS", "TASK", "SOURCE", "SUBMITTED", "ELAPSED"], runs.iter().map(row))
}

/// What `acre show` says about a run before its report.
pub fn show(run: &RunView, now: Timestamp) -> String {
    let mut text = format!("Run {}: {}", run.id, run.status);
    if let Some(error) = &run.error {
        text.push_str(&format!(" ({})", sentences(error)));
    }
    text.push_str(&format!("\nTask {} of {}", clip(&run.task), clip(&run.source)));
    text.push_str(&format!("\nSubmitted {} ({})", run.submitted_at, ago(now.millis_since(run.submitted_at))));
    let took = elapsed(run.started_at, run.ended_at, now);
    if !took.is_empty() {
        text.push_str(&format!(", {} {took}", if run.ended_at.is_some() { "took" } else { "runs for" }));
    }
    if let Some(trace) = &run.trace {
        text.push_str(&format!("\nTrace {trace}"));
    }
    if run.is_archive_enabled {
        text.push_str("\nKept, whatever its age");
    }
    text.push_str("\n\n");
    text.push_str(&units(&run.units, now));
    text
}

/// The table of a run's units, and below it what its table has no room for.
pub fn units(units: &[UnitView], now: Timestamp) -> String {
    let row = |unit: &UnitView| {
        [
            unit.name.clone(),
            unit.kind.clone(),
            state(&unit.phase).to_owned(),
            agent(unit),
            attempt(unit.attempt),
            elapsed(unit.started_at, unit.ended_at, now),
            digest(unit),
        ]
    };
    let header = ["UNIT", "KIND", "STATE", "AGENT", "ATTEMPT", "ELAPSED", "DIGEST"];
    let mut text = table(header, units.iter().map(row));
    units.iter().flat_map(notes).for_each(|note| text.push_str(&note));
    text
}

/// Its agent, and how that serves it where that is worth a word.
fn agent(unit: &UnitView) -> String {
    let name = unit.agent.as_ref().map(ToString::to_string).unwrap_or_default();
    match unit.way {
        Some(way @ (Way::Cross | Way::Emulated)) => format!("{name} ({way})"),
        Some(Way::Native) | None => name,
    }
}

/// Where a unit stands, in one word.
pub const fn state(phase: &UnitPhase) -> &'static str {
    use acre_model::outcome::Outcome;
    match phase {
        UnitPhase::Waiting => "waiting",
        UnitPhase::Queued(_) => "queued",
        UnitPhase::Assigned => "preparing",
        UnitPhase::Running => "running",
        UnitPhase::Ended(Outcome::Succeeded) => "succeeded",
        UnitPhase::Ended(Outcome::Failed { .. }) => "failed",
        UnitPhase::Ended(Outcome::Infrastructure { .. }) => "farm failed",
        UnitPhase::Ended(Outcome::Canceled) => "canceled",
        UnitPhase::Ended(Outcome::TimedOut { .. }) => "timed out",
        UnitPhase::Ended(Outcome::Lost) => "lost",
        UnitPhase::Ended(Outcome::Skipped(_)) => "skipped",
    }
}

/// Why a unit waits, or how it ended where that is not plain.
fn notes(unit: &UnitView) -> Vec<String> {
    let mut notes = Vec::new();
    match &unit.phase {
        UnitPhase::Queued(reasons) => {
            notes.extend(reasons.iter().map(|reason| format!("{} waits: {}\n", unit.name, sentences(reason))));
        }
        UnitPhase::Ended(outcome) if !outcome.succeeded() => {
            notes.push(format!("{}: {}\n", unit.name, sentences(&outcome.to_string())));
        }
        _ => {}
    }
    notes
        .extend(unit.result.warnings.iter().map(|warning| format!("{}: warning: {}\n", unit.name, sentences(warning))));
    notes.extend(unit.result.afterwards.iter().map(|told| format!("{}: {}\n", unit.name, sentences(told))));
    notes
}

/// From start to end, or until now; empty where it has not started.
pub(super) fn elapsed(started: Option<Timestamp>, ended: Option<Timestamp>, now: Timestamp) -> String {
    started.map(|started| duration::show(ended.unwrap_or(now).millis_since(started))).unwrap_or_default()
}

fn attempt(number: u32) -> String {
    if number == 0 { String::new() } else { number.to_string() }
}

/// What a unit left: the digest in the registry, else the image on the engine.
fn digest(unit: &UnitView) -> String {
    let digest = unit.result.pushed.or(unit.result.image);
    digest.map(|digest| format!("sha256:{}", digest.short())).unwrap_or_default()
}
