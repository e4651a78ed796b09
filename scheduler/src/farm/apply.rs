//! [`apply`]: one event, one change of the state. What follows from the change is settled after it (see `settle`).

use super::{
    Agent, AliasFiles, Compiled, Effects, Event, Fact, GroupRecord, GroupState, Mono, NewRun, Now, Run, RunRecord,
    RunState, Session, SessionId, State, UnitRecord, UnitState, settle,
};
use acre_model::{
    attempt::{Ended, Progress, UnitResult},
    capability::Capability,
    ids::{AgentId, GroupId, RunId, UnitId},
    outcome::{Cause, Outcome},
    plan::Action,
    run::RunStatus,
    session::{AgentState, AttemptState},
};
use std::collections::BTreeSet;

/// How long a group rests after its first failure by infrastructure, in milliseconds; doubled by each further one.
const REST_MS: u64 = 1000;

/// Changes the state by one event, and says what is to be done.
pub fn apply(state: &mut State, event: Event, now: Now) -> Effects {
    let mut effects = Effects::default();
    match event {
        Event::Submitted(run) => submitted(state, run, now, &mut effects),
        Event::Compiled { run, compiled: outcome } => compiled(state, &run, outcome, &mut effects),
        Event::CancelRequested { run } => cancel(state, &run, &mut effects),
        Event::AgentConnected { agent, session, capability } => {
            connected(state, &agent, session, capability, now, &mut effects);
        }
        Event::AgentTold { agent, session, state: told } => told_all(state, &agent, session, told, now, &mut effects),
        Event::AttemptUnsent { agent, attempt, fence, why } => {
            let outcome = Outcome::Failed { exit_code: None, message: why };
            let (started_at, result) = (None, UnitResult::default());
            let progress = Progress::Ended(Ended { started_at, at: now.wall, outcome, result, log_bytes: 0 });
            attempt_told(state, &agent, AttemptState { attempt, fence, progress }, now, &mut effects);
        }
        Event::AgentHeard { agent, session } => {
            heard(state, &agent, session, now.mono);
            return effects;
        }
        Event::AgentGone { agent, session } => gone(state, &agent, session, now.mono, &mut effects),
        Event::DrainRequested { agent, draining } => drain(state, &agent, draining, &mut effects),
        Event::Loaded => loaded(state, now, &mut effects),
        Event::Tick => tick(state, now, &mut effects),
    }
    settle::settle(state, now, &mut effects);
    effects
}

fn submitted(state: &mut State, new: NewRun, now: Now, effects: &mut Effects) {
    if new.cancel_superseded {
        supersede(state, &new, effects);
    }
    let record = RunRecord {
        id: new.id.clone(),
        project: new.project,
        submission: new.submission,
        source_shown: new.source_shown,
        task_shown: new.task_shown,
        origin: new.origin,
        pool: new.pool,
        emulation: new.emulation,
        timeout_ms: new.timeout_ms,
        submitted_at: now.wall,
        nonce: new.nonce,
        trace: new.trace,
        resolved: new.resolved,
        aliases: AliasFiles { addresses: new.aliases, tree: None },
        plan: new.plan_digest,
        state: RunState::Queued,
        units: vec![UnitRecord::new(); new.plan.units.len()],
        groups: vec![GroupRecord::new(); new.plan.groups.len()],
    };
    let mut run = Run::new(record, new.plan);
    run.due = new.timeout_ms.map(|timeout| now.mono.plus_millis(timeout));
    effects.changed.insert(new.id.clone());
    effects.accepted.insert(new.id.clone());
    state.runs.insert(new.id, run);
}

/// Earlier runs of the same task end that say of a branch, or of a pull request, what is out of date now.
fn supersede(state: &mut State, new: &NewRun, effects: &mut Effects) {
    let is_superseded = |run: &Run| {
        let RunRecord { project, origin, .. } = &run.record;
        *project == new.project
            && origin.task.is_some()
            && origin.task == new.origin.task
            && new.origin.cause.supersedes(&origin.cause)
    };
    for run in state.runs.values_mut().filter(|run| !run.record.state.is_ending() && is_superseded(run)) {
        run.conclude(RunStatus::Canceled, Some(format!("superseded by run {}", new.id)));
        effects.changed.insert(run.record.id.clone());
    }
}

