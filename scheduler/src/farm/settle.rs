//! What follows from a change: units become ready, groups are placed and closed, runs end.

use super::{
    Effects, GroupState, Now, Run, RunState, State, UnitState, report,
    run::{Hopeless, UnitRecord},
    view,
};
use crate::placement::{self, Candidate, Problem, Want};
use acre_model::{
    attempt::{Assignment, AttemptId},
    capability::{Privileges, Requirement},
    ids::{AgentId, GroupId, RunId, UnitId},
    outcome::{Cause, Outcome, Skip},
    plan::{Action, Condition, Unit},
    run::RunStatus,
};
use std::collections::BTreeMap;

/// Settles everything that the changes so far lead to.
pub(super) fn settle(state: &mut State, now: Now, effects: &mut Effects) {
    let changed: Vec<RunId> = effects.changed.iter().cloned().collect();
    for id in &changed {
        if let Some(run) = state.runs.get_mut(id) {
            advance(run, now, effects);
        }
    }
    assign(state, now, effects);
    give_up(state, now, effects);
    finish(state, now, effects);
}

/// Everything a run can do without the fleet.
fn advance(run: &mut Run, now: Now, effects: &mut Effects) {
    take_source(run, effects);
    conclude_on_failure(run);
    if run.record.state.is_ending() {
        skip_rest(run, now);
    }
    make_ready(run, now);
    close_groups(run, effects);
    effects.tell.extend(run.record.groups.iter().filter_map(|group| group.agent().cloned()));
}

/// A fetched source is compiled next.
fn take_source(run: &mut Run, effects: &mut Effects) {
    if run.record.plan.is_some() || run.record.state.is_ending() {
        return;
    }
    if let UnitState::Ended { outcome: Outcome::Succeeded, result, .. } = &run.record.units[0].state {
        run.record.resolved = result.source.clone();
        effects.compile.insert(run.record.id.clone());
    }
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
    run.conclude(status, Some(error));
}

/// In a run that ends, only `always` units are still to come.
// Waiting | Ready => Ended
fn skip_rest(run: &mut Run, now: Now) {
    for (unit, record) in run.plan.units.iter().zip(&mut run.record.units) {
        if !unit.rules.always && matches!(record.state, UnitState::Waiting | UnitState::Ready) {
            record.state = ended_without_work(now, Outcome::Skipped(Skip::RunEnded));
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
    let is_teardown = run.record.state.is_ending() && unit.rules.always;
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
    let mut busy = busy(state);
    let mut activated: Vec<(RunId, GroupId, AgentId)> = Vec::new();
    for (id, run) in &state.runs {
        for group in run.groups().filter(|group| run.has_ready_unit(*group)) {
            let Some(agent_id) = run.record.groups[group.index()].agent() else { continue };
            let Some(agent) = state.agents.get(agent_id) else { continue };
            let taken = busy.entry(agent_id.clone()).or_default();
            // A group holds its slot while one of its attempts is active. One that waits for other groups holds none,
            // so that two runs cannot wait for each other's slots for ever.
            let has_slot = run.has_active_unit(group);
            if agent.goes_on() && (has_slot || *taken < agent.capability.slots) {
                *taken += u32::from(!has_slot);
                activated.push((id.clone(), group, agent_id.clone()));
            }
        }
    }
    for run in state.runs.values_mut() {
        run.rests.retain(|_, until| *until > now.mono);
    }
    activated
        .extend(placement::place(&problem(state, &busy)).into_iter().map(|((run, group), agent)| (run, group, agent)));
    for (id, group, agent) in activated {
        if let Some(run) = state.runs.get_mut(&id) {
            activate(run, group, &agent, now, effects);
        }
    }
}

/// Groups with an active attempt, by agent.
pub(super) fn busy(state: &State) -> BTreeMap<AgentId, u32> {
    let mut busy = BTreeMap::new();
    for run in state.runs.values() {
        for group in run.groups().filter(|group| run.has_active_unit(*group)) {
            if let Some(agent) = run.record.groups[group.index()].agent() {
                *busy.entry(agent.clone()).or_default() += 1;
            }
        }
    }
    busy
}

/// The placement problem of now: all groups that wait for an agent.
pub(super) fn problem<'a>(state: &'a State, busy: &BTreeMap<AgentId, u32>) -> Problem<'a, (RunId, GroupId)> {
    let agents = state.agents.iter().map(|(id, agent)| Candidate {
        id,
        capability: &agent.capability,
        readiness: agent.readiness(),
        busy: busy.get(id).copied().unwrap_or_default(),
    });
    let wants = state.runs.values().flat_map(|run| {
        let unplaced = |group: &GroupId| run.record.groups[group.index()].state == GroupState::Unplaced;
        let waits = |group: &GroupId| run.has_ready_unit(*group) && !run.rests.contains_key(group);
        run.groups().filter(unplaced).filter(waits).map(|group| want(run, group))
    });
    Problem { agents: agents.collect(), wants: wants.collect() }
}

