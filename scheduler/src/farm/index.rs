//! What deciding has to find without looking through all runs and agents. All of it follows from them, is kept up as
//! they change, and is never stored.

use super::{Agent, GroupState, Mono, Now, Patience, Run, Warm, deadlines::Deadlines};
use crate::placement::{self, Emulate, Fleet, Need, Placed, Queue, Seat, Want};
use acre_model::{
    capability::{Privileges, Requirement, Way},
    fleet::Readiness,
    ids::{AgentId, GroupId, RunId},
    plan::Action,
    submission::Emulation,
};
use std::collections::{BTreeMap, BTreeSet};

/// A group of a run. In their order runs came.
pub(super) type Key = (RunId, GroupId);

/// A group that may begin: where, and how it is served there if that was decided now.
pub(super) type Begun = (Key, AgentId, Option<Way>);

/// Where groups and agents stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(super) fleet: Fleet,
    pub(super) queue: Queue<Key>,
    runs: BTreeMap<RunId, Footprint>,
    /// The groups that are on an agent.
    placed: BTreeMap<AgentId, BTreeSet<Key>>,
    /// Of them, those that have a unit that could begin there.
    resuming: BTreeMap<AgentId, BTreeSet<Key>>,
    /// When a run is to be looked at again, though nothing happens.
    timers: BTreeSet<(Mono, RunId)>,
    /// When an agent counts as lost, unless it is heard before.
    watched: Deadlines<AgentId>,
    /// Agents that changed since the last look.
    stale: BTreeSet<AgentId>,
    /// Agents on which a group might go on since the last look.
    stirred: BTreeSet<AgentId>,
    /// Whether a group might find an agent since the last look.
    is_stirred: bool,
    /// Whether what the fleet could do at all has changed since it was last asked.
    fleet_changed: bool,
    /// Groups that came since that was last asked.
    fresh: BTreeSet<Key>,
    /// Groups that no agent of the fleet could take.
    hopeless: BTreeSet<Key>,
}

/// What a run has in the index.
#[derive(Clone, Debug, Default)]
struct Footprint {
    groups: BTreeMap<GroupId, Standing>,
    timers: BTreeSet<Mono>,
}

/// Where a group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// It wants an agent.
    Wants(Want),
    /// It has one.
    There {
        agent: AgentId,
        asked: Requirement,
        /// It holds a slot.
        works: bool,
        /// It has a unit that could begin.
        has_ready: bool,
    },
}

impl Index {
    /// An agent is not what it was.
    pub(super) fn agent_changed(&mut self, id: &AgentId) {
        self.stale.insert(id.clone());
    }

    /// An agent was heard, or left; it counts as lost then.
    pub(super) fn watch(&mut self, id: &AgentId, deadline: Option<Mono>) {
        self.watched.set(id, deadline);
    }

    /// Agents that were not heard for too long.
    pub(super) fn late_agents(&self, now: Mono) -> Vec<AgentId> {
        self.watched.due(now).cloned().collect()
    }

    /// Whether something might begin that could not before.
    pub(super) fn is_stirred(&self) -> bool {
        self.is_stirred || !self.stirred.is_empty()
    }

    /// Takes in the agents that changed.
    pub(super) fn look_at_agents(&mut self, agents: &BTreeMap<AgentId, Agent>) {
        for id in std::mem::take(&mut self.stale) {
            let has_changed = match agents.get(&id) {
                Some(agent) => {
                    let seat = Seat { capability: agent.capability.clone(), readiness: agent.readiness() };
                    self.fleet.join(id.clone(), seat)
                }
                None => self.fleet.leave(&id),
            };
            if has_changed {
                self.fleet_changed = true;
                self.is_stirred = true;
                self.stirred.insert(id);
            }
        }
    }

