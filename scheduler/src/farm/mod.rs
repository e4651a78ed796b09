//! The farm's state and its transitions, as a pure function: [`apply`] takes an event and returns what is to be done.
//!
//! Invariant: no `async`, no clock, no randomness, no I/O. Time is an argument, effects are values, and no decision
//! iterates over a hash map.

mod agent;
mod apply;
mod census;
mod deadlines;
mod desired;
mod effects;
mod event;
mod fact;
mod index;
mod partial;
mod permit;
mod report;
mod run;
mod settle;
mod view;
mod warm;

pub use agent::{Agent, Session, SessionId};
pub use apply::apply;
pub use census::{Census, Queued};
pub use effects::{Effects, Final};
pub use event::{Compiled, Event, NewRun};
pub use fact::{Fact, Over};
pub use permit::Denied;
pub use run::{AliasFiles, Conclusion, GroupRecord, GroupState, Rest, Run, RunRecord, RunState, UnitRecord, UnitState};

use acre_model::{
    attempt::Fence,
    ids::{AgentId, RunId, UnitId},
    time::Timestamp,
};
use index::Index;
use std::collections::BTreeMap;
use warm::Warm;

/// Everything the farm knows of what is not over.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Runs that have not ended.
    pub runs: BTreeMap<RunId, Run>,
    /// Agents that have a session, or attempts believed alive.
    pub agents: BTreeMap<AgentId, Agent>,
    /// How long the farm is patient.
    pub patience: Patience,
    /// Who built what last.
    pub(crate) warm: Warm,
    /// What follows from the runs and agents, for deciding.
    pub(crate) index: Index,
}

/// How long the farm is patient, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// With an agent that is silent or away, before it counts as lost (promises S1).
    pub agent_ms: u64,
    /// How long an agent that is cut off may go on with a command, before it stops it (its `stop_after`).
    pub isolation_ms: u64,
    /// With agents after stored state was taken up, when none is declared lost.
    pub start_ms: u64,
    /// With a unit that no agent of the fleet could take.
    pub placement_ms: u64,
    /// Between TERM and KILL when something is stopped (promises S23).
    pub stop_grace_ms: u64,
    /// Attempts of a unit after failures of infrastructure, the first one not counted.
    pub extra_attempts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            agent_ms: 15_000,
            isolation_ms: 60_000,
            start_ms: 75_000,
            placement_ms: 600_000,
            stop_grace_ms: 10_000,
            extra_attempts: 2,
        }
    }
}

/// The instant of an event: wall time for records and display, monotonic time for deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall time.
    pub wall: Timestamp,
    /// Milliseconds on a clock that never goes back; its zero is the scheduler's start.
    pub mono: Mono,
}

/// Milliseconds since the scheduler's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub u64);

impl Mono {
    /// This instant moved on.
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl State {
    /// The state that stored runs make, now that they are taken up, and before any agent has connected.
    pub fn restore(runs: Vec<Run>, patience: Patience, now: Mono) -> Self {
        let mut state = Self { patience, ..Self::default() };
        for run in runs {
            for group in &run.record.groups {
                if let GroupState::Placed { agent } = &group.state {
                    state.agents.entry(agent.clone()).or_insert_with(|| Agent::unheard(now));
                }
            }
            state.runs.insert(run.record.id.clone(), run);
        }
        state.look_at_all(Now { wall: Timestamp::from_millis(0), mono: Mono::default() });
        state
    }

    /// Makes the index anew.
    fn look_at_all(&mut self, now: Now) {
        self.index = Index::default();
        for (id, agent) in &self.agents {
            self.index.agent_changed(id);
            self.index.watch(id, agent.deadline(&self.patience));
        }
        self.index.look_at_agents(&self.agents);
        self.runs.values_mut().for_each(|run| self.index.look_at_run(run, &self.warm, &self.patience, now));
    }

    /// The same with its index made anew.
    #[cfg(test)]
    fn indexed_anew(&self, now: Now) -> Self {
        let mut state = self.clone();
        state.look_at_all(now);
        state
    }

    /// When something happens by itself, unless an event comes first.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.index.next_deadline()
    }

    /// Whether nothing is going on.
    pub fn is_idle(&self) -> bool {
        self.runs.is_empty()
    }

    /// The fence of a unit's attempt, as its committed assignment gave it.
    pub fn set_fence(&mut self, run: &RunId, unit: UnitId, fence: Fence) {
        if let Some(run) = self.runs.get_mut(run) {
            run.fences.insert(unit, fence);
        }
    }
}

#[cfg(test)]
mod tests;