/// The next plan takes the place of what was fetched first, with which it begins.
fn compiled(state: &mut State, id: &RunId, outcome: Result<Compiled, String>, effects: &mut Effects) {
    let Some(run) = state.runs.get_mut(id).filter(|run| run.record.plan.is_none()) else { return };
    effects.changed.insert(id.clone());
    let plan = match outcome {
        Ok(Compiled::Whole { plan, digest }) => {
            run.record.plan = Some(digest);
            plan
        }
        Ok(Compiled::AliasesFirst { addresses, plan }) => {
            run.record.aliases.addresses = addresses;
            plan
        }
        Err(faults) => return run.conclude(RunStatus::Failed, Some(faults)),
    };
    run.record.units.resize(plan.units.len(), UnitRecord::new());
    run.record.groups.resize(plan.groups.len(), GroupRecord::new());
    run.plan = plan;
}

fn cancel(state: &mut State, id: &RunId, effects: &mut Effects) {
    if let Some(run) = state.runs.get_mut(id) {
        run.conclude(RunStatus::Canceled, Some("canceled by a user".to_owned()));
        effects.changed.insert(id.clone());
    }
}

fn connected(
    state: &mut State,
    id: &AgentId,
    session: SessionId,
    capability: Capability,
    now: Now,
    effects: &mut Effects,
) {
    let agent = state.agents.entry(id.clone()).or_insert_with(|| Agent::unheard(now.mono));
    agent.capability = capability;
    agent.leaving = false;
    agent.session = Session::Connected { id: session, since: now.wall, heard: now.mono };
    agent_changed(state, id, effects);
    effects.tell.insert(id.clone());
    effects.agents.insert(id.clone());
}

/// An agent is not what it was, for deciding and for people.
fn agent_changed(state: &mut State, id: &AgentId, effects: &mut Effects) {
    state.index.agent_changed(id);
    watch(state, id);
    effects.seen.insert(id.clone());
}

/// When an agent counts as lost is known as it is heard.
fn watch(state: &mut State, id: &AgentId) {
    let deadline = state.agents.get(id).and_then(|agent| agent.deadline(&state.patience));
    state.index.watch(id, deadline);
}

fn heard(state: &mut State, agent: &AgentId, session: SessionId, now: Mono) {
    if let Some(Session::Connected { id, heard, .. }) = state.agents.get_mut(agent).map(|agent| &mut agent.session)
        && *id == session
    {
        *heard = now;
        watch(state, agent);
    }
}

fn told_all(state: &mut State, id: &AgentId, session: SessionId, told: AgentState, now: Now, effects: &mut Effects) {
    heard(state, id, session, now.mono);
    let Some(agent) = state.agents.get_mut(id).filter(|agent| agent.has_session(session)) else { return };
    agent.sandboxes = told.groups.len();
    if agent.leaving != told.leaving || agent.capability != told.capability {
        if is_news(&agent.capability, &told.capability) {
            effects.agents.insert(id.clone());
        }
        agent.leaving = told.leaving;
        agent.capability = told.capability;
        agent_changed(state, id, effects);
    }
    for attempt in told.attempts {
        attempt_told(state, id, attempt, now, effects);
    }
}

/// Whether the other schedulers should know. The room on a disk changes all the time, and decides nothing there.
fn is_news(known: &Capability, told: &Capability) -> bool {
    let disk_free = 0;
    Capability { disk_free, ..known.clone() } != Capability { disk_free, ..told.clone() }
}

/// What an agent tells of an attempt counts only if it is the unit's current one, under its current fence.
fn attempt_told(state: &mut State, id: &AgentId, told: AttemptState, now: Now, effects: &mut Effects) {
    let extra_attempts = state.patience.extra_attempts;
    let Some(run) = state.runs.get_mut(&told.attempt.run) else { return };
    let unit = told.attempt.unit;
    let Some(record) = run.record.units.get_mut(unit.index()) else { return };
    if record.is_ended() {
        return afterwards_told(run, id, told, effects);
    }
    let is_current = record.attempts == told.attempt.number && run.fences.get(&unit) == Some(&told.fence);
    let UnitState::Active { agent, started_at, assigned_at } = &mut record.state else { return };
    if agent != id || !is_current {
        return;
    }
    match told.progress {
        Progress::Preparing => {}
        Progress::Started { at } if started_at.is_none() => {
            *started_at = Some(at);
            effects.facts.push(Fact::Began { after_ms: at.millis_since(*assigned_at) });
            effects.changed.insert(run.record.id.clone());
        }
        Progress::Started { .. } => {}
        Progress::Ended(ended) => {
            let planned = &run.plan.units[unit.index()];
            if matches!(planned.action, Action::Build(_)) && ended.outcome.succeeded() {
                state.warm.remember(&run.record, &planned.platform, id);
            }
            attempt_ended(run, unit, ended, extra_attempts, now, effects);
        }
    }
}

