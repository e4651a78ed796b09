//! One instant for each of many, the earliest of which is found at once.

use super::Mono;
use std::collections::{BTreeMap, BTreeSet};

/// When the time of each comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deadlines<K> {
    by_key: BTreeMap<K, Mono>,
    by_time: BTreeSet<(Mono, K)>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Deadlines<K> {
    /// Sets an instant anew, or takes it out.
    pub(super) fn set(&mut self, key: &K, at: Option<Mono>) {
        let before = match at {
            Some(at) => self.by_key.insert(key.clone(), at),
            None => self.by_key.remove(key),
        };
        if before != at {
            if let Some(before) = before {
                self.by_time.remove(&(before, key.clone()));
            }
            self.by_time.extend(at.map(|at| (at, key.clone())));
        }
    }

    /// The earliest instant.
    pub(super) fn first(&self) -> Option<Mono> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Those whose time has come, in their order.
    pub(super) fn due(&self, now: Mono) -> impl Iterator<Item = &K> {
        self.by_time.iter().take_while(move |(at, _)| *at <= now).map(|(_, key)| key)
    }
}
