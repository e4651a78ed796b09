//! What an agent has, and what a unit needs.

use crate::{ids::PoolName, platform::Platform};
use serde::{Deserialize, Serialize};

/// What an agent has, told when its session begins and whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// The platforms its engine serves, native ones first.
    pub platforms: Vec<Served>,
    /// The pool it belongs to.
    pub pool: PoolName,
    /// Groups that may work on it at one time.
    pub slots: u32,
    /// Cores of the engine's machine.
    pub cpus: u32,
    /// Memory of the engine's machine in bytes.
    pub memory: u64,
    /// The engine behind it.
    pub engine: Engine,
    /// Version of the agent.
    pub version: String,
    /// What its configuration gives to steps that ask for it.
    pub allows: Privileges,
}

/// What a step gets of the host only where the agent's own configuration allows it, and what a group asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// Privileged containers.
    pub privileged: bool,
    /// The engine's socket.
    pub engine_socket: bool,
}

impl Privileges {
    /// Whether these are enough for what is asked.
    pub const fn cover(self, asked: Self) -> bool {
        (self.privileged || !asked.privileged) && (self.engine_socket || !asked.engine_socket)
    }
}

/// A platform that an engine serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Which.
    pub platform: Platform,
    /// How.
    pub mode: Mode,
}

/// How a platform is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// By the processor itself.
    Native,
    /// By an emulator, which was tried.
    Emulated,
}

/// The engine behind an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// It answers.
    Ready {
        /// Its name, `docker` or `simulated`.
        name: String,
        /// Its version.
        version: String,
        /// Whether it has BuildKit.
        buildkit: bool,
        /// Whether its images live in containerd's store.
        containerd_store: bool,
    },
    /// It does not; the text says why, and what to do.
    Down(String),
}

impl Capability {
    /// How `platform` is served here, if it is.
    pub fn mode(&self, platform: &Platform) -> Option<Mode> {
        self.platforms.iter().find(|served| served.platform == *platform).map(|served| served.mode)
    }

    /// Whether the engine answers.
    pub const fn is_ready(&self) -> bool {
        matches!(self.engine, Engine::Ready { .. })
    }
}

/// What a group needs of its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The platform of its units; `None`: any agent that runs Linux (a source unit).
    pub platform: Option<Platform>,
    /// The pool.
    pub pool: PoolName,
    /// What its steps ask for of the host.
    pub asks: Privileges,
}
