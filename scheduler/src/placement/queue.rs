//! What waits for an agent, by whose it is and by what it needs.

use super::{Fleet, Lane, Need, Placed, line::Line};
use acre_model::ids::{AgentId, PoolName, ProjectName};
use std::collections::{BTreeMap, BTreeSet};

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
    lines: BTreeMap<Lane, Line<K>>,
    /// Lanes with groups for which no agent was sought yet.
    open: BTreeSet<Lane>,
    /// The lane that was served last.
    last: Option<Lane>,
    /// Numbers the passes.
    pass: u64,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { wants: BTreeMap::new(), lines: BTreeMap::new(), open: BTreeSet::new(), last: None, pass: 0 }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// A group comes, or wants something else than before.
    pub fn insert(&mut self, key: K, want: Want) {
        self.remove(&key);
        let lane = want.need.lane();
        let line = self.lines.entry(lane.clone()).or_insert_with(Line::new);
        if line.insert(key.clone(), &want) {
            self.open.insert(lane);
        }
        self.wants.insert(key, want);
    }

    /// A group goes.
    pub fn remove(&mut self, key: &K) -> Option<Want> {
        let want = self.wants.remove(key)?;
        let lane = want.need.lane();
        if let Some(line) = self.lines.get_mut(&lane) {
            line.remove(key, &want);
            if line.is_empty() {
                self.lines.remove(&lane);
                self.open.remove(&lane);
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
        self.lines.values().flat_map(Line::needs)
    }

    /// A pass begins. Returns the lanes whose groups may find an agent, in their turn: after the one that was served last.
    pub(super) fn begin(&mut self, fleet: &mut Fleet) -> Vec<Lane> {
        self.pass += 1;
        for lane in fleet.take_lost() {
            if self.lines.get_mut(&lane).is_some_and(Line::reopen) {
                self.open.insert(lane);
            }
        }
        let mut lanes: BTreeSet<Lane> = self.open.clone();
        for freed in fleet.freed_lanes() {
            // Who runs Linux may build for any platform of its pool.
            let is_any = freed.platform.is_none();
            let cross = self.lines_of(&freed.pool).filter(|(_, line)| is_any && line.has_cross());
            lanes.extend(cross.map(|(lane, _)| lane.clone()));
            lanes.extend(self.lines.contains_key(&freed).then_some(freed));
        }
        let first = self.last.as_ref().map_or(0, |last| lanes.iter().take_while(|lane| *lane <= last).count());
        let mut lanes: Vec<Lane> = lanes.into_iter().collect();
        lanes.rotate_left(first);
        lanes
    }

    /// The lines of a pool.
    fn lines_of(&self, pool: &PoolName) -> impl Iterator<Item = (&Lane, &Line<K>)> {
        let first = Lane { pool: pool.clone(), platform: None };
        self.lines.range(first..).take_while(|(lane, _)| lane.pool == *pool)
    }

    /// Takes out the next group of a lane for which the fleet has an agent.
    pub(super) fn serve(&mut self, lane: &Lane, fleet: &Fleet) -> Option<Placed<K>> {
        let is_open = self.open.contains(lane);
        if !is_open && !fleet.has_freed() {
            return None;
        }
        let Some((key, agent, way)) = self.lines.get_mut(lane)?.next(&self.wants, fleet, self.pass) else {
            self.open.remove(lane);
            return None;
        };
        let Want { need, .. } = self.remove(&key)?;
        self.last = Some(lane.clone());
        Some(Placed { key, agent, way, need })
    }
}
