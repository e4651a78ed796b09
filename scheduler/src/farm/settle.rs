//! What follows from a change: units become ready, groups are placed and closed, runs end.

use super::{
    Effects, Fact, GroupState, Now, Run, RunState, State, UnitState,
    partial::is_partial,
    report,
    run::{Hopeless, Rest, UnitRecord},
    view,
};
use acre_model::{
    attempt::{Assignment, AttemptId},
    capability::{Capability, Mode, Way},
    ids::{AgentId, GroupId, RunId, UnitId},
    outcome::{Cause, Outcome, Skip},
    plan::{Action, Condition, Fetch, Unit},
    run::{RunStatus, RunView},
};
use std::collections::BTreeSet;

/// Settles everything that the changes so far lead to.
pub(super) fn settle(state: &mut State, now: Now, effects: &mut Effects) {
    let mut woken = wake(state, now, effects);
    state.index.look_at_agents(&state.agents);
    let mut open: BTreeSet<RunId> = effects.changed.union(&woken).cloned().collect();
    while !open.is_empty() || state.index.is_stirred() {
        for id in &open {
            if let Some(run) = state.runs.get_mut(id).filter(|_| effects.changed.contains(id)) {
                advance(run, now, effects);
            }
        }
        look_at(state, &open, now);
        assign(state, now, effects);
        open = give_up(state, std::mem::take(&mut woken), now, effects);
    }
    finish(state, now, effects);
}

/// Runs whose time has come; those that have taken too long end.
fn wake(state: &mut State, now: Now, effects: &mut Effects) -> BTreeSet<RunId> {
    let woken = state.index.wake(now.mono);
    for id in &woken {
        let Some(run) = state.runs.get_mut(id) else { continue };
        if run.due.is_some_and(|due| due <= now.mono) && run.record.state.goes_on() {
            let limit = acre_model::duration::show(run.record.timeout_ms.unwrap_or_default());
            run.conclude(RunStatus::Timeout, Some(format!("the run took longer than {limit}")));
            effects.changed.insert(id.clone());
        }
    }
    woken
}

/// The index takes in what has become of these runs.
fn look_at(state: &mut State, runs: &BTreeSet<RunId>, now: Now) {
    let State { runs: all, index, warm, patience, .. } = state;
    for id in runs {
        if let Some(run) = all.get_mut(id) {
            index.look_at_run(run, warm, patience, now);
        }
    }
}

/// Everything a run can do without the fleet.
fn advance(run: &mut Run, now: Now, effects: &mut Effects) {
    take_fetched(run, effects);
    conclude_on_failure(run);
    if run.record.state.is_ending() {
        skip_rest(run, now);
    }
    make_ready(run, now);
    close_groups(run, effects);
    effects.tell.extend(run.record.groups.iter().filter_map(|group| group.agent().cloned()));
}

/// Once all is there that is fetched first, the task is compiled.
fn take_fetched(run: &mut Run, effects: &mut Effects) {
    if run.record.plan.is_some() || run.record.state.is_ending() {
        return;
    }
    for (unit, record) in run.plan.units.iter().zip(&run.record.units) {
        let UnitState::Ended { outcome: Outcome::Succeeded, result, .. } = &record.state else { return };
        match &unit.action {
            Action::Source(Fetch::Aliases(_)) => {
                run.record.aliases.tree = result.source.as_ref().and_then(|source| source.tree);
            }
            _ => run.record.resolved = result.source.clone(),
        }
    }
    effects.compile.insert(run.record.id.clone());
}

/// The first failure that its step does not ignore decides the run's end.
fn conclude_on_failure(run: &mut Run) {
    let failed = run.plan.units.iter().zip(&run.record.units).find_map(|(unit, record)| match &record.state {
        UnitState::Ended { outcome, .. } if !record.lets_go_on(unit.rules.ignore_errors) => match outcome {
            Outcome::Skipped(_) => None,
            outcome => Some((unit, outcome)),
        },
        _ => None,
    });
    let Some((unit, outcome)) = failed else { return };
    let status = match outcome {
        Outcome::TimedOut { .. } => RunStatus::Timeout,
        Outcome::Canceled => RunStatus::Canceled,
        Outcome::Infrastructure { .. } | Outcome::Lost => RunStatus::Error,
        Outcome::Failed { .. } | Outcome::Succeeded | Outcome::Skipped(_) => RunStatus::Failed,
    };
    let place = if unit.line > 0 { format!(" (line {})", unit.line) } else { String::new() };
    let error = format!("step `{}`{place} on {}: {outcome}", unit.step, unit.platform);
    let rest = if status == RunStatus::Canceled { Rest::Stopped } else { Rest::Partial };
    run.conclude_but(rest, status, Some(error));
}