    /// Takes in a run that changed, or whose time has come.
    pub(super) fn look_at_run(&mut self, run: &mut Run, warm: &Warm, patience: &Patience, now: Now) {
        let id = run.record.id.clone();
        run.rests.retain(|_, until| *until > now.mono);
        note_waits(run, now.mono);
        let mut footprint = self.runs.remove(&id).unwrap_or_default();
        for group in run.groups() {
            let key = (id.clone(), group);
            let standing = standing(run, group, warm, now.mono);
            if footprint.groups.get(&group) == standing.as_ref() {
                continue;
            }
            if let Some(old) = footprint.groups.remove(&group) {
                self.leave(&key, &old);
            }
            if !matches!(standing, Some(Standing::Wants(_))) {
                self.hopeless.remove(&key);
            }
            if let Some(new) = standing {
                self.enter(&key, &new);
                footprint.groups.insert(group, new);
            }
        }
        run.hopeless.retain(|group, _| matches!(footprint.groups.get(group), Some(Standing::Wants(_))));
        self.runs.insert(id, footprint);
        self.wind(run, patience, now.mono);
    }

    /// Sets the timers of a run.
    pub(super) fn wind(&mut self, run: &Run, patience: &Patience, now: Mono) {
        let id = &run.record.id;
        let Some(footprint) = self.runs.get_mut(id) else { return };
        let timers: BTreeSet<Mono> = run.deadlines(patience).filter(|at| *at > now).collect();
        for old in footprint.timers.difference(&timers) {
            self.timers.remove(&(*old, id.clone()));
        }
        self.timers.extend(timers.iter().map(|at| (*at, id.clone())));
        footprint.timers = timers;
    }

    /// A run is over.
    pub(super) fn forget(&mut self, id: &RunId) {
        let Some(footprint) = self.runs.remove(id) else { return };
        for (group, standing) in footprint.groups {
            let key = (id.clone(), group);
            self.leave(&key, &standing);
            self.hopeless.remove(&key);
        }
        for at in footprint.timers {
            self.timers.remove(&(at, id.clone()));
        }
    }

    fn enter(&mut self, key: &Key, standing: &Standing) {
        match standing {
            Standing::Wants(want) => {
                self.queue.insert(key.clone(), want.clone());
                self.fresh.insert(key.clone());
                self.is_stirred = true;
            }
            Standing::There { agent, asked, works, has_ready } => {
                self.placed.entry(agent.clone()).or_default().insert(key.clone());
                if *works {
                    self.fleet.take(agent, asked);
                }
                if *has_ready {
                    self.resuming.entry(agent.clone()).or_default().insert(key.clone());
                    self.stirred.insert(agent.clone());
                }
            }
        }
    }

    fn leave(&mut self, key: &Key, standing: &Standing) {
        match standing {
            Standing::Wants(_) => {
                self.queue.remove(key);
                self.fresh.remove(key);
            }
            Standing::There { agent, asked, works, has_ready } => {
                take_out(&mut self.placed, agent, key);
                if *works {
                    self.fleet.give_back(agent, asked);
                    self.stirred.insert(agent.clone());
                    self.is_stirred = true;
                }
                if *has_ready {
                    take_out(&mut self.resuming, agent, key);
                }
            }
        }
    }

    /// Groups that go on where they are, as far as there is room. A group holds its slot while one of its attempts is
    /// active. One that waits for other groups holds none, so that two runs cannot wait for each other's slots for ever.
    pub(super) fn resume(&mut self) -> Vec<Begun> {
        let mut begun = Vec::new();
        for agent in std::mem::take(&mut self.stirred) {
            // What it has, an agent goes on with while it drains, or has little disk left.
            let readiness = self.fleet.seat(&agent).map(|seat| seat.readiness);
            if !matches!(readiness, Some(Readiness::Ready | Readiness::Draining)) {
                continue;
            }
            for key in self.resuming.get(&agent).cloned().unwrap_or_default() {
                let standing = self.runs.get_mut(&key.0).and_then(|footprint| footprint.groups.get_mut(&key.1));
                let Some(Standing::There { asked, works, has_ready, .. }) = standing else { continue };
                if !*works && self.fleet.has_room(&agent, asked).is_err() {
                    continue;
                }
                if !*works {
                    self.fleet.take(&agent, asked);
                }
                (*works, *has_ready) = (true, false);
                take_out(&mut self.resuming, &agent, &key);
                begun.push((key, agent.clone(), None));
            }
        }
        begun
    }

