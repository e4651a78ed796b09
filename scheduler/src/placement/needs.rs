//! What the groups of one lane need, each need once, and whether there is hope for it.

use super::Need;
use std::collections::BTreeMap;

/// A need, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NeedId(u64);

/// What the groups of one lane need.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    all: BTreeMap<NeedId, Asked>,
    numbers: BTreeMap<Need, NeedId>,
    last: NeedId,
}

/// A need that some groups have.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) need: Need,
    /// How many groups have it.
    groups: usize,
    pub(super) hope: Hope,
}

/// Whether an agent may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    /// It was not sought yet.
    Open,
    /// There was none, in this pass last: only one that has got room since could be found.
    Unmet(u64),
}

impl Needs {
    /// A group comes.
    pub(super) fn add(&mut self, need: &Need) -> NeedId {
        if let Some(id) = self.numbers.get(need) {
            if let Some(asked) = self.all.get_mut(id) {
                asked.groups += 1;
            }
            return *id;
        }
        self.last.0 += 1;
        self.numbers.insert(need.clone(), self.last);
        self.all.insert(self.last, Asked { need: need.clone(), groups: 1, hope: Hope::Open });
        self.last
    }

    /// A group goes.
    pub(super) fn remove(&mut self, id: NeedId) {
        let Some(asked) = self.all.get_mut(&id) else { return };
        asked.groups -= 1;
        if asked.groups == 0 {
            self.numbers.remove(&asked.need);
            self.all.remove(&id);
        }
    }

    /// The number of a need.
    pub(super) fn number(&self, need: &Need) -> Option<NeedId> {
        self.numbers.get(need).copied()
    }

    /// A need.
    pub(super) fn get(&self, id: NeedId) -> Option<&Asked> {
        self.all.get(&id)
    }

    /// A need.
    pub(super) fn get_mut(&mut self, id: NeedId) -> Option<&mut Asked> {
        self.all.get_mut(&id)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NeedId, &Asked)> {
        self.all.iter().map(|(id, asked)| (*id, asked))
    }
}
