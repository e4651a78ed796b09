//! Placement: which agent takes which group. Pure: ready groups → feasible agents → rank → assignments.
//!
//! [`Fleet`] knows the agents by what they serve and by the room they have, [`Queue`] knows what waits by whose it is
//! and by what it needs. The farm keeps both up as things change; so a decision costs about the same among ten agents
//! and among ten thousand. [`place`] takes from the one and fills the other.
//!
//! Agents that are alike make a class, so that what is asked of all of them is asked of a few. A need that found no agent
//! is remembered as unmet: from then on it is offered to agents that have got room, and to no others.
//!
//! Invariant: no `async`, no clock, no randomness, no I/O, no hash map; the same calls give the same placement.

mod backlog;
mod class;
mod classes;
mod feasible;
mod fleet;
mod line;
mod needs;
mod queue;

pub use feasible::{Reason, Seat};
pub use fleet::Fleet;
pub use queue::{Queue, Want};

use acre_model::{
    capability::{Requirement, Way},
    ids::{AgentId, PoolName},
    platform::Platform,
};

/// What a group needs of its agent. Groups of one need are alike here: where one finds no agent, no other does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Platform, pool, privileges, cores, memory.
    pub requirement: Requirement,
    /// Nothing of its platform executes: where no agent is native to it, any Linux agent with BuildKit will do.
    pub cross: bool,
    /// Whether an emulator may serve it.
    pub emulate: Emulate,
    /// The agent it failed on last, taken only if there is no other.
    pub avoid: Option<AgentId>,
}

/// Whether an emulator may serve a group now. What a run's policy and the time that it has waited come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emulate {
    /// No.
    Never,
    /// Only if the fleet has no native agent that it could wait for.
    IfAlone,
    /// Yes.
    Yes,
}

/// What competes for the same agents: one pool, one platform; `None`: any Linux.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pool: PoolName,
    platform: Option<Platform>,
}

impl Need {
    fn lane(&self) -> Lane {
        Lane { pool: self.requirement.pool.clone(), platform: self.requirement.platform.clone() }
    }
}

/// A group that got an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<K> {
    /// Whose it is to the caller.
    pub key: K,
    /// What it got.
    pub agent: AgentId,
    /// How that serves it.
    pub way: Way,
    /// What it needed.
    pub need: Need,
}

/// Gives as many groups an agent as there is room for. They leave the queue, and take their room in the fleet.
///
/// Lanes take turns, and in each lane its projects do: a project with much to do cannot keep the others waiting, nor
/// what is scarce for one platform wait for what is plenty on another.
pub fn place<K: Ord + Clone>(queue: &mut Queue<K>, fleet: &mut Fleet) -> Vec<Placed<K>> {
    let mut placed = Vec::new();
    let mut lanes = queue.begin(fleet);
    while !lanes.is_empty() {
        lanes.retain(|lane| match queue.serve(lane, fleet) {
            Some(found) => {
                fleet.take(&found.agent, &found.need.requirement);
                placed.push(found);
                true
            }
            None => false,
        });
    }
    fleet.settle();
    placed
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