/// What a group needs.
pub(super) fn want(run: &Run, group: GroupId) -> Want<'_, (RunId, GroupId)> {
    let needs_platform = |unit: UnitId| !matches!(run.plan.units[unit.index()].action, Action::Source(_));
    let platform = run.units_of(group).any(needs_platform).then(|| run.plan.groups[group.index()].platform.clone());
    Want {
        key: (run.record.id.clone(), group),
        project: &run.record.project,
        requirement: Requirement {
            platform,
            pool: run.record.pool.clone(),
            asks: asks(run, group),
            nano_cpus: 0,
            memory: 0,
        },
        emulation: run.record.emulation,
        avoid: run.record.groups[group.index()].avoid.as_ref(),
    }
}

/// What the commands of a group ask for of their host.
fn asks(run: &Run, group: GroupId) -> Privileges {
    let mut asks = Privileges::default();
    for unit in run.units_of(group) {
        if let Action::Cmd(cmd) = &run.plan.units[unit.index()].action {
            asks.privileged |= cmd.privileged;
            asks.engine_socket |= cmd.engine_socket;
        }
    }
    asks
}

/// All ready units of a group are assigned.
// Unplaced => Placed; Ready => Active; Queued => Active
fn activate(run: &mut Run, group: GroupId, agent: &AgentId, now: Now, effects: &mut Effects) {
    let units: Vec<UnitId> = run.units_of(group).collect();
    for unit in units {
        let record = &mut run.record.units[unit.index()];
        if record.state != UnitState::Ready {
            continue;
        }
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
    }
    effects.changed.insert(run.record.id.clone());
    effects.tell.insert(agent.clone());
}

/// Groups that no agent of the fleet could take fail once the farm's patience is over.
fn give_up(state: &mut State, now: Now, effects: &mut Effects) {
    let patience = state.patience.placement_ms;
    let problem = problem(state, &BTreeMap::new());
    let hopeless: BTreeMap<(RunId, GroupId), String> = problem
        .wants
        .iter()
        .filter(|want| !placement::is_possible(&problem, want))
        .map(|want| (want.key.clone(), reasons(&problem, want)))
        .collect();
    for (id, run) in &mut state.runs {
        run.hopeless.retain(|group, _| hopeless.contains_key(&(id.clone(), *group)));
    }
    for ((id, group), reasons) in hopeless {
        let Some(run) = state.runs.get_mut(&id) else { continue };
        let since = run.hopeless.get(&group).map_or(now.mono, |known| known.since);
        let known = run.hopeless.insert(group, Hopeless { since, why: reasons.clone() });
        // Said at once, to whoever watches.
        effects.shown.extend(known.is_none_or(|known| known.why != reasons).then(|| id.clone()));
        if since.plus_millis(patience) <= now.mono {
            run.hopeless.remove(&group);
            refuse(run, group, &reasons, now, effects);
            advance(run, now, effects);
        }
    }
}

/// What stands in the way, for the unit's outcome.
fn reasons(problem: &Problem<'_, (RunId, GroupId)>, want: &Want<'_, (RunId, GroupId)>) -> String {
    let all: Vec<String> = placement::explain(problem, want).iter().map(|(id, why)| format!("{id}: {why}")).collect();
    let what = want.requirement.platform.as_ref().map_or("linux".to_owned(), ToString::to_string);
    let pool = &want.requirement.pool;
    if all.is_empty() {
        format!("no agent in pool `{pool}` serves {what}; the fleet has no agents")
    } else {
        format!("no agent in pool `{pool}` serves {what}; {}", all.join("; "))
    }
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
        run.conclude(RunStatus::Succeeded, None);
        effects.changed.remove(&id);
        effects.ended.insert(
            id,
            Box::new(super::effects::Final {
                view: view::ended(&run, now.wall),
                report: report::report(&run, now.wall),
                submission: run.record.submission,
            }),
        );
    }
}
