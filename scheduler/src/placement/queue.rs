//! What waits for an agent, by whose it is and by what it needs.

use super::{Fleet, Lane, Need, Placed, fleet::News};
use acre_model::{
    capability::Way,
    ids::{AgentId, ProjectName},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// What a slot costs a project, and what it gets in each round.
const SLOT: u64 = 1000;
/// The most that a group costs, however many cores it asks for: what bounds the rounds that one is saved up in.
const DEAREST: u64 = 16 * SLOT;

/// A group, the agent that takes it, and how.
type Found<K> = (K, AgentId, Way);

/// A group that wants an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Its owner; projects take turns.
    pub project: ProjectName,
    /// What it needs.
    pub need: Need,
    /// The agent that last built this task and platform.
    pub warm: Option<AgentId>,
}

/// Groups that want an agent. The order of their keys is the order in which they came.
#[derive(Clone, Debug)]
pub struct Queue<K> {
    wants: BTreeMap<K, Want>,
    lanes: BTreeMap<Lane, Line<K>>,
    /// The lane that was served last.
    last: Option<Lane>,
    /// What the fleet told last.
    news: News,
}

/// The groups of one lane: deficit round robin over their projects.
#[derive(Clone, Debug)]
struct Line<K> {
    backlogs: BTreeMap<ProjectName, Backlog<K>>,
    /// Needs that found no agent; no use in trying them before something changes for them.
    unmet: BTreeSet<Need>,
    /// Of them, those that are tried again since agents have got room: no other agents than these could take them.
    retried: BTreeSet<Need>,
    /// The project whose turn it is, and that has got its share of this round.
    turn: Option<ProjectName>,
}

/// The groups of one project in one lane.
#[derive(Clone, Debug)]
struct Backlog<K> {
    /// What the project may still spend.
    deficit: u64,
    /// Groups that may find an agent.
    open: BTreeMap<Need, BTreeSet<K>>,
    /// Groups whose need is among the line's unmet ones.
    stuck: BTreeMap<Need, BTreeSet<K>>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { wants: BTreeMap::new(), lanes: BTreeMap::new(), last: None, news: News::default() }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// A group comes, or wants something else than before.
    pub fn insert(&mut self, key: K, want: Want) {
        self.remove(&key);
        let line = self.lanes.entry(want.need.lane()).or_insert_with(Line::new);
        let backlog = line.backlogs.entry(want.project.clone()).or_insert_with(Backlog::new);
        let by_need = if line.unmet.contains(&want.need) { &mut backlog.stuck } else { &mut backlog.open };
        by_need.entry(want.need.clone()).or_default().insert(key.clone());
        self.wants.insert(key, want);
    }

    /// A group goes.
    pub fn remove(&mut self, key: &K) -> Option<Want> {
        let want = self.wants.remove(key)?;
        let lane = want.need.lane();
        if let Some(line) = self.lanes.get_mut(&lane) {
            line.remove(key, &want);
            if line.backlogs.is_empty() {
                self.lanes.remove(&lane);
            }
        }
        Some(want)
    }

    /// What a group wants.
    pub fn get(&self, key: &K) -> Option<&Want> {
        self.wants.get(key)
    }

    /// The groups, in the order in which they came.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.wants.keys()
    }

    /// Every need, with its groups; a need of several projects several times.
    pub fn needs(&self) -> impl Iterator<Item = (&Need, &BTreeSet<K>)> {
        self.lanes
            .values()
            .flat_map(|line| line.backlogs.values())
            .flat_map(|backlog| backlog.open.iter().chain(&backlog.stuck))
    }

    /// Groups whose need might be met after what has changed in the fleet are tried again.
    pub(super) fn hear(&mut self, fleet: &mut Fleet) {
        self.news = fleet.take_news();
        for (lane, line) in &mut self.lanes {
            let changed: Vec<Need> =
                line.unmet.iter().filter(|need| fleet.has_changed(&self.news, lane, need)).cloned().collect();
            changed.iter().for_each(|need| line.reopen(need));
            let freed: Vec<Need> =
                line.unmet.iter().filter(|need| fleet.is_freed_for(&self.news, need)).cloned().collect();
            freed.iter().for_each(|need| line.reopen(need));
            line.retried = freed.into_iter().collect();
        }
    }

    /// The lanes with groups that may find an agent, beginning with the one after that which was served last.
    pub(super) fn lanes_in_turn(&self) -> Vec<Lane> {
        let is_open = |line: &Line<K>| line.backlogs.values().any(|backlog| !backlog.open.is_empty());
        let open = self.lanes.iter().filter(|(_, line)| is_open(line));
        let mut lanes: Vec<Lane> = open.map(|(lane, _)| lane.clone()).collect();
        let first = self.last.as_ref().map_or(0, |last| lanes.partition_point(|lane| lane <= last));
        lanes.rotate_left(first);
        lanes
    }

    /// Takes out the next group of a lane for which the fleet has an agent.
    pub(super) fn serve(&mut self, lane: &Lane, fleet: &Fleet) -> Option<Placed<K>> {
        let (key, agent, way) = self.lanes.get_mut(lane)?.next(&self.wants, (fleet, &self.news))?;
        let Want { need, .. } = self.remove(&key)?;
        self.last = Some(lane.clone());
        Some(Placed { key, agent, way, need })
    }
}

