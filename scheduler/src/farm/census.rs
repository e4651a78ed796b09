//! The farm in numbers, for those who watch it.

use super::{Run, Session, State, UnitState};
use acre_model::{fleet::Readiness, ids::GroupId, run::RunStatus};
use std::collections::BTreeMap;

/// The farm in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Runs that have not ended.
    pub runs: BTreeMap<RunStatus, u64>,
    /// Units of them that wait for others.
    pub waiting: u64,
    /// Units of them that wait for an agent, by what keeps it from them.
    pub queued: BTreeMap<Queued, u64>,
    /// Units of them that have an agent.
    pub active: u64,
    /// Agents that have a session, or had one a moment ago.
    pub agents: BTreeMap<Readiness, u64>,
    /// Groups that these could have at one time.
    pub slots: u64,
    /// Groups that hold such a slot.
    pub busy: u64,
}

/// What keeps a unit from an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queued {
    /// Those that could take it have no room.
    NoRoom,
    /// No agent of the fleet could take it.
    NoAgent,
    /// It rests after a failure of the farm.
    Rests,
    /// Its group is on an agent, and that has no room.
    OwnAgentBusy,
}

impl State {
    /// The farm in numbers.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for run in self.runs.values() {
            count_run(run, &mut census);
        }
        for (id, agent) in &self.agents {
            *census.agents.entry(agent.readiness()).or_default() += 1;
            if matches!(agent.session, Session::Connected { .. }) {
                census.slots += u64::from(agent.capability.slots);
            }
            census.busy += u64::from(self.index.fleet.load(id).groups);
        }
        census
    }
}

fn count_run(run: &Run, census: &mut Census) {
    *census.runs.entry(super::view::status(run)).or_default() += 1;
    for (planned, record) in run.plan.units.iter().zip(&run.record.units) {
        match record.state {
            UnitState::Waiting => census.waiting += 1,
            UnitState::Ready => *census.queued.entry(queued(run, planned.group)).or_default() += 1,
            UnitState::Active { .. } => census.active += 1,
            UnitState::Ended { .. } => {}
        }
    }
}

fn queued(run: &Run, group: GroupId) -> Queued {
    if run.record.groups[group.index()].agent().is_some() {
        Queued::OwnAgentBusy
    } else if run.rests.contains_key(&group) {
        Queued::Rests
    } else if run.hopeless.contains_key(&group) {
        Queued::NoAgent
    } else {
        Queued::NoRoom
    }
}
