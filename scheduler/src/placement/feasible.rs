//! Whether an agent can take a group, and the reason if it cannot.

use super::{Candidate, Want};
use acre_model::{
    capability::{Engine, Mode, Privileges},
    fleet::Readiness,
    ids::PoolName,
    platform::Platform,
    submission::Emulation,
};
use std::fmt;

/// Why an agent does not take a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It belongs to another pool.
    OtherPool(PoolName),
    /// Its engine does not serve the platform.
    OtherPlatform(Platform),
    /// Its engine only emulates the platform, and the run forbids that.
    OnlyEmulated(Platform),
    /// Its configuration does not give steps what the group asks for.
    NotAllowed(Privileges),
    /// Its engine does not answer.
    EngineDown(String),
    /// It takes no new work.
    Draining,
    /// It has no session.
    Disconnected,
    /// All its slots are taken.
    Busy {
        /// Groups that work on it.
        busy: u32,
        /// Groups that may.
        slots: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPool(pool) => write!(f, "in pool {pool}"),
            Self::OtherPlatform(platform) => write!(f, "does not serve {platform}"),
            Self::OnlyEmulated(platform) => write!(f, "only emulates {platform}, which the run forbids"),
            Self::NotAllowed(asked) => f.write_str(match (asked.privileged, asked.engine_socket) {
                (_, false) => "does not allow privileged steps",
                (false, true) => "does not allow steps with the engine's socket",
                (true, true) => "does not allow privileged steps, or steps with the engine's socket",
            }),
            Self::EngineDown(why) => write!(f, "{why}"),
            Self::Draining => f.write_str("draining"),
            Self::Disconnected => f.write_str("not connected"),
            Self::Busy { busy, slots } => write!(f, "busy ({busy} of {slots} slots)"),
        }
    }
}

/// Whether `agent` could take `want` with nothing else to do.
pub(super) fn ever<K>(agent: &Candidate<'_>, want: &Want<'_, K>) -> Result<Mode, Reason> {
    let capability = agent.capability;
    if capability.pool != want.requirement.pool {
        return Err(Reason::OtherPool(capability.pool.clone()));
    }
    if let Engine::Down(why) = &capability.engine {
        return Err(Reason::EngineDown(why.clone()));
    }
    let mode = match &want.requirement.platform {
        None => Mode::Native,
        Some(platform) => match capability.mode(platform) {
            None => return Err(Reason::OtherPlatform(platform.clone())),
            Some(Mode::Emulated) if want.emulation == Emulation::Never => {
                return Err(Reason::OnlyEmulated(platform.clone()));
            }
            Some(mode) => mode,
        },
    };
    let Privileges { privileged, engine_socket } = want.requirement.asks;
    let (has, asked) = (capability.allows, want.requirement.asks);
    if has.cover(asked) {
        return Ok(mode);
    }
    // Only what is missing is told.
    Err(Reason::NotAllowed(Privileges {
        privileged: privileged && !has.privileged,
        engine_socket: engine_socket && !has.engine_socket,
    }))
}

/// Whether `agent` can take `want` now, with `busy` of its slots taken.
pub(super) fn now<K>(agent: &Candidate<'_>, busy: u32, want: &Want<'_, K>) -> Result<Mode, Reason> {
    let mode = ever(agent, want)?;
    match agent.readiness {
        Readiness::Draining => Err(Reason::Draining),
        Readiness::Disconnected | Readiness::EngineDown => Err(Reason::Disconnected),
        Readiness::Ready if busy >= agent.capability.slots => Err(Reason::Busy { busy, slots: agent.capability.slots }),
        Readiness::Ready => Ok(mode),
    }
}