impl<K: Ord + Clone> Line<K> {
    const fn new() -> Self {
        Self { backlogs: BTreeMap::new(), unmet: BTreeSet::new(), retried: BTreeSet::new(), turn: None }
    }

    fn remove(&mut self, key: &K, want: &Want) {
        let Some(backlog) = self.backlogs.get_mut(&want.project) else { return };
        for by_need in [&mut backlog.open, &mut backlog.stuck] {
            let Some(keys) = by_need.get_mut(&want.need) else { continue };
            keys.remove(key);
            if keys.is_empty() {
                by_need.remove(&want.need);
            }
        }
        if backlog.open.is_empty() && backlog.stuck.is_empty() {
            self.backlogs.remove(&want.project);
        }
    }

    /// A need that found no agent is tried again.
    fn reopen(&mut self, need: &Need) {
        self.unmet.remove(need);
        for backlog in self.backlogs.values_mut() {
            if let Some((need, keys)) = backlog.stuck.remove_entry(need) {
                backlog.open.insert(need, keys);
            }
        }
    }

    /// The next group that an agent takes. A project whose turn comes gets its share, if it has something to place; if
    /// that is too dear for what it has saved, it waits for the next round.
    fn next(&mut self, wants: &BTreeMap<K, Want>, fleet: (&Fleet, &News)) -> Option<Found<K>> {
        let begun_with = self.turn.clone();
        let (mut share, mut without) = (0, 0);
        while without < self.backlogs.len() {
            if let Some(backlog) = self.turn.as_ref().and_then(|project| self.backlogs.get_mut(project)) {
                match backlog.first(wants, fleet, &mut self.unmet, &self.retried) {
                    Some((need, found)) => {
                        without = 0;
                        backlog.deficit += share;
                        if let Some(left) = backlog.deficit.checked_sub(cost(&need)) {
                            backlog.deficit = left;
                            return Some(found);
                        }
                    }
                    None => without += 1,
                }
            }
            self.turn_over();
            share = SLOT;
        }
        // Nobody was served, so it is still the same one's turn.
        self.turn = begun_with;
        None
    }

    fn turn_over(&mut self) {
        let after = self.turn.take().map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.backlogs.range((after, Bound::Unbounded)).next().map(|(project, _)| project);
        self.turn = next.or_else(|| self.backlogs.keys().next()).cloned();
    }
}

impl<K: Ord + Clone> Backlog<K> {
    const fn new() -> Self {
        Self { deficit: 0, open: BTreeMap::new(), stuck: BTreeMap::new() }
    }

    /// The first group that an agent takes, in the order in which they came. Room only shrinks while groups are placed:
    /// a need that finds no agent is unmet until the fleet has news for it.
    fn first(
        &mut self,
        wants: &BTreeMap<K, Want>,
        (fleet, news): (&Fleet, &News),
        unmet: &mut BTreeSet<Need>,
        retried: &BTreeSet<Need>,
    ) -> Option<(Need, Found<K>)> {
        loop {
            let firsts = self.open.iter().filter_map(|(need, keys)| Some((need, keys.first()?)));
            let (need, key) = firsts.min_by_key(|(_, key)| *key)?;
            let (need, key) = (need.clone(), key.clone());
            let warm = wants.get(&key).and_then(|want| want.warm.as_ref());
            let is_unmet = unmet.contains(&need) || (retried.contains(&need) && !fleet.is_freed_for(news, &need));
            let found = if is_unmet { None } else { fleet.pick(&need, warm) };
            match found {
                Some((agent, way)) => return Some((need, (key, agent, way))),
                None => {
                    self.stuck.extend(self.open.remove_entry(&need));
                    unmet.insert(need);
                }
            }
        }
    }
}

/// A group costs its slot, or its cores where it asks for more than one.
fn cost(need: &Need) -> u64 {
    (need.requirement.nano_cpus / 1_000_000).clamp(SLOT, DEAREST)
}
