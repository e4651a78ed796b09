//! The agents, by what they serve and by the room they have.

use super::{
    Emulate, Lane, Need, Reason, Seat,
    class::{Kind, Open, Spot, spot},
    classes::{ClassId, Classes},
    feasible::Load,
};
use acre_model::{
    capability::{Mode, Requirement, Way},
    ids::AgentId,
};
use std::collections::{BTreeMap, BTreeSet};

/// The agents, and what groups have taken of them.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    posts: BTreeMap<AgentId, Post>,
    /// What is taken of agents, of those too that are not there; none that is nothing.
    loads: BTreeMap<AgentId, Load>,
    classes: Classes,
    /// Of the agents that could begin something, those that have got room since this was last settled.
    freed: BTreeMap<ClassId, Open>,
    /// Lanes in which a native agent is waited for no more since that was last asked: others may emulate there now.
    lost: BTreeSet<Lane>,
}

/// An agent, and the class it is in.
#[derive(Clone, Debug)]
struct Post {
    seat: Seat,
    class: ClassId,
}

/// Which agents are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// All.
    All,
    /// Those that have got room: enough for a need that found no agent before, since room only shrinks elsewhere.
    Freed,
}

/// Two fleets are the same if they have the same agents and the same load.
impl PartialEq for Fleet {
    fn eq(&self, other: &Self) -> bool {
        let seats = self.posts.iter().map(|(id, post)| (id, &post.seat));
        let others = other.posts.iter().map(|(id, post)| (id, &post.seat));
        seats.eq(others) && self.loads == other.loads && self.classes == other.classes
    }
}

/// A way to serve a need: by agents that serve its platform in this mode (`any`: that run Linux).
#[derive(Clone, Copy, Debug)]
struct Choice {
    way: Way,
    any: bool,
    mode: Mode,
    buildkit: bool,
}

impl Fleet {
    /// An agent comes, or has something else than before. Returns whether placement could see a difference.
    pub fn join(&mut self, id: AgentId, seat: Seat) -> bool {
        let kind = Kind::of(&seat);
        if let Some(post) = self.posts.get_mut(&id)
            && self.classes.kind(post.class) == Some(&kind)
            && post.seat.is_alike(&seat)
        {
            post.seat = seat;
            return false;
        }
        self.leave(&id);
        let class = self.classes.of_kind(kind);
        if let Some(class) = self.classes.get_mut(class) {
            class.enter(&seat);
        }
        self.posts.insert(id.clone(), Post { seat, class });
        self.put(&id, true);
        true
    }

    /// An agent goes. What is taken of it is remembered until it is given back. Returns whether it was there.
    pub fn leave(&mut self, id: &AgentId) -> bool {
        self.take_out(id);
        let Some(Post { seat, class }) = self.posts.remove(id) else { return false };
        if let Some(kind) = self.classes.kind(class).filter(|_| seat.is_awaited()) {
            let native = kind.serves().filter(|(_, mode)| *mode == Mode::Native);
            self.lost
                .extend(native.map(|(platform, _)| Lane { pool: kind.pool().clone(), platform: platform.clone() }));
        }
        if let Some(class) = self.classes.get_mut(class) {
            class.leave(&seat);
        }
        self.classes.forget_empty(class);
        true
    }

    /// A group takes its room on an agent.
    pub fn take(&mut self, id: &AgentId, asked: &Requirement) {
        let was_freed = self.take_out(id);
        let load = self.load(id);
        self.set_load(
            id,
            Load {
                groups: load.groups.saturating_add(1),
                nano_cpus: load.nano_cpus.saturating_add(asked.nano_cpus),
                memory: load.memory.saturating_add(asked.memory),
            },
        );
        self.put(id, was_freed);
    }

    /// A group gives back the room that it took.
    pub fn give_back(&mut self, id: &AgentId, asked: &Requirement) {
        self.take_out(id);
        let load = self.load(id);
        self.set_load(
            id,
            Load {
                groups: load.groups.saturating_sub(1),
                nano_cpus: load.nano_cpus.saturating_sub(asked.nano_cpus),
                memory: load.memory.saturating_sub(asked.memory),
            },
        );
        self.put(id, true);
    }

