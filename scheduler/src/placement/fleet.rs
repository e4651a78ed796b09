//! The agents, by what they serve and by the room they have.

use super::{Emulate, Lane, Need, Reason, Seat, feasible::Load, tier::Tier};
use acre_model::{
    capability::{Mode, Requirement, Way},
    ids::AgentId,
};
use std::collections::{BTreeMap, BTreeSet};

/// The agents, and what groups have taken of them.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    seats: BTreeMap<AgentId, Seat>,
    /// What is taken of agents, of those too that are not there; none that is nothing.
    loads: BTreeMap<AgentId, Load>,
    lanes: BTreeMap<Lane, [Tier; 2]>,
    news: News,
}

/// What has changed for groups that found no agent, since that was last asked.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    /// Agents that have got room.
    freed: BTreeSet<AgentId>,
    /// Lanes whose agents have become others.
    changed: BTreeSet<Lane>,
}

/// Two fleets are the same if they have the same agents and the same load.
impl PartialEq for Fleet {
    fn eq(&self, other: &Self) -> bool {
        self.seats == other.seats && self.loads == other.loads && self.lanes == other.lanes
    }
}

/// Agents that serve a need in one way.
#[derive(Clone, Copy)]
struct Choice<'a> {
    tier: &'a Tier,
    way: Way,
    buildkit: bool,
}

/// Every lane that an agent is in, and how it serves it.
fn lanes(seat: &Seat) -> Vec<(Lane, Mode)> {
    if !seat.capability.is_ready() {
        return Vec::new();
    }
    let pool = || seat.capability.pool.clone();
    let platforms = seat.capability.platforms.iter();
    let mut lanes: Vec<(Lane, Mode)> =
        platforms.map(|served| (Lane { pool: pool(), platform: Some(served.platform.clone()) }, served.mode)).collect();
    if seat.is_linux() {
        lanes.push((Lane { pool: pool(), platform: None }, Mode::Native));
    }
    // A platform that is told twice counts as told first.
    lanes.sort_by(|a, b| a.0.cmp(&b.0));
    lanes.dedup_by(|later, first| later.0 == first.0);
    lanes
}

impl Fleet {
    /// An agent comes, or has something else than before.
    pub fn join(&mut self, id: AgentId, seat: Seat) {
        self.leave(&id);
        let load = self.load(&id);
        for (lane, mode) in lanes(&seat) {
            self.news.changed.insert(lane.clone());
            self.lanes.entry(lane).or_default()[mode as usize].put(&id, &seat, &load);
        }
        self.seats.insert(id, seat);
    }

    /// An agent goes. What is taken of it is remembered until it is given back.
    pub fn leave(&mut self, id: &AgentId) {
        let Some(seat) = self.seats.remove(id) else { return };
        let load = self.load(id);
        for (lane, mode) in lanes(&seat) {
            let Some(tiers) = self.lanes.get_mut(&lane) else { continue };
            tiers[mode as usize].remove(id, &seat, &load);
            if tiers.iter().all(Tier::is_empty) {
                self.lanes.remove(&lane);
            }
            self.news.changed.insert(lane);
        }
    }

    /// A group takes its room on an agent.
    pub fn take(&mut self, id: &AgentId, asked: &Requirement) {
        self.shift(id, |load| Load {
            groups: load.groups.saturating_add(1),
            nano_cpus: load.nano_cpus.saturating_add(asked.nano_cpus),
            memory: load.memory.saturating_add(asked.memory),
        });
    }

    /// A group gives back the room that it took.
    pub fn give_back(&mut self, id: &AgentId, asked: &Requirement) {
        self.news.freed.insert(id.clone());
        self.shift(id, |load| Load {
            groups: load.groups.saturating_sub(1),
            nano_cpus: load.nano_cpus.saturating_sub(asked.nano_cpus),
            memory: load.memory.saturating_sub(asked.memory),
        });
    }

    fn shift(&mut self, id: &AgentId, change: impl Fn(Load) -> Load) {
        let before = self.load(id);
        let after = change(before);
        if after == Load::default() {
            self.loads.remove(id);
        } else {
            self.loads.insert(id.clone(), after);
        }
        let Some(seat) = self.seats.get(id) else { return };
        for (lane, mode) in lanes(seat) {
            if let Some(tiers) = self.lanes.get_mut(&lane) {
                tiers[mode as usize].shift(id, seat, (&before, &after));
            }
        }
    }

    /// What groups have taken of an agent.
    pub fn load(&self, id: &AgentId) -> Load {
        self.loads.get(id).copied().unwrap_or_default()
    }

    /// An agent.
    pub fn seat(&self, id: &AgentId) -> Option<&Seat> {
        self.seats.get(id)
    }