    /// Groups that get an agent now.
    pub(super) fn place(&mut self) -> Vec<Begun> {
        if !std::mem::take(&mut self.is_stirred) {
            return Vec::new();
        }
        let placed = placement::place(&mut self.queue, &mut self.fleet);
        placed.into_iter().map(|placed| self.settle_in(placed)).collect()
    }

    /// A group that has left the queue is on an agent, where it has taken its room.
    fn settle_in(&mut self, Placed { key, agent, way, need }: Placed<Key>) -> Begun {
        self.fresh.remove(&key);
        self.hopeless.remove(&key);
        self.placed.entry(agent.clone()).or_default().insert(key.clone());
        if let Some(footprint) = self.runs.get_mut(&key.0) {
            let asked = need.requirement;
            footprint
                .groups
                .insert(key.1, Standing::There { agent: agent.clone(), asked, works: true, has_ready: false });
        }
        (key, agent, Some(way))
    }

    /// Groups of which it is known only now whether an agent of the fleet could take them, with what stands in the way.
    pub(super) fn judge(&mut self) -> Vec<(Key, Option<String>)> {
        let fresh = std::mem::take(&mut self.fresh);
        let mut judged = Vec::new();
        if std::mem::take(&mut self.fleet_changed) {
            for (need, keys) in self.queue.needs() {
                let why = (!self.fleet.is_possible(need)).then(|| obstacles(&self.fleet, need));
                let told = keys.iter().filter(|key| why.is_some() || self.hopeless.contains(*key));
                judged.extend(told.map(|key| (key.clone(), why.clone())));
            }
        } else {
            let mut known: BTreeMap<&Need, Option<String>> = BTreeMap::new();
            for (key, want) in fresh.iter().filter_map(|key| Some((key, self.queue.get(key)?))) {
                let why = known.entry(&want.need).or_insert_with(|| {
                    (!self.fleet.is_possible(&want.need)).then(|| obstacles(&self.fleet, &want.need))
                });
                judged.extend((why.is_some() || self.hopeless.contains(key)).then(|| (key.clone(), why.clone())));
            }
        }
        for (key, why) in &judged {
            match why {
                Some(_) => self.hopeless.insert(key.clone()),
                None => self.hopeless.remove(key),
            };
        }
        judged
    }

    /// Runs whose time has come.
    pub(super) fn wake(&mut self, now: Mono) -> BTreeSet<RunId> {
        let mut woken = BTreeSet::new();
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            woken.extend(self.timers.pop_first().map(|(_, run)| run));
        }
        woken
    }

    /// When the time of the next run or agent comes.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let run = self.timers.first().map(|(at, _)| *at);
        run.into_iter().chain(self.watched.first()).min()
    }

    /// The groups that are on an agent.
    pub(super) fn placed_on(&self, agent: &AgentId) -> impl Iterator<Item = &Key> {
        self.placed.get(agent).into_iter().flatten()
    }

    /// Whether two say the same of runs and agents.
    #[cfg(test)]
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.fleet == other.fleet
            && self.queue.keys().eq(other.queue.keys())
            && self.placed == other.placed
            && self.resuming == other.resuming
            && self.timers == other.timers
            && self.watched == other.watched
    }
}

fn take_out(of: &mut BTreeMap<AgentId, BTreeSet<Key>>, agent: &AgentId, key: &Key) {
    if let Some(keys) = of.get_mut(agent) {
        keys.remove(key);
        if keys.is_empty() {
            of.remove(agent);
        }
    }
}

/// Since when groups wait for an agent.
fn note_waits(run: &mut Run, now: Mono) {
    let waits =
        |group: &GroupId| run.record.groups[group.index()].state == GroupState::Unplaced && run.has_ready_unit(*group);
    let waiting: Vec<GroupId> = run.groups().filter(waits).collect();
    run.waits.retain(|group, _| waiting.contains(group));
    for group in waiting {
        run.waits.entry(group).or_insert(now);
    }
}

