//! Agents, as far as deciding needs to know them.

use super::{Mono, Patience};
use acre_model::{
    capability::{Capability, Engine, Privileges},
    fleet::Readiness,
    ids::PoolName,
    time::Timestamp,
};

/// One stream of one agent; a new stream has a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// An agent.
#[derive(Clone, Debug)]
pub struct Agent {
    /// What it has, as it told last.
    pub capability: Capability,
    /// Whether it is there.
    pub session: Session,
    /// Whether an operator takes it out.
    pub draining: bool,
    /// Whether it finishes what it has and then goes.
    pub leaving: bool,
    /// Groups that have a sandbox on its engine, as it told last.
    pub sandboxes: usize,
}

/// Whether an agent is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// It has a stream.
    Connected {
        /// Which.
        id: SessionId,
        /// Since when, for display.
        since: Timestamp,
        /// When it was heard last.
        heard: Mono,
    },
    /// It had one, and it ended.
    Away {
        /// Since when.
        since: Mono,
    },
    /// It is known by what was once assigned to it, and has had none since the scheduler started.
    Unheard,
}

impl Agent {
    /// An agent that is known only by what was once assigned to it.
    pub fn unheard() -> Self {
        let capability = Capability {
            platforms: Vec::new(),
            pool: PoolName::default(),
            slots: 0,
            cpus: 0,
            memory: 0,
            engine: Engine::Down("not connected since the scheduler started".to_owned()),
            version: String::new(),
            allows: Privileges::default(),
            labels: Default::default(),
            disk_free: 0,
            windows: None,
        };
        Self { capability, session: Session::Unheard, draining: false, leaving: false, sandboxes: 0 }
    }

    /// Whether work is given to it.
    pub fn readiness(&self) -> Readiness {
        match self.session {
            Session::Away { .. } | Session::Unheard => Readiness::Disconnected,
            Session::Connected { .. } if self.draining || self.leaving => Readiness::Draining,
            Session::Connected { .. } if !self.capability.is_ready() => Readiness::EngineDown,
            Session::Connected { .. } => Readiness::Ready,
        }
    }

    /// Whether the groups that it has go on: also on one that takes no new ones.
    pub fn goes_on(&self) -> bool {
        matches!(self.session, Session::Connected { .. }) && self.capability.is_ready()
    }

    /// Whether this stream is the agent's current one.
    pub fn has_session(&self, session: SessionId) -> bool {
        matches!(self.session, Session::Connected { id, .. } if id == session)
    }

    /// When it counts as lost, unless it is heard before.
    pub fn deadline(&self, patience: &Patience) -> Option<Mono> {
        Some(match self.session {
            Session::Connected { heard, .. } => heard.plus_millis(patience.agent_ms),
            Session::Away { since } => since.plus_millis(patience.agent_ms),
            Session::Unheard => Mono(patience.start_ms),
        })
    }
}
