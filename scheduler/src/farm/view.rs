//! Runs and agents as people see them.

use super::{Mono, Run, RunState, Session, State, UnitState, index};
use acre_model::{
    fleet::AgentView,
    ids::{AgentId, GroupId, RunId},
    run::{RunStatus, RunView, UnitPhase, UnitView},
    time::Timestamp,
};
use std::collections::BTreeMap;

/// Agents whose reasons are told for one group.
const EXPLAINED: usize = 100;

impl State {
    /// A run as people see it now.
    pub fn view(&self, id: &RunId) -> Option<RunView> {
        let run = self.runs.get(id)?;
        Some(view(run, status(run), None))
    }

    /// A run as people see it at `now`, with every agent's reason for units that wait for one.
    pub fn explain(&self, id: &RunId, now: Mono) -> Option<RunView> {
        let run = self.runs.get(id)?;
        let mut view = self.view(id)?;
        let mut known: BTreeMap<GroupId, Vec<String>> = BTreeMap::new();
        for unit in &mut view.units {
            if let UnitPhase::Queued(reasons) = &mut unit.phase {
                let group: GroupId = run.plan.units[unit.id.index()].group;
                *reasons = known.entry(group).or_insert_with(|| self.reasons(run, group, now)).clone();
            }
        }
        Some(view)
    }

    /// Why a group with a ready unit does not work: the reason of the agent it is on, or else those of all.
    fn reasons(&self, run: &Run, group: GroupId, now: Mono) -> Vec<String> {
        let need = index::need(run, group, now);
        let fleet = &self.index.fleet;
        if let Some(agent) = run.record.groups[group.index()].agent() {
            let why = fleet.has_room(agent, &need.requirement).err();
            return vec![why.map_or_else(|| format!("{agent}: not ready"), |why| format!("{agent}: {why}"))];
        }
        let mut reasons = Vec::new();
        if run.rests.contains_key(&group) {
            reasons.push("rests after a failure of the farm, and is tried again soon".to_owned());
        }
        let all = fleet.explain(&need);
        reasons.extend(all.iter().take(EXPLAINED).map(|(agent, why)| format!("{agent}: {why}")));
        if all.len() > EXPLAINED {
            reasons.push(format!("and {} more agents", all.len() - EXPLAINED));
        }
        if self.agents.is_empty() {
            reasons.push("the fleet has no agents".to_owned());
        }
        reasons
    }

    /// The fleet as people see it now.
    pub fn fleet(&self) -> Vec<AgentView> {
        self.agents.keys().filter_map(|id| self.agent_view(id)).collect()
    }

    /// An agent as people see it now.
    pub fn agent_view(&self, id: &AgentId) -> Option<AgentView> {
        let agent = self.agents.get(id)?;
        Some(AgentView {
            id: id.clone(),
            capability: agent.capability.clone(),
            readiness: agent.readiness(),
            busy: self.index.fleet.load(id).groups,
            connected_at: match agent.session {
                Session::Connected { since, .. } => Some(since),
                Session::Away { .. } | Session::Unheard { .. } => None,
            },
        })
    }
}

pub(super) fn status(run: &Run) -> RunStatus {
    let has_begun = |state: &UnitState| {
        matches!(state, UnitState::Active { started_at: Some(_), .. } | UnitState::Ended { started_at: Some(_), .. })
    };
    match run.record.state {
        RunState::Queued => RunStatus::Queued,
        _ if run.record.units.iter().any(|unit| has_begun(&unit.state)) => RunStatus::Running,
        _ => RunStatus::Started,
    }
}

/// The last view of a run.
pub(super) fn ended(run: &Run, at: Timestamp) -> RunView {
    let status = match &run.record.state {
        RunState::Ending { conclusion, .. } => conclusion.status,
        RunState::Queued | RunState::Active { .. } => RunStatus::Succeeded,
    };
    view(run, status, Some(at))
}

fn view(run: &Run, status: RunStatus, ended_at: Option<Timestamp>) -> RunView {
    let record = &run.record;
    let error = match &record.state {
        RunState::Ending { conclusion, .. } => conclusion.error.clone(),
        RunState::Queued | RunState::Active { .. } => None,
    };
    RunView {
        id: record.id.clone(),
        project: record.project.clone(),
        status,
        error,
        source: record.source_shown.clone(),
        task: record.task_shown.clone(),
        origin: record.origin.clone(),
        platforms: run.plan.platforms.clone(),
        submitted_at: record.submitted_at,
        started_at: record.state.started_at(),
        ended_at,
        report: None,
        output_images: Vec::new(),
        trace: record.trace.map(|trace| trace.id),
        is_archive_enabled: false,
        tree: record.resolved.as_ref().and_then(|source| source.tree),
        warnings: run.plan.warnings.clone(),
        units: (0..run.plan.units.len()).map(|index| unit_view(run, index)).collect(),
    }
}

fn unit_view(run: &Run, index: usize) -> UnitView {
    let (planned, record) = (&run.plan.units[index], &run.record.units[index]);
    let mut view = UnitView {
        id: planned.id,
        name: planned.name.clone(),
        step: planned.step.clone(),
        kind: planned.action.kind().to_owned(),
        platform: planned.platform.clone(),
        phase: UnitPhase::Waiting,
        agent: None,
        attempt: record.attempts,
        started_at: None,
        ended_at: None,
        result: Default::default(),
        log_bytes: 0,
        way: record.way,
    };
    match &record.state {
        UnitState::Waiting => {}
        UnitState::Ready => {
            let hopeless = run.hopeless.get(&planned.group).map(|group| group.why.clone());
            view.phase = UnitPhase::Queued(hopeless.into_iter().collect());
        }
        UnitState::Active { agent, started_at, .. } => {
            view.phase = if started_at.is_some() { UnitPhase::Running } else { UnitPhase::Assigned };
            view.agent = Some(agent.clone());
            view.started_at = *started_at;
        }
        UnitState::Ended { agent, started_at, ended_at, outcome, result, log_bytes } => {
            view.phase = UnitPhase::Ended(outcome.clone());
            view.agent = agent.clone();
            view.started_at = *started_at;
            view.ended_at = Some(*ended_at);
            view.result = result.clone();
            view.log_bytes = *log_bytes;
        }
    }
    view
}