fn standing(run: &Run, group: GroupId, warm: &Warm, now: Mono) -> Option<Standing> {
    match &run.record.groups[group.index()].state {
        GroupState::Unplaced if run.has_ready_unit(group) && !run.rests.contains_key(&group) => {
            let project = run.record.project.clone();
            Some(Standing::Wants(Want { project, need: need(run, group, now), warm: warm_agent(run, group, warm) }))
        }
        GroupState::Placed { agent } => Some(Standing::There {
            agent: agent.clone(),
            asked: requirement(run, group),
            works: run.has_active_unit(group),
            has_ready: run.has_ready_unit(group),
        }),
        GroupState::Unplaced | GroupState::Closed => None,
    }
}

/// The agent that built the first of the group's builds in an earlier run of the task.
fn warm_agent(run: &Run, group: GroupId, warm: &Warm) -> Option<AgentId> {
    let mut builds =
        run.units_of(group).map(|unit| &run.plan.units[unit.index()]).filter(|unit| unit.action.kind() == "build");
    builds.find_map(|unit| warm.agent(&run.record, &unit.platform)).cloned()
}

/// What a group needs of its agent, now that it has waited for so long.
pub(super) fn need(run: &Run, group: GroupId, now: Mono) -> Need {
    let requirement = requirement(run, group);
    let emulate = match run.record.emulation {
        _ if requirement.platform.is_none() => Emulate::Never,
        Emulation::Never => Emulate::Never,
        Emulation::Always => Emulate::Yes,
        Emulation::Fallback { .. } if run.falls_back_at(group).is_some_and(|at| at <= now) => Emulate::Yes,
        Emulation::Fallback { .. } => Emulate::IfAlone,
    };
    let avoid = run.record.groups[group.index()].avoid.clone();
    Need { requirement, cross: run.plan.groups[group.index()].cross, emulate, avoid }
}

/// What the units of a group need of its agent, all together.
fn requirement(run: &Run, group: GroupId) -> Requirement {
    let planned = &run.plan.groups[group.index()];
    let (mut asks, mut nano_cpus, mut memory) = (Privileges::default(), 0, 0);
    let (mut executes, mut is_mixed) = (false, false);
    for unit in run.units_of(group).map(|unit| &run.plan.units[unit.index()]) {
        executes |= matches!(unit.action, Action::Build(_) | Action::Cmd(_));
        is_mixed |= unit.platform != planned.platform;
        if let Action::Cmd(cmd) = &unit.action {
            asks.privileged |= cmd.privileged;
            asks.engine_socket |= cmd.engine_socket;
            nano_cpus = nano_cpus.max(cmd.nano_cpus.and_then(|nano| u64::try_from(nano).ok()).unwrap_or_default());
            memory = memory.max(cmd.memory.unwrap_or_default());
        }
    }
    // Fetching, copying between registries and putting an index are nobody's platform.
    let is_any = !executes || (planned.cross && is_mixed);
    let platform = (!is_any).then(|| planned.platform.clone());
    Requirement { platform, pool: run.record.pool.clone(), asks, nano_cpus, memory }
}

/// What stands in the way of a need that no agent of the fleet could meet.
fn obstacles(fleet: &Fleet, need: &Need) -> String {
    /// Agents that are named; the message goes into records.
    const NAMED: usize = 16;
    let all = fleet.explain(need);
    let mut named: Vec<String> = all.iter().take(NAMED).map(|(id, why)| format!("{id}: {why}")).collect();
    if all.len() > NAMED {
        named.push(format!("and {} more agents", all.len() - NAMED));
    }
    let pool = &need.requirement.pool;
    match named.is_empty() {
        true => "the fleet has no agents".to_owned(),
        false => format!("no agent of pool `{pool}` could; {}", named.join("; ")),
    }
}
