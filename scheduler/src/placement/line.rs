//! The groups of one lane: deficit round robin over their projects.

use super::{
    Emulate, Fleet, Need, Want,
    backlog::Backlog,
    fleet::Among,
    needs::{Asked, Hope, NeedId, Needs},
};
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
pub(super) type Found<K> = (K, AgentId, Way);

/// The groups of one lane.
///
/// Room only shrinks while groups are placed, and grows on agents that the fleet knows: so a need that found no agent
/// is stuck in all backlogs, and is offered to those agents alone.
#[derive(Clone, Debug)]
pub(super) struct Line<K> {
    needs: Needs,
    backlogs: BTreeMap<ProjectName, Backlog<K>>,
    /// The project whose turn it is, and that has got its share of this round.
    turn: Option<ProjectName>,
}

/// What a group is sought with: what all groups want, the agents, and the number of the pass.
struct Pass<'a, K> {
    wants: &'a BTreeMap<K, Want>,
    fleet: &'a Fleet,
    number: u64,
}

impl<K: Ord + Clone> Line<K> {
    pub(super) fn new() -> Self {
        Self { needs: Needs::default(), backlogs: BTreeMap::new(), turn: None }
    }

    /// A group comes. Returns whether an agent is still to be sought for it.
    pub(super) fn insert(&mut self, key: K, want: &Want) -> bool {
        let need = self.needs.add(&want.need);
        let is_open = self.is_open(need);
        self.backlogs.entry(want.project.clone()).or_insert_with(Backlog::new).insert(key, need, is_open);
        is_open
    }

    /// A group goes.
    pub(super) fn remove(&mut self, key: &K, want: &Want) {
        let Some(need) = self.needs.number(&want.need) else { return };
        let is_open = self.is_open(need);
        let Some(backlog) = self.backlogs.get_mut(&want.project) else { return };
        backlog.remove(key, need, is_open);
        if backlog.is_empty() {
            self.backlogs.remove(&want.project);
        }
        self.needs.remove(need);
    }

    /// Whether there is no group.
    pub(super) fn is_empty(&self) -> bool {
        self.backlogs.is_empty()
    }

    /// Whether a group would be served by any agent that runs Linux.
    pub(super) fn has_cross(&self) -> bool {
        self.needs.iter().any(|(_, asked)| asked.need.cross)
    }

    /// Every need, with its groups; a need of several projects several times.
    pub(super) fn needs(&self) -> impl Iterator<Item = (&Need, &BTreeSet<K>)> {
        let all = self.backlogs.values().flat_map(Backlog::groups);
        all.filter_map(|(need, groups)| Some((&self.needs.get(need)?.need, groups)))
    }

    /// The next group that an agent takes. A project whose turn comes gets its share, if it has something to place; if
    /// that is too dear for what it has saved, it waits for the next round.
    pub(super) fn next(&mut self, wants: &BTreeMap<K, Want>, fleet: &Fleet, number: u64) -> Option<Found<K>> {
        let pass = Pass { wants, fleet, number };
        let begun_with = self.turn.clone();
        let (mut share, mut without) = (0, 0);
        while without < self.backlogs.len() {
            if let Some(project) = self.turn.clone().filter(|project| self.backlogs.contains_key(project)) {
                match self.first(&project, &pass) {
                    Some((need, found)) => {
                        without = 0;
                        if self.spend(&project, share, need) {
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

    /// A project gets its share, and pays for a group of this need if it can.
    fn spend(&mut self, project: &ProjectName, share: u64, need: NeedId) -> bool {
        let (Some(backlog), Some(asked)) = (self.backlogs.get_mut(project), self.needs.get(need)) else { return false };
        backlog.deficit += share;
        let left = backlog.deficit.checked_sub(cost(&asked.need));
        backlog.deficit = left.unwrap_or(backlog.deficit);
        left.is_some()
    }

    /// The first group of a project that an agent takes, in the order in which they came.
    fn first(&mut self, project: &ProjectName, pass: &Pass<'_, K>) -> Option<(NeedId, Found<K>)> {
        let open = self.first_open(project, pass);
        let before = open.as_ref().map(|(_, (key, ..))| key);
        self.first_stuck(project, before, pass).or(open)
    }

    /// Of the groups for which no agent was sought yet.
    fn first_open(&mut self, project: &ProjectName, pass: &Pass<'_, K>) -> Option<(NeedId, Found<K>)> {
        loop {
            let (key, need) = self.backlogs.get(project)?.first_open()?;
            let need = *need;
            if let Some(found) = pass.seek(Among::All, key, &self.needs.get(need)?.need) {
                return Some((need, found));
            }
            self.stick(need, pass.number);
        }
    }

    /// Of those for which there was none, and that came before this one.
    fn first_stuck(
        &mut self,
        project: &ProjectName,
        before: Option<&K>,
        pass: &Pass<'_, K>,
    ) -> Option<(NeedId, Found<K>)> {
        if !pass.fleet.has_freed() {
            return None;
        }
        let stuck = self.backlogs.get(project)?.stuck();
        let mut earlier = stuck.take_while(|(key, _)| before.is_none_or(|before| key < before));
        earlier.find_map(|(key, need)| {
            let asked = self.needs.get_mut(*need).filter(|asked| asked.hope != Hope::Unmet(pass.number))?;
            let found = pass.seek(Among::Freed, key, &asked.need);
            if found.is_none() {
                asked.hope = Hope::Unmet(pass.number);
            }
            Some((*need, found?))
        })
    }

    fn is_open(&self, need: NeedId) -> bool {
        self.needs.get(need).is_some_and(|asked| asked.hope == Hope::Open)
    }

    // Open => Unmet
    fn stick(&mut self, need: NeedId, pass: u64) {
        if let Some(asked) = self.needs.get_mut(need) {
            asked.hope = Hope::Unmet(pass);
            self.backlogs.values_mut().for_each(|backlog| backlog.stick(need));
        }
    }

    /// Others may emulate now, where a native agent was waited for. Returns whether some group waited for one.
    // Unmet => Open
    pub(super) fn reopen(&mut self) -> bool {
        let waited = |asked: &Asked| asked.need.emulate == Emulate::IfAlone && asked.hope != Hope::Open;
        let waited: Vec<NeedId> = self.needs.iter().filter(|(_, asked)| waited(asked)).map(|(id, _)| id).collect();
        for need in &waited {
            if let Some(asked) = self.needs.get_mut(*need) {
                asked.hope = Hope::Open;
            }
            self.backlogs.values_mut().for_each(|backlog| backlog.reopen(*need));
        }
        !waited.is_empty()
    }
}

impl<K: Ord + Clone> Pass<'_, K> {
    fn seek(&self, among: Among, key: &K, need: &Need) -> Option<Found<K>> {
        let warm = self.wants.get(key).and_then(|want| want.warm.as_ref());
        let (agent, way) = self.fleet.pick_among(among, need, warm)?;
        Some((key.clone(), agent, way))
    }
}

/// A group costs its slot, or its cores where it asks for more than one.
fn cost(need: &Need) -> u64 {
    (need.requirement.nano_cpus / 1_000_000).clamp(SLOT, DEAREST)
}
