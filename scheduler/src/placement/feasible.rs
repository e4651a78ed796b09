//! Whether an agent can take a group, and the reason if it cannot.

use super::{Emulate, Need};
use acre_model::{
    capability::{Capability, Engine, Mode, Privileges, Requirement, Way},
    fleet::Readiness,
    ids::PoolName,
    platform::Platform,
};
use std::fmt;

/// Why an agent does not take a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It belongs to another pool.
    OtherPool(PoolName),
    /// Its engine runs another operating system.
    OtherOs,
    /// Its engine does not serve the platform.
    OtherPlatform(Platform),
    /// Its engine only emulates the platform, and the run forbids that.
    OnlyEmulated(Platform),
    /// Its engine only emulates the platform, and a native agent is waited for.
    NativeFirst(Platform),
    /// It could not build for other platforms.
    NoBuildKit,
    /// Its configuration does not give steps what the group asks for.
    NotAllowed(Privileges),
    /// Its machine has fewer cores; both in billionths of one.
    FewCores {
        /// Asked for.
        needs: u64,
        /// All there are.
        has: u64,
    },
    /// Its machine has less memory; both in bytes.
    LittleMemory {
        /// Asked for.
        needs: u64,
        /// All there is.
        has: u64,
    },
    /// Its engine does not answer.
    EngineDown(String),
    /// It takes no new work.
    Draining,
    /// It has no session.
    Disconnected,
    /// So many bytes are free there.
    DiskFull(u64),
    /// All its slots are taken.
    Busy {
        /// Groups that work on it.
        busy: u32,
        /// Groups that may.
        slots: u32,
    },
    /// Groups that work on it have asked for too many of its cores; in billionths of one.
    CoresTaken {
        /// Asked for by others.
        taken: u64,
        /// All there are.
        has: u64,
    },
    /// Groups that work on it have asked for too much of its memory; in bytes.
    MemoryTaken {
        /// Asked for by others.
        taken: u64,
        /// All there is.
        has: u64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPool(pool) => write!(f, "in pool {pool}"),
            Self::OtherOs => f.write_str("other OS"),
            Self::OtherPlatform(platform) => write!(f, "does not serve {platform}"),
            Self::OnlyEmulated(platform) => write!(f, "only emulates {platform}, which the run forbids"),
            Self::NativeFirst(platform) => write!(f, "only emulates {platform}, and a native agent is waited for"),
            Self::NoBuildKit => f.write_str("has no BuildKit, so it builds for its own platforms only"),
            Self::NotAllowed(asked) => f.write_str(match (asked.privileged, asked.engine_socket) {
                (_, false) => "does not allow privileged steps",
                (false, true) => "does not allow steps with the engine's socket",
                (true, true) => "does not allow privileged steps, or steps with the engine's socket",
            }),
            Self::FewCores { needs, has } => write!(f, "needs {} cpus, has {}", cores(*needs), cores(*has)),
            Self::LittleMemory { needs, has } => write!(f, "needs {} of memory, has {}", bytes(*needs), bytes(*has)),
            Self::EngineDown(why) => f.write_str(why),
            Self::Draining => f.write_str("draining"),
            Self::Disconnected => f.write_str("not connected"),
            Self::DiskFull(free) => write!(f, "disk full ({} free)", bytes(*free)),
            Self::Busy { busy, slots } => write!(f, "busy ({busy} of {slots} slots)"),
            Self::CoresTaken { taken, has } => write!(f, "busy ({} of {} cpus)", cores(*taken), cores(*has)),
            Self::MemoryTaken { taken, has } => write!(f, "busy ({} of {} of memory)", bytes(*taken), bytes(*has)),
        }
    }
}

/// Billionths of a core as a person writes them: `8`, `0.5`.
fn cores(nano: u64) -> String {
    let (whole, milli) = (nano / CORE, nano % CORE / 1_000_000);
    if milli == 0 { whole.to_string() } else { format!("{whole}.{milli:03}").trim_end_matches('0').to_owned() }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30),
    }
}

/// A core in the unit of requirements.
const CORE: u64 = 1_000_000_000;

/// What groups have taken of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Groups, each of which holds a slot.
    pub groups: u32,
    /// What they ask for together, in billionths of a core.
    pub nano_cpus: u64,
    /// What they ask for together, in bytes.
    pub memory: u64,
}

/// An agent as placement sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// What it has.
    pub capability: Capability,
    /// Whether work is given to it.
    pub readiness: Readiness,
}

impl Seat {
    /// Its cores in the unit of requirements; `None`: it does not tell.
    fn nano_cpus(&self) -> Option<u64> {
        Some(u64::from(self.capability.cpus) * CORE).filter(|cpus| *cpus > 0)
    }

    /// Its memory in bytes; `None`: it does not tell.
    fn memory(&self) -> Option<u64> {
        Some(self.capability.memory).filter(|memory| *memory > 0)
    }

    /// All that a group could get of it.
    pub(super) fn total(&self) -> Room {
        Room { nano_cpus: self.nano_cpus().unwrap_or(u64::MAX), memory: self.memory().unwrap_or(u64::MAX) }
    }

    /// What a group can get of it now.
    pub(super) fn room(&self, load: &Load) -> Room {
        let total = self.total();
        Room {
            nano_cpus: total.nano_cpus.saturating_sub(load.nano_cpus),
            memory: total.memory.saturating_sub(load.memory),
        }
    }