/// In a run that ends, only what is spared is still to come, unless it waits for what is skipped in its turn.
// Waiting | Ready => Ended
fn skip_rest(run: &mut Run, now: Now) {
    let spared = run.spared();
    let mut has_skipped = true;
    while std::mem::take(&mut has_skipped) {
        for (index, spared) in spared.iter().enumerate() {
            let is_to_come = matches!(run.record.units[index].state, UnitState::Waiting | UnitState::Ready);
            if is_to_come && (!spared || run.is_cut_off(&run.plan.units[index])) {
                run.record.units[index].state = ended_without_work(now, Outcome::Skipped(Skip::RunEnded));
                has_skipped = true;
            }
        }
    }
}

fn ended_without_work(now: Now, outcome: Outcome) -> UnitState {
    UnitState::Ended {
        agent: None,
        started_at: None,
        ended_at: now.wall,
        outcome,
        result: Default::default(),
        log_bytes: 0,
    }
}

/// Units whose turn it is become ready, or are skipped, which lets others go on in their turn.
// Waiting => Ready | Ended
fn make_ready(run: &mut Run, now: Now) {
    loop {
        let mut through = vec![None; run.plan.units.len()];
        let mut has_skipped = false;
        for index in 0..run.plan.units.len() {
            let unit = &run.plan.units[index];
            if run.record.units[index].state != UnitState::Waiting || !may_start(run, unit, &mut through) {
                continue;
            }
            let holds = condition_holds(run, unit);
            run.record.units[index].state =
                if holds { UnitState::Ready } else { ended_without_work(now, Outcome::Skipped(Skip::Condition)) };
            has_skipped |= !holds;
        }
        if !has_skipped {
            return;
        }
    }
}

fn may_start(run: &Run, unit: &Unit, through: &mut Vec<Option<bool>>) -> bool {
    let is_teardown = run.record.state.is_ending() && (unit.rules.always || is_partial(unit));
    unit.after
        .iter()
        .all(|before| is_through(run, *before, through) || (is_teardown && run.record.units[before.index()].is_ended()))
}

/// Whether the units that `unit` waits for exited as it asks. One that left no exit code (a build, a skipped one) exited
/// neither with nor without one.
fn condition_holds(run: &Run, unit: &Unit) -> bool {
    let Condition { exited_with, exited_without } = &unit.condition;
    let codes = || unit.after.iter().filter_map(|before| run.record.units[before.index()].exit_code());
    (exited_with.is_empty() || codes().any(|code| exited_with.contains(&code)))
        && (exited_without.is_empty() || codes().any(|code| !exited_without.contains(&code)))
}

/// Whether what waits for a unit may start: it, and all that it waited for itself, let go on. (In a group's next
/// incarnation a push stays done while the build before it is done again.)
fn is_through(run: &Run, id: UnitId, known: &mut Vec<Option<bool>>) -> bool {
    if let Some(known) = known[id.index()] {
        return known;
    }
    let unit = &run.plan.units[id.index()];
    let through = run.record.units[id.index()].lets_go_on(unit.rules.ignore_errors)
        && unit.after.iter().all(|before| is_through(run, *before, known));
    known[id.index()] = Some(through);
    through
}

// Unplaced | Placed => Closed
fn close_groups(run: &mut Run, effects: &mut Effects) {
    for group in run.groups() {
        let all_ended = run.units_of(group).all(|unit| run.record.units[unit.index()].is_ended());
        let record = &mut run.record.groups[group.index()];
        if all_ended && record.state != GroupState::Closed {
            effects.tell.extend(record.agent().cloned());
            record.state = GroupState::Closed;
            run.hopeless.remove(&group);
        }
    }
}

/// Ready units go to their group's agent; groups without an agent are placed.
fn assign(state: &mut State, now: Now, effects: &mut Effects) {
    let mut begun = state.index.resume();
    begun.extend(state.index.place());
    let mut runs = BTreeSet::new();
    for ((id, group), agent, way) in begun {
        let Some(run) = state.runs.get_mut(&id) else { continue };
        if way.is_some() {
            run.record.groups[group.index()].way = way;
        }
        if run.record.groups[group.index()].agent().is_none() {
            let waited_ms = run.waits.get(&group).map_or(0, |since| now.mono.0.saturating_sub(since.0));
            effects.facts.push(Fact::Placed { way, waited_ms });
        }
        activate(run, group, &agent, state.agents.get(&agent).map(|agent| &agent.capability), now, effects);
        runs.insert(id);
    }
    look_at(state, &runs, now);
}

