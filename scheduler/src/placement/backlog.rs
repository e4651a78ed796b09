//! The groups of one project in one lane.

use super::needs::NeedId;
use std::collections::{BTreeMap, BTreeSet};

/// The groups of one project in one lane. Of those with the same need only the first is looked at.
#[derive(Clone, Debug)]
pub(super) struct Backlog<K> {
    /// What the project may still spend.
    pub(super) deficit: u64,
    groups: BTreeMap<NeedId, BTreeSet<K>>,
    /// The first group of each need that is open.
    open: BTreeSet<(K, NeedId)>,
    /// The first group of each need that is unmet.
    stuck: BTreeSet<(K, NeedId)>,
}

impl<K: Ord + Clone> Backlog<K> {
    pub(super) const fn new() -> Self {
        Self { deficit: 0, groups: BTreeMap::new(), open: BTreeSet::new(), stuck: BTreeSet::new() }
    }

    /// A group comes, whose need is open or unmet.
    pub(super) fn insert(&mut self, key: K, need: NeedId, is_open: bool) {
        self.change(need, is_open, |groups| groups.insert(key));
    }

    /// A group goes.
    pub(super) fn remove(&mut self, key: &K, need: NeedId, is_open: bool) {
        self.change(need, is_open, |groups| groups.remove(key));
    }

    /// The groups of a need become others; so may the first of them.
    fn change(&mut self, need: NeedId, is_open: bool, change: impl FnOnce(&mut BTreeSet<K>) -> bool) {
        let groups = self.groups.entry(need).or_default();
        let before = groups.first().cloned();
        let _has_changed = change(groups);
        let after = groups.first().cloned();
        if groups.is_empty() {
            self.groups.remove(&need);
        }
        if before != after {
            let firsts = if is_open { &mut self.open } else { &mut self.stuck };
            if let Some(key) = before {
                firsts.remove(&(key, need));
            }
            firsts.extend(after.map(|key| (key, need)));
        }
    }

    /// A need is unmet that was open.
    pub(super) fn stick(&mut self, need: NeedId) {
        let first = self.groups.get(&need).and_then(BTreeSet::first).map(|key| (key.clone(), need));
        self.stuck.extend(first.and_then(|first| self.open.take(&first)));
    }

    /// A need is open that was unmet.
    pub(super) fn reopen(&mut self, need: NeedId) {
        let first = self.groups.get(&need).and_then(BTreeSet::first).map(|key| (key.clone(), need));
        self.open.extend(first.and_then(|first| self.stuck.take(&first)));
    }

    /// The first group whose need is open.
    pub(super) fn first_open(&self) -> Option<&(K, NeedId)> {
        self.open.first()
    }

    /// The first groups of needs that are unmet, in the order in which they came.
    pub(super) fn stuck(&self) -> impl Iterator<Item = &(K, NeedId)> {
        self.stuck.iter()
    }

    /// Every need with its groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = (NeedId, &BTreeSet<K>)> {
        self.groups.iter().map(|(need, groups)| (*need, groups))
    }

    /// Whether there is no group.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}
