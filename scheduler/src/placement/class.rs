//! Agents that are alike in all but their room.

use super::{
    Need,
    feasible::{Load, Room, Seat},
};
use acre_model::{
    capability::{Mode, Privileges, Requirement},
    ids::{AgentId, PoolName},
    platform::Platform,
};
use std::{cmp::Reverse, collections::BTreeMap};

/// What the agents of one class have alike. Whether they serve a platform, allow what a step asks for and have what a
/// build needs is asked once for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pool: PoolName,
    /// Each once, ascending; `None`: any Linux. None at all while their engine is down.
    serves: Vec<(Option<Platform>, Mode)>,
    allows: Privileges,
    buildkit: bool,
}

/// Where an agent stands among those with room: free slots, most first, then its id.
pub(super) type Spot = (Reverse<u32>, AgentId);

/// Agents that take work and have a free slot, with what a group can get of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Open(BTreeMap<Spot, Room>);

/// The agents of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Class {
    /// How many they are, by all that they have.
    members: BTreeMap<Room, Members>,
    /// Those that could begin something now.
    pub(super) open: Open,
}

/// Agents that have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Members {
    all: u32,
    /// Of them, those that are worth waiting for.
    awaited: u32,
}

impl Kind {
    pub(super) fn of(seat: &Seat) -> Self {
        let capability = &seat.capability;
        let told = capability.platforms.iter().map(|served| (Some(served.platform.clone()), served.mode));
        let any = seat.is_linux().then_some((None, Mode::Native));
        let mut serves: Vec<_> = told.chain(any).filter(|_| capability.is_ready()).collect();
        // A platform that is told twice counts as told first.
        serves.sort_by(|a, b| a.0.cmp(&b.0));
        serves.dedup_by(|later, first| later.0 == first.0);
        let pool = capability.pool.clone();
        Self { pool, serves, allows: capability.allows, buildkit: seat.has_buildkit() }
    }

    /// Its pool.
    pub(super) const fn pool(&self) -> &PoolName {
        &self.pool
    }

    /// What it serves, and how.
    pub(super) fn serves(&self) -> impl Iterator<Item = (&Option<Platform>, Mode)> {
        self.serves.iter().map(|(platform, mode)| (platform, *mode))
    }

    /// Whether what it allows and what it has to build with are enough.
    pub(super) const fn suits(&self, asked: &Requirement, buildkit: bool) -> bool {
        self.allows.cover(asked.asks) && (self.buildkit || !buildkit)
    }
}

/// The spot of an agent that takes work and has a free slot.
pub(super) fn spot(id: &AgentId, seat: &Seat, load: &Load) -> Option<Spot> {
    let free = seat.capability.slots.saturating_sub(load.groups);
    (free > 0 && seat.takes_work()).then(|| (Reverse(free), id.clone()))
}

impl Open {
    /// An agent has this room.
    pub(super) fn put(&mut self, spot: Spot, room: Room) {
        self.0.insert(spot, room);
    }

    /// An agent has it no more. Returns whether it was here.
    pub(super) fn remove(&mut self, spot: &Spot) -> bool {
        self.0.remove(spot).is_some()
    }

    /// The best one for `need`, but for the one to be avoided: the one with the most slots, then the first by id.
    pub(super) fn best(&self, need: &Need) -> Option<&Spot> {
        let fits = |(spot, room): &(&Spot, &Room)| {
            room.holds(&need.requirement) && need.avoid.as_ref().is_none_or(|avoided| *avoided != spot.1)
        };
        self.0.iter().find(fits).map(|(spot, _)| spot)
    }

    /// Whether the agent of this spot has room for `asked`.
    pub(super) fn has_room(&self, spot: &Spot, asked: &Requirement) -> bool {
        self.0.get(spot).is_some_and(|room| room.holds(asked))
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Class {
    /// An agent comes.
    pub(super) fn enter(&mut self, seat: &Seat) {
        let members = self.members.entry(seat.total()).or_default();
        members.all += 1;
        members.awaited += u32::from(seat.is_awaited());
    }

    /// An agent goes, as it came.
    pub(super) fn leave(&mut self, seat: &Seat) {
        let total = seat.total();
        let Some(members) = self.members.get_mut(&total) else { return };
        members.all -= 1;
        members.awaited -= u32::from(seat.is_awaited());
        if members.all == 0 {
            self.members.remove(&total);
        }
    }

    /// Whether some agent could hold `asked` with nothing else to do.
    pub(super) fn is_able(&self, asked: &Requirement) -> bool {
        self.members.keys().any(|total| total.holds(asked))
    }

    /// Whether some agent could hold `asked` with nothing else to do, and is worth waiting for. One that has this much
    /// does not count: `but`.
    pub(super) fn is_awaited(&self, asked: &Requirement, but: Option<&Room>) -> bool {
        let counts = |total: &Room, members: &Members| members.awaited > u32::from(but == Some(total));
        self.members.iter().any(|(total, members)| total.holds(asked) && counts(total, members))
    }

    /// Whether nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}
