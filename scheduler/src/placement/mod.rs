//! Placement: which agent takes which group. Pure: ready groups → feasible agents → rank → assignments.
//!
//! Invariant: no `async`, no clock, no randomness, no I/O; the same problem gives the same placement.

mod feasible;
mod rank;

pub use feasible::Reason;

use acre_model::{
    capability::{Capability, Requirement},
    fleet::Readiness,
    ids::{AgentId, ProjectName},
    submission::Emulation,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What is to be placed, and where it could go.
#[derive(Clone, Debug)]
pub struct Problem<'a, K> {
    /// The fleet, ascending by id.
    pub agents: Vec<Candidate<'a>>,
    /// Groups with a unit that is ready, first come first.
    pub wants: Vec<Want<'a, K>>,
}

/// An agent that could take something.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Which.
    pub id: &'a AgentId,
    /// What it has.
    pub capability: &'a Capability,
    /// Whether work is given to it.
    pub readiness: Readiness,
    /// Groups that work on it now.
    pub busy: u32,
}

/// A group that wants an agent.
#[derive(Clone, Debug)]
pub struct Want<'a, K> {
    /// Whose it is to the caller.
    pub key: K,
    /// Its owner; projects take turns.
    pub project: &'a ProjectName,
    /// What it needs.
    pub requirement: Requirement,
    /// Whether an emulator may serve it.
    pub emulation: Emulation,
    /// The agent it failed on last, taken only if there is no other.
    pub avoid: Option<&'a AgentId>,
}

/// Gives as many wants an agent as the slots allow: projects in turn, each in its own order.
pub fn place<K: Clone>(problem: &Problem<'_, K>) -> Vec<(K, AgentId)> {
    let mut busy: Vec<u32> = problem.agents.iter().map(|agent| agent.busy).collect();
    let mut placed = Vec::new();
    for want in in_turn(&problem.wants) {
        if busy.iter().zip(&problem.agents).all(|(busy, agent)| *busy >= agent.capability.slots) {
            break;
        }
        let best = (0..problem.agents.len())
            .filter(|index| feasible::now(&problem.agents[*index], busy[*index], want).is_ok())
            .min_by_key(|index| rank::key(&problem.agents[*index], busy[*index], want));
        if let Some(index) = best {
            busy[index] += 1;
            placed.push((want.key.clone(), problem.agents[index].id.clone()));
        }
    }
    placed
}

/// Why no agent takes `want` now: every agent's reason, in order of their ids.
pub fn explain<K>(problem: &Problem<'_, K>, want: &Want<'_, K>) -> Vec<(AgentId, Reason)> {
    let reason = |agent: &Candidate<'_>| Some((agent.id.clone(), feasible::now(agent, agent.busy, want).err()?));
    problem.agents.iter().filter_map(reason).collect()
}

/// Whether some agent of the fleet could take `want` if it had nothing else to do.
pub fn is_possible<K>(problem: &Problem<'_, K>, want: &Want<'_, K>) -> bool {
    problem.agents.iter().any(|agent| feasible::ever(agent, want).is_ok())
}

/// The wants of all projects in turn: the first of each, then the second of each…
fn in_turn<'p, 'a, K>(wants: &'p [Want<'a, K>]) -> Vec<&'p Want<'a, K>> {
    let mut queues: BTreeMap<&ProjectName, VecDeque<&Want<'a, K>>> = BTreeMap::new();
    let mut order: Vec<&ProjectName> = Vec::new();
    let mut seen: BTreeSet<&ProjectName> = BTreeSet::new();
    for want in wants {
        if seen.insert(want.project) {
            order.push(want.project);
        }
        queues.entry(want.project).or_default().push_back(want);
    }
    let mut turned = Vec::with_capacity(wants.len());
    while turned.len() < wants.len() {
        turned.extend(order.iter().filter_map(|project| queues.get_mut(project)?.pop_front()));
    }
    turned
}

#[cfg(test)]
mod tests;
