//! Runs and agents as people see them.

use super::{Run, RunState, Session, State, UnitState, settle};
use crate::placement;
use acre_model::{
    fleet::AgentView,
    ids::{GroupId, RunId},
    run::{RunStatus, RunView, UnitPhase, UnitView},
    time::Timestamp,
};

impl State {
    /// A run as people see it now.
    pub fn view(&self, id: &RunId) -> Option<RunView> {
        let run = self.runs.get(id)?;
        Some(view(run, status(run), None))
    }

    /// A run as people see it now, with every agent's reason for units that wait for one.
    pub fn explain(&self, id: &RunId) -> Option<RunView> {
        let run = self.runs.get(id)?;
        let mut view = self.view(id)?;
        let problem = settle::problem(self, &settle::busy(self));
        for unit in &mut view.units {
            if let UnitPhase::Queued(reasons) = &mut unit.phase {
                let group: GroupId = run.plan.units[unit.id.index()].group;
                reasons.clear();
                let why = placement::explain(&problem, &settle::want(run, group));
                reasons.extend(why.iter().map(|(agent, reason)| format!("{agent}: {reason}")));
                if self.agents.is_empty() {
                    reasons.push("the fleet has no agents".to_owned());
                }
            }
        }
        Some(view)
    }

    /// The fleet as people see it now.
    pub fn fleet(&self) -> Vec<AgentView> {
        let busy = settle::busy(self);
        let view = self.agents.iter().map(|(id, agent)| AgentView {
            id: id.clone(),
            capability: agent.capability.clone(),
            readiness: agent.readiness(),
            busy: busy.get(id).copied().unwrap_or_default(),
            connected_at: match agent.session {
                Session::Connected { since, .. } => Some(since),
                Session::Away { .. } | Session::Unheard { .. } => None,
            },
        });
        view.collect()
    }
}

fn status(run: &Run) -> RunStatus {
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
        submitted_at: record.submitted_at,
        started_at: record.state.started_at(),
        ended_at,
        report: None,
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
