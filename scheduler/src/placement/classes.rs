//! The classes of the agents: few, however many agents there are, since a fleet has few kinds of machines. So what is
//! asked of all agents is asked of some classes, and what changes on an agent changes in one place.

use super::class::{Class, Kind};
use acre_model::{capability::Mode, ids::PoolName, platform::Platform};
use std::collections::{BTreeMap, BTreeSet};

/// A class, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClassId(u64);

/// The classes of a pool that serve a platform (`None`: any Linux), by how they do.
type Serving = BTreeMap<Option<Platform>, [BTreeSet<ClassId>; 2]>;

/// All classes that have an agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    all: BTreeMap<ClassId, (Kind, Class)>,
    numbers: BTreeMap<Kind, ClassId>,
    serving: BTreeMap<PoolName, Serving>,
    last: ClassId,
}

/// Numbers say nothing but which came first.
impl PartialEq for Classes {
    fn eq(&self, other: &Self) -> bool {
        self.numbers.values().map(|id| self.all.get(id)).eq(other.numbers.values().map(|id| other.all.get(id)))
    }
}

impl Classes {
    /// The class of this kind, new if need be. It must get an agent at once.
    pub(super) fn of_kind(&mut self, kind: Kind) -> ClassId {
        if let Some(id) = self.numbers.get(&kind) {
            return *id;
        }
        self.last.0 += 1;
        let id = self.last;
        let serving = self.serving.entry(kind.pool().clone()).or_default();
        for (platform, mode) in kind.serves() {
            serving.entry(platform.clone()).or_default()[mode as usize].insert(id);
        }
        self.numbers.insert(kind.clone(), id);
        self.all.insert(id, (kind, Class::default()));
        id
    }

    /// Forgets a class if nobody is left in it.
    pub(super) fn forget_empty(&mut self, id: ClassId) {
        if !self.get(id).is_some_and(Class::is_empty) {
            return;
        }
        let Some((kind, _)) = self.all.remove(&id) else { return };
        self.numbers.remove(&kind);
        let Some(serving) = self.serving.get_mut(kind.pool()) else { return };
        for (platform, mode) in kind.serves() {
            let Some(modes) = serving.get_mut(platform) else { continue };
            modes[mode as usize].remove(&id);
            if modes.iter().all(BTreeSet::is_empty) {
                serving.remove(platform);
            }
        }
        if serving.is_empty() {
            self.serving.remove(kind.pool());
        }
    }

    /// A class.
    pub(super) fn get(&self, id: ClassId) -> Option<&Class> {
        self.all.get(&id).map(|(_, class)| class)
    }

    /// A class.
    pub(super) fn get_mut(&mut self, id: ClassId) -> Option<&mut Class> {
        self.all.get_mut(&id).map(|(_, class)| class)
    }

    /// What the agents of a class have alike.
    pub(super) fn kind(&self, id: ClassId) -> Option<&Kind> {
        self.all.get(&id).map(|(kind, _)| kind)
    }

    /// The classes of a pool that serve a platform so.
    pub(super) fn serving<'a>(
        &'a self,
        pool: &PoolName,
        platform: &Option<Platform>,
        mode: Mode,
    ) -> impl Iterator<Item = (ClassId, &'a Kind, &'a Class)> + use<'a> {
        let modes = self.serving.get(pool).and_then(|serving| serving.get(platform));
        let ids = modes.into_iter().flat_map(move |modes| &modes[mode as usize]);
        ids.filter_map(|id| self.all.get(id).map(|(kind, class)| (*id, kind, class)))
    }
}