    /// The agent that takes `need` now: native or cross before emulated, then `warm`, then the one with the most free
    /// slots, then the first by id; one that is to be avoided after all others.
    pub fn pick(&self, need: &Need, warm: Option<&AgentId>) -> Option<(AgentId, Way)> {
        let choices = self.choices(need, self.may_emulate(need));
        let has_room = |id: &AgentId, choice: &Choice<'_>| {
            self.seats.get(id).is_some_and(|seat| {
                choice.tier.has_room(id, &need.requirement, choice.buildkit, (seat, &self.load(id)))
            })
        };
        for choice in choices.iter().flatten() {
            let warm = warm.filter(|id| need.avoid.as_ref() != Some(*id) && has_room(id, choice));
            if let Some(id) = warm.or_else(|| choice.tier.best(need, choice.buildkit)) {
                return Some((id.clone(), choice.way));
            }
        }
        let last = need.avoid.as_ref()?;
        let choice = choices.iter().flatten().find(|choice| has_room(last, choice))?;
        Some((last.clone(), choice.way))
    }

    /// Whether some agent could take `need` if it had nothing else to do.
    pub fn is_possible(&self, need: &Need) -> bool {
        let choices = self.choices(need, need.emulate != Emulate::Never);
        choices.iter().flatten().any(|choice| choice.tier.is_able(&need.requirement, choice.buildkit))
    }

    /// Why no agent takes `need` now: every agent's reason, in order of their ids.
    pub fn explain(&self, need: &Need) -> Vec<(AgentId, Reason)> {
        let alone = !self.has_native(need);
        let why = |(id, seat): (&AgentId, &Seat)| Some((id.clone(), seat.now(&self.load(id), need, alone).err()?));
        self.seats.iter().filter_map(why).collect()
    }

    /// Whether `agent`, which has the group already, has room for it to go on.
    pub fn has_room(&self, id: &AgentId, asked: &Requirement) -> Result<(), Reason> {
        let seat = self.seats.get(id).ok_or(Reason::Disconnected)?;
        seat.has_room(&self.load(id), asked)
    }

    /// Every agent.
    #[cfg(test)]
    pub(super) fn ids(&self) -> impl Iterator<Item = &AgentId> {
        self.seats.keys()
    }

    /// How an agent that could take `need` serves it.
    #[cfg(test)]
    pub(super) fn way_of(&self, id: &AgentId, need: &Need) -> Way {
        let seat = &self.seats[id];
        seat.now(&self.load(id), need, !self.has_native(need)).unwrap()
    }

    /// What has changed for groups that found no agent; it is told once.
    pub(super) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Whether the agents that a need could go to have become others.
    pub(super) fn has_changed(&self, news: &News, lane: &Lane, need: &Need) -> bool {
        let any = || Lane { pool: lane.pool.clone(), platform: None };
        news.changed.contains(lane) || (need.cross && news.changed.contains(&any()))
    }

    /// Whether an agent that has got room could take `need`, which found none before.
    pub(super) fn is_freed_for(&self, news: &News, need: &Need) -> bool {
        news.freed.iter().any(|id| {
            let (Some(seat), load) = (self.seats.get(id), self.load(id)) else { return false };
            // The cheap question first.
            seat.has_room(&load, &need.requirement).is_ok()
                && match seat.now(&load, need, true) {
                    Ok(Way::Emulated) => self.may_emulate(need),
                    Ok(Way::Native | Way::Cross) => true,
                    Err(_) => false,
                }
        })
    }

    fn may_emulate(&self, need: &Need) -> bool {
        match need.emulate {
            Emulate::Never => false,
            Emulate::IfAlone => !self.has_native(need),
            Emulate::Yes => true,
        }
    }

    /// Whether a native agent could take `need`, now or soon.
    fn has_native(&self, need: &Need) -> bool {
        self.lanes.get(&need.lane()).is_some_and(|[native, _]| native.is_awaited(need))
    }

    /// The ways to serve a need, best first.
    fn choices(&self, need: &Need, emulate: bool) -> [Option<Choice<'_>>; 3] {
        let lane = need.lane();
        let own = self.lanes.get(&lane);
        let is_any = lane.platform.is_none();
        let any = self.lanes.get(&Lane { platform: None, ..lane }).filter(|_| need.cross && !is_any);
        let (way, buildkit) = if is_any && need.cross { (Way::Cross, true) } else { (Way::Native, false) };
        [
            own.map(|[tier, _]| Choice { tier, way, buildkit }),
            any.map(|[tier, _]| Choice { tier, way: Way::Cross, buildkit: true }),
            own.filter(|_| emulate).map(|[_, tier]| Choice { tier, way: Way::Emulated, buildkit: false }),
        ]
    }
}
