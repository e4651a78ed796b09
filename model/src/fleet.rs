//! The fleet as people see it.

use crate::{capability::Capability, ids::AgentId, time::Timestamp};
use serde::{Deserialize, Serialize};

/// An agent as `acre agents` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AgentView {
    /// Which.
    pub id: AgentId,
    /// What it has.
    pub capability: Capability,
    /// Whether work is given to it.
    pub readiness: Readiness,
    /// Groups that work on it now.
    pub busy: u32,
    /// Since when its session lasts; `None`: it has none.
    pub connected_at: Option<Timestamp>,
}

/// Whether work is given to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Work is given to it.
    Ready,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// Its engine does not answer.
    EngineDown,
    /// It has no session; its attempts are still believed alive.
    Disconnected,
}
