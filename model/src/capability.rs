//! What an agent has, and what a unit needs.

use crate::{ids::PoolName, platform::Platform};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

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
    /// What its operator says of it.
    pub labels: BTreeMap<String, String>,
    /// Bytes that are free where it keeps its files.
    pub disk_free: u64,
    /// Bytes of the disk where it keeps its files; 0: not known.
    pub disk_size: u64,
    /// Of a Windows machine.
    pub windows: Option<Windows>,
}

/// What a Windows machine can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// `10.0.20348.2527`: an image whose base has another build needs [`Windows::hyperv`].
    pub build: String,
    /// Containers share the machine's kernel.
    pub process: bool,
    /// Containers have a kernel of their own.
    pub hyperv: bool,
}

/// What a step gets of the host only where the agent's own configuration allows it, and what a group asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// How a unit is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// By the processor itself.
    Native,
    /// Nothing of its platform executes: a build whose stages with a `RUN` are pinned to the builder's platform.
    Cross,
    /// By an emulator.
    Emulated,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Cross => "cross",
            Self::Emulated => "emulated",
        })
    }
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

/// Below this much room an agent takes no work (promise S12), as below a tenth of its disk: 2 GiB.
const LEAST_ROOM: u64 = 2 << 30;

impl Capability {
    /// Whether there is too little room for work where the agent keeps its files.
    pub const fn is_disk_full(&self) -> bool {
        is_full(self.disk_free, self.disk_size)
    }

    /// How `platform` is served here, if it is.
    pub fn mode(&self, platform: &Platform) -> Option<Mode> {
        self.platforms.iter().find(|served| served.platform == *platform).map(|served| served.mode)
    }

    /// Whether the engine answers.
    pub const fn is_ready(&self) -> bool {
        matches!(self.engine, Engine::Ready { .. })
    }
}

/// What is free for a user of a disk and its size, both in bytes and as df(1) has them, from blocks as statvfs(3) tells:
/// all, free, and free for users. What is set aside for the system belongs to nobody.
pub const fn room(block: u64, (all, free, available): (u64, u64, u64)) -> (u64, u64) {
    let size = all.saturating_sub(free).saturating_add(available);
    (available.saturating_mul(block), size.saturating_mul(block))
}

/// Whether a disk of this size in bytes has too little room for work; one that is not known (0) has enough.
pub const fn is_full(free: u64, size: u64) -> bool {
    // A disk that never had twice that is judged by its tenth alone.
    size > 0 && (free < size / 10 || (free < LEAST_ROOM && size >= 2 * LEAST_ROOM))
}

/// What a group needs of its agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Requirement {
    /// The platform that its units execute on; `None`: any agent that runs Linux (a source unit, an index, a cross build).
    pub platform: Option<Platform>,
    /// The pool.
    pub pool: PoolName,
    /// What its steps ask for of the host.
    pub asks: Privileges,
    /// The most that one of its steps asks for, in billionths of a core; 0: nothing.
    pub nano_cpus: u64,
    /// The most that one of its steps asks for, in bytes; 0: nothing.
    pub memory: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_below_a_tenth_or_two_gib() {
        const GIB: u64 = 1 << 30;
        let table = [
            (50, 100, false),
            (9, 100, true),
            (10, 100, false),
            (1, 5, true),
            (3, 5, false),
            (1, 3, false),
            (0, 0, false),
        ];
        for (free, size, expected) in table {
            assert_eq!(is_full(free * GIB, size * GIB), expected, "{free} of {size} GiB");
        }
    }

    #[test]
    fn a_disk_has_the_room_that_df_tells() {
        assert_eq!(room(4096, (100, 20, 10)), (10 * 4096, 90 * 4096));
        assert_eq!(room(1, (0, 5, u64::MAX)), (u64::MAX, u64::MAX));
    }
}