    fn set_load(&mut self, id: &AgentId, load: Load) {
        if load == Load::default() {
            self.loads.remove(id);
        } else {
            self.loads.insert(id.clone(), load);
        }
    }

    /// An agent stands among the open ones of its class, if it is one.
    fn put(&mut self, id: &AgentId, is_freed: bool) {
        let load = self.load(id);
        let Some(Post { seat, class }) = self.posts.get(id) else { return };
        let Some(spot) = spot(id, seat, &load) else { return };
        let room = seat.room(&load);
        if is_freed {
            self.freed.entry(*class).or_default().put(spot.clone(), room);
        }
        if let Some(class) = self.classes.get_mut(*class) {
            class.open.put(spot, room);
        }
    }

    /// An agent does not stand there any more. Returns whether it was among those that have got room.
    fn take_out(&mut self, id: &AgentId) -> bool {
        let load = self.load(id);
        let Some(Post { seat, class }) = self.posts.get(id) else { return false };
        let Some(spot) = spot(id, seat, &load) else { return false };
        if let Some(class) = self.classes.get_mut(*class) {
            class.open.remove(&spot);
        }
        let Some(freed) = self.freed.get_mut(class) else { return false };
        let was_freed = freed.remove(&spot);
        if freed.is_empty() {
            self.freed.remove(class);
        }
        was_freed
    }

    /// What groups have taken of an agent.
    pub fn load(&self, id: &AgentId) -> Load {
        self.loads.get(id).copied().unwrap_or_default()
    }

    /// An agent.
    pub fn seat(&self, id: &AgentId) -> Option<&Seat> {
        self.posts.get(id).map(|post| &post.seat)
    }

    /// The agent that takes `need` now: native or cross before emulated, then `warm`, then the one with the most free
    /// slots, then the first by id; one that is to be avoided after all others.
    pub fn pick(&self, need: &Need, warm: Option<&AgentId>) -> Option<(AgentId, Way)> {
        self.pick_among(Among::All, need, warm)
    }

    /// The same of some of the agents.
    pub(super) fn pick_among(&self, among: Among, need: &Need, warm: Option<&AgentId>) -> Option<(AgentId, Way)> {
        let choices = choices(need, self.may_emulate(need));
        for choice in choices.iter().flatten() {
            let warm = warm.filter(|id| need.avoid.as_ref() != Some(*id) && self.takes(among, id, need, choice));
            if let Some(id) = warm.or_else(|| self.best(among, need, choice)) {
                return Some((id.clone(), choice.way));
            }
        }
        let last = need.avoid.as_ref()?;
        let choice = choices.iter().flatten().find(|choice| self.takes(among, last, need, choice))?;
        Some((last.clone(), choice.way))
    }

    /// The best agent for `need` that serves it so.
    fn best(&self, among: Among, need: &Need, choice: &Choice) -> Option<&AgentId> {
        let classes = self.choose(need, choice);
        let best = classes.filter_map(|class| self.open(among, class)?.best(need)).min();
        best.map(|(_, id): &Spot| id)
    }

    /// Whether an agent could begin `need`, and serves it so.
    fn takes(&self, among: Among, id: &AgentId, need: &Need, choice: &Choice) -> bool {
        let Some(post) = self.posts.get(id) else { return false };
        let spot = spot(id, &post.seat, &self.load(id));
        self.choose(need, choice).any(|class| class == post.class)
            && spot
                .zip(self.open(among, post.class))
                .is_some_and(|(spot, open)| open.has_room(&spot, &need.requirement))
    }

    fn open(&self, among: Among, class: ClassId) -> Option<&Open> {
        match among {
            Among::All => self.classes.get(class).map(|class| &class.open),
            Among::Freed => self.freed.get(&class),
        }
    }