    /// Whether another one of its kind could take the same, and would refuse for the same reasons.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let slots = self.capability.slots == other.capability.slots;
        let engine = self.capability.engine == other.capability.engine;
        let state = self.readiness == other.readiness && self.is_full() == other.is_full();
        slots && engine && state && self.total() == other.total()
    }

    /// Whether it takes new work, if it has room.
    pub(super) fn takes_work(&self) -> bool {
        self.readiness == Readiness::Ready && !self.is_full()
    }

    /// Whether it is worth waiting for: it takes work, or was there a moment ago.
    pub(super) fn is_awaited(&self) -> bool {
        self.takes_work() || self.readiness == Readiness::Disconnected
    }

    /// Whether its engine runs Linux.
    pub(super) fn is_linux(&self) -> bool {
        self.capability.platforms.iter().any(|served| served.platform.os() == "linux")
    }

    fn is_full(&self) -> bool {
        self.capability.is_disk_full()
    }

    /// Whether its engine builds for other platforms than its own.
    pub(super) fn has_buildkit(&self) -> bool {
        matches!(self.capability.engine, Engine::Ready { buildkit: true, .. })
    }

    /// How it could serve `need` with nothing else to do. `alone`: no native agent is there to wait for.
    pub(super) fn ever(&self, need: &Need, alone: bool) -> Result<Way, Reason> {
        let Requirement { pool, asks, nano_cpus, memory, .. } = &need.requirement;
        if self.capability.pool != *pool {
            return Err(Reason::OtherPool(self.capability.pool.clone()));
        }
        if let Engine::Down(why) = &self.capability.engine {
            return Err(Reason::EngineDown(why.clone()));
        }
        let way = self.way(need, alone)?;
        self.allows(*asks)?;
        match (self.nano_cpus(), self.memory()) {
            (Some(has), _) if *nano_cpus > has => Err(Reason::FewCores { needs: *nano_cpus, has }),
            (_, Some(has)) if *memory > has => Err(Reason::LittleMemory { needs: *memory, has }),
            _ => Ok(way),
        }
    }

    fn way(&self, need: &Need, alone: bool) -> Result<Way, Reason> {
        let is_builder = self.is_linux() && self.has_buildkit();
        let Some(platform) = &need.requirement.platform else {
            return match need.cross {
                _ if !self.is_linux() => Err(Reason::OtherOs),
                true if !is_builder => Err(Reason::NoBuildKit),
                true => Ok(Way::Cross),
                false => Ok(Way::Native),
            };
        };
        match (self.capability.mode(platform), need.emulate) {
            (Some(Mode::Native), _) => Ok(Way::Native),
            _ if need.cross && is_builder => Ok(Way::Cross),
            (Some(Mode::Emulated), Emulate::Never) => Err(Reason::OnlyEmulated(platform.clone())),
            (Some(Mode::Emulated), Emulate::IfAlone) if !alone => Err(Reason::NativeFirst(platform.clone())),
            (Some(Mode::Emulated), _) => Ok(Way::Emulated),
            (None, _) if need.cross && self.is_linux() => Err(Reason::NoBuildKit),
            (None, _) if self.capability.platforms.iter().any(|served| served.platform.os() == platform.os()) => {
                Err(Reason::OtherPlatform(platform.clone()))
            }
            (None, _) => Err(Reason::OtherOs),
        }
    }

    fn allows(&self, asked: Privileges) -> Result<(), Reason> {
        let has = self.capability.allows;
        if has.cover(asked) {
            return Ok(());
        }
        // Only what is missing is told.
        Err(Reason::NotAllowed(Privileges {
            privileged: asked.privileged && !has.privileged,
            engine_socket: asked.engine_socket && !has.engine_socket,
        }))
    }

    /// How it could serve `need` now, under this load.
    pub(super) fn now(&self, load: &Load, need: &Need, alone: bool) -> Result<Way, Reason> {
        let way = self.ever(need, alone)?;
        match self.readiness {
            Readiness::Draining => Err(Reason::Draining),
            Readiness::Disconnected | Readiness::EngineDown => Err(Reason::Disconnected),
            Readiness::Ready if self.is_full() => Err(Reason::DiskFull(self.capability.disk_free)),
            Readiness::Ready => self.has_room(load, &need.requirement).map(|()| way),
        }
    }

    /// Whether a group has room here beside this load.
    pub(super) fn has_room(&self, load: &Load, asked: &Requirement) -> Result<(), Reason> {
        let (slots, room) = (self.capability.slots, self.room(load));
        if load.groups >= slots {
            return Err(Reason::Busy { busy: load.groups, slots });
        }
        if asked.nano_cpus > room.nano_cpus {
            return Err(Reason::CoresTaken { taken: load.nano_cpus, has: self.total().nano_cpus });
        }
        if asked.memory > room.memory {
            return Err(Reason::MemoryTaken { taken: load.memory, has: self.total().memory });
        }
        Ok(())
    }
}

/// What a group can get of an agent, slots aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Room {
    nano_cpus: u64,
    memory: u64,
}

impl Room {
    /// Whether it is enough.
    pub(super) const fn holds(&self, asked: &Requirement) -> bool {
        self.nano_cpus >= asked.nano_cpus && self.memory >= asked.memory
    }
}
