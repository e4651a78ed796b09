//! What holds after any sequence of events (promises I1, I3–I5, I9), tried with random plans and random histories.

use super::farm::{Farm, plan};
use crate::farm::{Event, Session, State, UnitState};
use acre_model::{
    attempt::{AttemptId, Progress},
    fleet::Readiness,
    ids::{RunId, UnitId},
    outcome::{Cause, Outcome},
    session::AttemptState,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Something that happens; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Submit(Vec<(u8, bool, bool)>),
    Agent(u8),
    Gone(u8),
    Wait(u16),
    Cancel(u8),
    Started(u8),
    Ended(u8, u8),
    Old(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop::collection::vec((any::<u8>(), any::<bool>(), any::<bool>()), 1..5).prop_map(Step::Submit),
        2 => (0..3u8).prop_map(Step::Agent),
        1 => (0..3u8).prop_map(Step::Gone),
        2 => (0..30_000u16).prop_map(Step::Wait),
        1 => any::<u8>().prop_map(Step::Cancel),
        6 => any::<u8>().prop_map(Step::Started),
        8 => (any::<u8>(), 0..4u8).prop_map(|(unit, how)| Step::Ended(unit, how)),
        1 => any::<u8>().prop_map(Step::Old),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_after_any_history(steps in prop::collection::vec(step(), 1..60)) {
        let mut farm = Farm::default();
        let (mut outcomes, mut begun) = (BTreeMap::new(), BTreeSet::new());
        let mut submitted = 0;
        for step in steps {
            play(&mut farm, &step, &mut submitted);
            farm.check();
            check_capacity(&farm.state);
            check_order(&farm.state, &mut begun);
            check_outcomes(&farm, &mut outcomes);
        }
        heal(&mut farm);
        prop_assert!(farm.state.runs.is_empty(), "a run does not end: {}", farm.look());
    }
}

fn play(farm: &mut Farm, step: &Step, submitted: &mut u32) {
    match step {
        Step::Submit(units) => {
            let lines = lines(units);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            *submitted += 1;
            let name = format!("r{submitted}");
            let command = format!("submit {name}");
            farm.command(&[&[command.as_str()], &lines[..]].concat());
            assert_eq!(plan(lines.clone()).units.len(), lines.len());
        }
        Step::Agent(index) => farm.agent(&format!("a{index}"), &["slots=1"]),
        Step::Gone(index) => {
            let is_there = farm.state.agents.get(&format!("a{index}").parse().unwrap());
            if is_there.is_some_and(|agent| matches!(agent.session, Session::Connected { .. })) {
                farm.command(&[&format!("gone a{index}")]);
            }
        }
        Step::Wait(millis) => farm.command(&[&format!("wait {millis}")]),
        Step::Cancel(index) => {
            if let Some(run) = pick(farm.state.runs.keys().cloned().collect(), *index) {
                farm.event(Event::CancelRequested { run });
            }
        }
        Step::Started(index) => tell(farm, *index, 0, |farm| Progress::Started { at: farm.now().wall }),
        Step::Ended(index, how) => tell(farm, *index, 0, |farm| Progress::Ended(farm.end(outcome(*how)))),
        // An earlier attempt, told late.
        Step::Old(index) => tell(farm, *index, 1, |farm| Progress::Ended(farm.end(Outcome::Succeeded))),
    }
}

fn outcome(how: u8) -> Outcome {
    match how {
        0 => Outcome::Failed { exit_code: Some(1), message: "exit code 1".to_owned() },
        1 => Outcome::Infrastructure { cause: Cause::Engine, message: "broke off".to_owned() },
        _ => Outcome::Succeeded,
    }
}

/// Units that each wait for the one before, or not; in one group, or in groups of their own.
fn lines(units: &[(u8, bool, bool)]) -> Vec<String> {
    let line = |(index, (kind, waits, always)): (usize, &(u8, bool, bool))| {
        let condition = if kind % 7 == 0 { " exited-with=1" } else { "" };
        let kind = ["cmd", "build", "push"][usize::from(kind % 3)];
        let after = if *waits && index > 0 { format!(" after=u{}", index - 1) } else { String::new() };
        let group = if kind == "cmd" || index == 0 { " group=0" } else { "" };
        let detach = if kind == "cmd" && index % 2 == 1 { " detach" } else { "" };
        format!("u{index} {kind}{group}{after}{condition}{detach}{}", if *always { " always" } else { "" })
    };
    units.iter().enumerate().map(line).collect()
}

fn pick<T>(mut from: Vec<T>, index: u8) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(usize::from(index) % from.len()))
}

fn active(state: &State) -> Vec<(acre_model::ids::AgentId, AttemptState)> {
    let mut active = Vec::new();
    for run in state.runs.values() {
        for (index, record) in run.record.units.iter().enumerate() {
            let unit = UnitId(index as u32);
            if let UnitState::Active { agent, .. } = &record.state {
                let attempt = AttemptId { run: run.record.id.clone(), unit, number: record.attempts };
                let state = AttemptState { attempt, fence: run.fences[&unit], progress: Progress::Preparing };
                active.push((agent.clone(), state));
            }
        }
    }
    active
}

fn tell(farm: &mut Farm, index: u8, behind: u32, progress: impl Fn(&Farm) -> Progress) {
    if let Some((agent, mut attempt)) = pick(active(&farm.state), index) {
        attempt.attempt.number = attempt.attempt.number.saturating_sub(behind);
        attempt.progress = progress(farm);
        farm.tell(agent, attempt);
    }
}

/// I4: no agent has more groups at work than slots.
fn check_capacity(state: &State) {
    for view in state.fleet() {
        if view.readiness != Readiness::Disconnected {
            assert!(view.busy <= view.capability.slots, "{} has {} groups at work", view.id, view.busy);
        }
    }
}

/// I5: a unit starts only after what it waits for. (What it waited for may be done again while it runs.)
fn check_order(state: &State, begun: &mut BTreeSet<AttemptId>) {
    for (_, AttemptState { attempt, .. }) in active(state) {
        let run = &state.runs[&attempt.run];
        let unit = &run.plan.units[attempt.unit.index()];
        if begun.insert(attempt) {
            let all_ended = unit.after.iter().all(|before| run.record.units[before.index()].is_ended());
            assert!(all_ended, "{} began too early", unit.name);
        }
    }
}

/// I1: within one incarnation of its group, the outcome of a unit never changes.
fn check_outcomes(farm: &Farm, known: &mut BTreeMap<(RunId, UnitId, u32), Outcome>) {
    for run in farm.state.runs.values() {
        for unit in &run.plan.units {
            let incarnation = run.record.groups[unit.group.index()].incarnation;
            if let UnitState::Ended { outcome, .. } = &run.record.units[unit.id.index()].state {
                let key = (run.record.id.clone(), unit.id, incarnation);
                let first = known.entry(key).or_insert_with(|| outcome.clone());
                assert_eq!(first, outcome, "{}", unit.name);
            }
        }
    }
}

/// Faults end: an agent is there, everything assigned succeeds. I9: every run reaches its end.
fn heal(farm: &mut Farm) {
    for _ in 0..200 {
        if farm.state.runs.is_empty() {
            return;
        }
        farm.agent("a0", &["slots=1"]);
        for (agent, mut attempt) in active(&farm.state) {
            if agent.as_str() == "a0" {
                attempt.progress = Progress::Ended(farm.end(Outcome::Succeeded));
                farm.tell(agent, attempt);
            }
        }
        farm.command(&["wait 5000"]);
    }
}