/// All ready units of a group are assigned.
// Unplaced => Placed; Ready => Active; Queued => Active
fn activate(
    run: &mut Run,
    group: GroupId,
    agent: &AgentId,
    capability: Option<&Capability>,
    now: Now,
    effects: &mut Effects,
) {
    let units: Vec<UnitId> = run.units_of(group).collect();
    for unit in units {
        if run.record.units[unit.index()].state != UnitState::Ready {
            continue;
        }
        let way = way(run, &run.plan.units[unit.index()], capability);
        let record = &mut run.record.units[unit.index()];
        record.way = way;
        record.attempts += 1;
        record.state = UnitState::Active { agent: agent.clone(), assigned_at: now.wall, started_at: None };
        let attempt = AttemptId { run: run.record.id.clone(), unit, number: record.attempts };
        let assignment = Assignment { attempt, agent: agent.clone(), at: now.wall };
        effects.assignments.insert((agent.clone(), run.record.id.clone(), unit), Some(assignment));
    }
    run.record.groups[group.index()].state = GroupState::Placed { agent: agent.clone() };
    run.hopeless.remove(&group);
    if run.record.state == RunState::Queued {
        run.record.state = RunState::Active { started_at: now.wall };
        effects.started.insert(run.record.id.clone());
    }
    effects.changed.insert(run.record.id.clone());
    effects.tell.insert(agent.clone());
}

/// How a unit is served where its group is; `None` where nothing of its platform is in it.
fn way(run: &Run, unit: &Unit, capability: Option<&Capability>) -> Option<Way> {
    let group = &run.plan.groups[unit.group.index()];
    let builds = group.units.iter().any(|unit| matches!(run.plan.units[unit.index()].action, Action::Build(_)));
    match unit.action {
        Action::Source(_) | Action::Index(_) => None,
        Action::Push(_) if !builds => None,
        Action::Build(_) | Action::Push(_) | Action::Cmd(_) => {
            let is_native = capability?.mode(&unit.platform) == Some(Mode::Native);
            if is_native { Some(Way::Native) } else { run.record.groups[unit.group.index()].way }
        }
    }
}

/// Groups that no agent of the fleet could take are shown as such at once, and fail once the farm's patience is over.
/// Returns the runs in which some did.
fn give_up(state: &mut State, mut late: BTreeSet<RunId>, now: Now, effects: &mut Effects) -> BTreeSet<RunId> {
    for ((id, group), why) in state.index.judge() {
        let Some(run) = state.runs.get_mut(&id) else { continue };
        let known = run.hopeless.get(&group).map(|known| (known.since, known.why.clone()));
        if known.as_ref().map(|(_, why)| why) != why.as_ref() {
            effects.shown.insert(id.clone());
        }
        match why {
            Some(why) => {
                let since = known.map_or(now.mono, |(since, _)| since);
                run.hopeless.insert(group, Hopeless { since, why });
            }
            None => drop(run.hopeless.remove(&group)),
        }
        state.index.wind(run, &state.patience, now.mono);
        late.insert(id);
    }
    let patience = state.patience.placement_ms;
    late.retain(|id| state.runs.get_mut(id).is_some_and(|run| refuse_late(run, patience, now, effects)));
    late
}

/// Refuses the groups of a run that have waited for too long. Returns whether there were any.
fn refuse_late(run: &mut Run, patience: u64, now: Now, effects: &mut Effects) -> bool {
    let is_late = |hopeless: &Hopeless| hopeless.since.plus_millis(patience) <= now.mono;
    let late: Vec<GroupId> =
        run.hopeless.iter().filter(|(_, hopeless)| is_late(hopeless)).map(|(group, _)| *group).collect();
    for group in &late {
        if let Some(Hopeless { why, .. }) = run.hopeless.remove(group) {
            refuse(run, *group, &why, now, effects);
        }
    }
    !late.is_empty()
}

// Ready => Ended
fn refuse(run: &mut Run, group: GroupId, reasons: &str, now: Now, effects: &mut Effects) {
    let units: Vec<UnitId> = run.units_of(group).collect();
    for unit in units {
        let record = &mut run.record.units[unit.index()];
        if record.state == UnitState::Ready {
            let message = reasons.to_owned();
            record.state = ended_without_work(now, Outcome::Infrastructure { cause: Cause::Placement, message });
        }
    }
    effects.changed.insert(run.record.id.clone());
}

/// Runs whose units have all ended are over.
fn finish(state: &mut State, now: Now, effects: &mut Effects) {
    let is_over = |run: &Run| {
        let compiled = run.record.plan.is_some() || run.record.state.is_ending();
        compiled && run.record.units.iter().all(UnitRecord::is_ended)
    };
    let changed: Vec<RunId> =
        effects.changed.iter().filter(|id| state.runs.get(*id).is_some_and(is_over)).cloned().collect();
    for id in changed {
        let Some(mut run) = state.runs.remove(&id) else { continue };
        state.index.forget(&id);
        run.conclude(RunStatus::Succeeded, None);
        effects.changed.remove(&id);
        let report = report::report(&run, now.wall);
        let output_images = report.images.iter().map(|built| built.image.clone()).collect();
        let view = RunView { output_images, ..view::ended(&run, now.wall) };
        let last = super::effects::Final { view, report, trace: run.record.trace, submission: run.record.submission };
        effects.ended.insert(id, Box::new(last));
    }
}