/// A detached container lives on after its unit has ended: how it ended or ailed then belongs to the record, and changes
/// nothing else.
fn afterwards_told(run: &mut Run, id: &AgentId, told: AttemptState, effects: &mut Effects) {
    let unit = told.attempt.unit;
    let is_detached = matches!(&run.plan.units[unit.index()].action, Action::Cmd(cmd) if cmd.detach);
    let record = &mut run.record.units[unit.index()];
    let is_same = record.attempts == told.attempt.number && record.ended_under == Some(told.fence);
    let (UnitState::Ended { agent, result, .. }, Progress::Ended(Ended { result: later, .. })) =
        (&mut record.state, told.progress)
    else {
        return;
    };
    let is_news = later.afterwards != result.afterwards || later.exit_code != result.exit_code;
    if is_detached && is_same && is_news && agent.as_ref() == Some(id) {
        result.afterwards = later.afterwards;
        result.exit_code = later.exit_code;
        effects.changed.insert(run.record.id.clone());
    }
}

// Active => Ended | (its whole group) Waiting
fn attempt_ended(run: &mut Run, unit: UnitId, ended: Ended, extra_attempts: u32, now: Now, effects: &mut Effects) {
    let record = &mut run.record.units[unit.index()];
    let UnitState::Active { agent, .. } = &record.state else { return };
    let agent = agent.clone();
    effects.changed.insert(run.record.id.clone());
    let fence = run.fences.get(&unit).copied();
    effects.facts.extend(Fact::over(run, unit, ended.at, Some(&ended.outcome)));
    release(run, unit, &agent, effects);
    effects.tell.insert(agent.clone());
    let record = &mut run.record.units[unit.index()];
    if ended.outcome.is_infrastructure() {
        record.infrastructure_failures += 1;
    }
    let failures = record.infrastructure_failures;
    // A push has been tried three times by its agent: a registry that still fails it is not asked again.
    let is_spent = matches!(ended.outcome, Outcome::Infrastructure { cause: Cause::Registry, .. })
        && matches!(run.plan.units[unit.index()].action, Action::Push(_) | Action::Index(_));
    let again = ended.outcome.is_infrastructure() && failures <= extra_attempts && !is_spent;
    record.ended_under = fence;
    record.state = UnitState::Ended {
        agent: Some(agent.clone()),
        started_at: ended.started_at,
        ended_at: ended.at,
        outcome: ended.outcome,
        result: ended.result,
        log_bytes: ended.log_bytes,
    };
    let group = run.plan.units[unit.index()].group;
    if again && !run.record.state.is_ending() && group_may_run_again(run, group) {
        start_anew(run, group, &agent, now, effects);
        let rest = REST_MS << failures.saturating_sub(1).min(6);
        run.rests.insert(group, now.mono.plus_millis(rest));
    }
}

/// The assignment of a unit's attempt is removed.
fn release(run: &mut Run, unit: UnitId, agent: &AgentId, effects: &mut Effects) {
    run.fences.remove(&unit);
    effects.assignments.insert((agent.clone(), run.record.id.clone(), unit), None);
}

/// Whether everything the group had started may run again.
fn group_may_run_again(run: &Run, group: GroupId) -> bool {
    run.units_of(group).all(|unit| {
        let record = &run.record.units[unit.index()];
        let untouched = matches!(record.state, UnitState::Waiting | UnitState::Ready);
        let never_started = matches!(
            record.state,
            UnitState::Ended { started_at: None, .. } | UnitState::Active { started_at: None, .. }
        );
        untouched || run.plan.units[unit.index()].rules.may_run_again || (never_started && record.is_ended())
    })
}

