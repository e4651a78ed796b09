//! The agents that serve one lane in one mode, by what they allow and by their room.

use super::{
    Need,
    feasible::{Load, Room, Seat},
};
use acre_model::{
    capability::{Privileges, Requirement},
    ids::AgentId,
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Where an agent stands among those with room: free slots, most first, then its id.
pub(super) type Spot = (Reverse<u32>, AgentId);

/// The agents that serve one lane in one mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tier {
    /// By what they allow (see [`place`]): those that take work and have a free slot.
    open: [BTreeMap<Spot, Room>; 4],
    /// By what they allow: all of them, with all that they have, and whether they are worth waiting for.
    able: [BTreeMap<AgentId, (Room, bool)>; 4],
}

/// The place of what an agent allows.
const fn place(allows: Privileges) -> usize {
    allows.privileged as usize | (allows.engine_socket as usize) << 1
}

/// The places whose agents allow what is asked.
fn places(asked: Privileges) -> impl Iterator<Item = usize> {
    (0..4).filter(move |at| at & place(asked) == place(asked))
}

/// The spot of an agent that takes work and has a free slot.
fn spot(id: &AgentId, seat: &Seat, load: &Load) -> Option<Spot> {
    let free = seat.capability.slots.saturating_sub(load.groups);
    (free > 0 && seat.takes_work()).then(|| (Reverse(free), id.clone()))
}

impl Tier {
    /// An agent comes, or shows another load than before.
    pub(super) fn put(&mut self, id: &AgentId, seat: &Seat, load: &Load) {
        let at = place(seat.capability.allows);
        if let Some(spot) = spot(id, seat, load) {
            self.open[at].insert(spot, seat.room(load));
        }
        self.able[at].insert(id.clone(), (seat.total(), seat.is_awaited()));
    }

    /// An agent goes, as it was put.
    pub(super) fn remove(&mut self, id: &AgentId, seat: &Seat, load: &Load) {
        let at = place(seat.capability.allows);
        if let Some(spot) = spot(id, seat, load) {
            self.open[at].remove(&spot);
        }
        self.able[at].remove(id);
    }

    /// The load of an agent changes.
    pub(super) fn shift(&mut self, id: &AgentId, seat: &Seat, (before, after): (&Load, &Load)) {
        let open = &mut self.open[place(seat.capability.allows)];
        if let Some(spot) = spot(id, seat, before) {
            open.remove(&spot);
        }
        if let Some(spot) = spot(id, seat, after) {
            open.insert(spot, seat.room(after));
        }
    }

    /// The best agent for `need` that has room: the one with the most, then the first by id.
    pub(super) fn best(&self, need: &Need, buildkit: bool) -> Option<&AgentId> {
        let fits = |(spot, room): (&Spot, &Room)| {
            room.holds(&need.requirement, buildkit) && need.avoid.as_ref() != Some(&spot.1)
        };
        let first = |at: usize| self.open[at].iter().find(|(spot, room)| fits((spot, room))).map(|(spot, _)| spot);
        places(need.requirement.asks).filter_map(first).min().map(|(_, id)| id)
    }

    /// Whether this agent is among those with room for `asked`.
    pub(super) fn has_room(&self, id: &AgentId, asked: &Requirement, buildkit: bool, at: (&Seat, &Load)) -> bool {
        let open = &self.open[place(at.0.capability.allows)];
        let room = spot(id, at.0, at.1).and_then(|spot| open.get(&spot));
        at.0.capability.allows.cover(asked.asks) && room.is_some_and(|room| room.holds(asked, buildkit))
    }

    /// Whether some agent could take `asked` with nothing else to do.
    pub(super) fn is_able(&self, asked: &Requirement, buildkit: bool) -> bool {
        places(asked.asks).any(|at| self.able[at].values().any(|(room, _)| room.holds(asked, buildkit)))
    }

    /// Whether some agent could take `need` with nothing else to do, and is worth waiting for.
    pub(super) fn is_awaited(&self, need: &Need) -> bool {
        let is_it = |(id, (room, is_awaited)): (&AgentId, &(Room, bool))| {
            *is_awaited && need.avoid.as_ref() != Some(id) && room.holds(&need.requirement, false)
        };
        places(need.requirement.asks).any(|at| self.able[at].iter().any(is_it))
    }

    /// Whether nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.able.iter().all(BTreeMap::is_empty)
    }
}