    /// Whether some agent could take `need` if it had nothing else to do.
    pub fn is_possible(&self, need: &Need) -> bool {
        let choices = choices(need, need.emulate != Emulate::Never);
        let mut classes = choices.iter().flatten().flat_map(|choice| self.choose(need, choice));
        classes.any(|class| self.classes.get(class).is_some_and(|class| class.is_able(&need.requirement)))
    }

    /// Why no agent takes `need` now: every agent's reason, in order of their ids.
    pub fn explain(&self, need: &Need) -> Vec<(AgentId, Reason)> {
        let alone = !self.has_native(need);
        let why = |(id, post): (&AgentId, &Post)| Some((id.clone(), post.seat.now(&self.load(id), need, alone).err()?));
        self.posts.iter().filter_map(why).collect()
    }

    /// Whether `agent`, which has the group already, has room for it to go on.
    pub fn has_room(&self, id: &AgentId, asked: &Requirement) -> Result<(), Reason> {
        let seat = self.seat(id).ok_or(Reason::Disconnected)?;
        seat.has_room(&self.load(id), asked)
    }

    /// Every agent.
    #[cfg(test)]
    pub(super) fn ids(&self) -> impl Iterator<Item = &AgentId> {
        self.posts.keys()
    }

    /// How an agent that could take `need` serves it.
    #[cfg(test)]
    pub(super) fn way_of(&self, id: &AgentId, need: &Need) -> Way {
        let seat = self.seat(id).unwrap();
        seat.now(&self.load(id), need, !self.has_native(need)).unwrap()
    }

    /// Lanes in which others may emulate now; they are told once.
    pub(super) fn take_lost(&mut self) -> BTreeSet<Lane> {
        std::mem::take(&mut self.lost)
    }

    /// Whether some agents have got room, and still have some.
    pub(super) fn has_freed(&self) -> bool {
        !self.freed.is_empty()
    }

    /// What agents that have got room serve.
    pub(super) fn freed_lanes(&self) -> BTreeSet<Lane> {
        let kinds = self.freed.keys().filter_map(|class| self.classes.kind(*class));
        let lane = |kind: &Kind, platform: &Option<_>| Lane { pool: kind.pool().clone(), platform: platform.clone() };
        kinds.flat_map(|kind| kind.serves().map(move |(platform, _)| lane(kind, platform))).collect()
    }

    /// Whatever waits has been offered to the agents that have got room.
    pub(super) fn settle(&mut self) {
        self.freed.clear();
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
        let Requirement { pool, platform, .. } = &need.requirement;
        let avoided = need.avoid.as_ref().and_then(|id| self.posts.get(id)).filter(|post| post.seat.is_awaited());
        let avoided = avoided.map(|post| (post.class, post.seat.total()));
        self.classes.serving(pool, platform, Mode::Native).any(|(id, kind, class)| {
            let but = avoided.as_ref().filter(|(class, _)| *class == id).map(|(_, total)| total);
            kind.suits(&need.requirement, false) && class.is_awaited(&need.requirement, but)
        })
    }

    /// The classes whose agents serve `need` so, if they have room.
    fn choose<'a>(&'a self, need: &'a Need, choice: &'a Choice) -> impl Iterator<Item = ClassId> + use<'a> {
        let Requirement { pool, platform, .. } = &need.requirement;
        let platform = if choice.any { &None } else { platform };
        let classes = self.classes.serving(pool, platform, choice.mode);
        classes.filter(|(_, kind, _)| kind.suits(&need.requirement, choice.buildkit)).map(|(id, ..)| id)
    }
}

/// The ways to serve a need, best first.
fn choices(need: &Need, emulate: bool) -> [Option<Choice>; 3] {
    let is_any = need.requirement.platform.is_none();
    let native = Choice { way: Way::Native, any: false, mode: Mode::Native, buildkit: false };
    let cross = Choice { way: Way::Cross, any: true, mode: Mode::Native, buildkit: true };
    let emulated = Choice { way: Way::Emulated, any: false, mode: Mode::Emulated, buildkit: false };
    [
        Some(native).filter(|_| !(is_any && need.cross)),
        Some(cross).filter(|_| need.cross),
        Some(emulated).filter(|_| emulate),
    ]
}