/// The group's next incarnation: all of it is to be done again, but for pushes that succeeded.
// Placed => Unplaced; Active | Ended | Ready => Waiting
fn start_anew(run: &mut Run, group: GroupId, avoid: &AgentId, now: Now, effects: &mut Effects) {
    let units: Vec<UnitId> = run.units_of(group).collect();
    for unit in units {
        if run.record.units[unit.index()].is_active() {
            effects.facts.extend(Fact::over(run, unit, now.wall, None));
            release(run, unit, avoid, effects);
        }
        let is_push = matches!(run.plan.units[unit.index()].action.kind(), "push" | "index" | "source");
        let record = &mut run.record.units[unit.index()];
        if !(is_push && record.lets_go_on(false)) {
            record.state = UnitState::Waiting;
        }
    }
    // Whether another group's unit is ready is found anew: it may wait for one that is to be done again.
    for record in run.record.units.iter_mut().filter(|record| record.state == UnitState::Ready) {
        record.state = UnitState::Waiting;
    }
    let record = &mut run.record.groups[group.index()];
    record.incarnation += 1;
    record.avoid = Some(avoid.clone());
    record.state = GroupState::Unplaced;
    effects.tell.insert(avoid.clone());
    effects.changed.insert(run.record.id.clone());
}

// Connected => Away
fn gone(state: &mut State, id: &AgentId, session: SessionId, now: Mono, effects: &mut Effects) {
    let Some(agent) = state.agents.get_mut(id).filter(|agent| agent.has_session(session)) else { return };
    agent.session = Session::Away { since: now };
    agent_changed(state, id, effects);
    effects.agents.insert(id.clone());
}

fn drain(state: &mut State, id: &AgentId, draining: bool, effects: &mut Effects) {
    if let Some(agent) = state.agents.get_mut(id) {
        agent.draining = draining;
        agent_changed(state, id, effects);
    }
}

/// Limits of runs begin anew: how long the scheduler was away is not the run's fault.
fn loaded(state: &mut State, now: Now, effects: &mut Effects) {
    for run in state.runs.values_mut() {
        run.due = run.record.timeout_ms.map(|timeout| now.mono.plus_millis(timeout));
        effects.changed.insert(run.record.id.clone());
    }
}

/// Agents that were not heard for too long are lost.
fn tick(state: &mut State, now: Now, effects: &mut Effects) {
    let isolation_ms = state.patience.isolation_ms;
    for id in state.index.late_agents(now.mono) {
        state.agents.remove(&id);
        agent_changed(state, &id, effects);
        effects.agents.insert(id.clone());
        let runs: BTreeSet<RunId> = state.index.placed_on(&id).map(|(run, _)| run.clone()).collect();
        for run in runs {
            if let Some(run) = state.runs.get_mut(&run) {
                agent_lost(run, &id, isolation_ms, now, effects);
            }
        }
    }
}

/// What was on a lost agent starts anew elsewhere, or is lost with it.
fn agent_lost(run: &mut Run, id: &AgentId, isolation_ms: u64, now: Now, effects: &mut Effects) {
    let groups: Vec<GroupId> =
        run.groups().filter(|group| run.record.groups[group.index()].agent() == Some(id)).collect();
    for group in groups {
        effects.changed.insert(run.record.id.clone());
        if !run.record.state.is_ending() && group_may_run_again(run, group) {
            // A command may still go on there until its agent finds itself cut off; builds and pushes are harmless twice.
            let has_command = run.units_of(group).any(|unit| {
                run.record.units[unit.index()].is_active() && run.plan.units[unit.index()].action.kind() == "cmd"
            });
            start_anew(run, group, id, now, effects);
            if has_command {
                run.rests.insert(group, now.mono.plus_millis(isolation_ms));
            }
            continue;
        }
        let active: Vec<UnitId> =
            run.units_of(group).filter(|unit| run.record.units[unit.index()].is_active()).collect();
        for unit in active {
            lose(run, unit, id, now, effects);
        }
        run.record.groups[group.index()].state = GroupState::Unplaced;
        run.record.groups[group.index()].incarnation += 1;
    }
}

// Active => Ended
fn lose(run: &mut Run, unit: UnitId, id: &AgentId, now: Now, effects: &mut Effects) {
    release(run, unit, id, effects);
    let may_run_again = run.plan.units[unit.index()].rules.may_run_again;
    let is_ending = run.record.state.is_ending();
    let UnitState::Active { started_at, .. } = run.record.units[unit.index()].state else { return };
    let outcome = if is_ending {
        Outcome::Canceled
    } else if may_run_again {
        Outcome::Infrastructure { cause: Cause::AgentLost, message: format!("agent {id} is gone") }
    } else {
        Outcome::Lost
    };
    effects.facts.extend(Fact::over(run, unit, now.wall, Some(&outcome)));
    let record = &mut run.record.units[unit.index()];
    record.state = UnitState::Ended {
        agent: Some(id.clone()),
        started_at,
        ended_at: now.wall,
        outcome,
        result: Default::default(),
        log_bytes: 0,
    };
}
