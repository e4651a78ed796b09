//! Networks lent to groups. One that a group gives back is kept as the spare for the next: to make a network and to
//! remove it costs an engine more than to start a container. At most one is kept.

use crate::{
    engine::{EngineError, Labels, Runtime},
    labels,
};
use acre_model::{plan::Network, session::GroupKey};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The networks of one agent.
pub(crate) struct Networks {
    runtime: Arc<dyn Runtime>,
    /// One file for each lent network, named by its group: outlives the process, as the network does.
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lent: BTreeMap<String, u32>,
    /// Groups of an earlier process; which of them go on is known once the farm has said so.
    inherited: BTreeSet<String>,
    spare: Option<u32>,
}

impl Networks {
    /// The networks that this folder says are lent.
    pub(crate) fn open(runtime: Arc<dyn Runtime>, folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let lent = fs::read_dir(&folder)?.flatten().filter_map(|entry| {
            let number = fs::read_to_string(entry.path()).ok()?.parse().ok()?;
            Some((entry.file_name().into_string().ok()?, number))
        });
        let lent: BTreeMap<String, u32> = lent.collect();
        let state = State { inherited: lent.keys().cloned().collect(), lent, spare: None };
        Ok(Self { runtime, folder, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group's network. `agent` are the labels of everything the agent makes.
    pub(crate) async fn lend(&self, agent: &Labels, group: &GroupKey) -> Result<String, EngineError> {
        let number = self.lock().lend(&group.to_string());
        let labels = of_network(agent, number);
        let name = name(&labels);
        // Noted before it is used: a later process must not lend it to somebody else.
        fs::write(self.marker(group), number.to_string())
            .map_err(|why| EngineError::Refused(format!("the agent's folder cannot be written: {why}")))?;
        // Also where it should be there: somebody may have pruned the engine's networks meanwhile.
        let network = Network { name: name.clone(), driver: "bridge".to_owned(), ipv6: false, skip_creation: false };
        self.runtime.make_network(&network, &labels).await?;
        Ok(name)
    }

    /// The group is gone, and nothing of it is on its network any more.
    pub(crate) async fn give_back(&self, agent: &Labels, group: &GroupKey) -> Result<(), EngineError> {
        let surplus = self.lock().give_back(&group.to_string());
        drop(fs::remove_file(self.marker(group)));
        match surplus {
            Some(number) => self.runtime.remove_labeled(&of_network(agent, number)).await,
            None => Ok(()),
        }
    }

    /// Takes stock of the networks that an earlier process left: those of groups that are not wanted any more are free,
    /// one of the free ones is kept, the others are removed.
    pub(crate) async fn take_stock(&self, agent: &Labels, wanted: &BTreeSet<String>) -> Result<(), EngineError> {
        let found = self.runtime.find_labels(agent).await?;
        let found = found.iter().filter_map(|labels| labels.get(labels::NETWORK)?.parse().ok()).collect();
        let (surplus, forgotten) = self.lock().take_stock(&found, wanted);
        for group in forgotten {
            drop(fs::remove_file(self.folder.join(group)));
        }
        for number in surplus {
            self.runtime.remove_labeled(&of_network(agent, number)).await?;
        }
        Ok(())
    }

    /// Removes the spare: the agent goes for good.
    pub(crate) async fn drop_spare(&self, agent: &Labels) -> Result<(), EngineError> {
        let spare = self.lock().spare.take();
        match spare {
            Some(number) => self.runtime.remove_labeled(&of_network(agent, number)).await,
            None => Ok(()),
        }
    }

    fn marker(&self, group: &GroupKey) -> PathBuf {
        Path::new(&self.folder).join(group.to_string())
    }
}

fn of_network(agent: &Labels, number: u32) -> Labels {
    let mut labels = agent.clone();
    labels.insert(labels::NETWORK.to_owned(), number.to_string());
    labels
}

/// Unique on the engine: farms differ, agents of one farm on one engine differ.
fn name(labels: &Labels) -> String {
    let part = |label: &str| labels.get(label).map(String::as_str).unwrap_or_default();
    format!("acre-{}-{}-{}", part(labels::FARM), part(labels::AGENT), part(labels::NETWORK))
}

impl State {
    /// The group's number: the one it has, else the spare's, else a free one.
    fn lend(&mut self, group: &str) -> u32 {
        if let Some(number) = self.lent.get(group) {
            return *number;
        }
        let is_free = |number: &u32| self.lent.values().all(|lent| lent != number);
        let number = self.spare.take().or_else(|| (1..).find(is_free)).unwrap_or(1);
        self.lent.insert(group.to_owned(), number);
        number
    }

    /// The number that is to be removed, if another is kept already.
    fn give_back(&mut self, group: &str) -> Option<u32> {
        let number = self.lent.remove(group)?;
        match self.spare {
            None => {
                self.spare = Some(number);
                None
            }
            Some(_) => Some(number),
        }
    }

    /// The numbers that are to be removed, and the groups that are not wanted any more.
    fn take_stock(&mut self, found: &BTreeSet<u32>, wanted: &BTreeSet<String>) -> (Vec<u32>, Vec<String>) {
        // What was lent meanwhile is none of an earlier process.
        let inherited = std::mem::take(&mut self.inherited);
        let forgotten: Vec<String> = inherited.difference(wanted).cloned().collect();
        for group in &forgotten {
            self.lent.remove(group);
        }
        let mut free: Vec<u32> =
            found.iter().copied().filter(|number| self.lent.values().all(|lent| lent != number)).collect();
        free.retain(|number| self.spare != Some(*number));
        if self.spare.is_none() && !free.is_empty() {
            self.spare = Some(free.remove(0));
        }
        (free, forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_given_back_serves_the_next_group() {
        let mut state = State::default();
        assert_eq!((state.lend("a"), state.lend("b"), state.lend("a")), (1, 2, 1));
        assert_eq!((state.give_back("b"), state.give_back("a")), (None, Some(1)));
        assert_eq!((state.lend("c"), state.lend("d")), (2, 1));
    }

    #[test]
    fn of_what_an_earlier_process_left_one_is_kept() {
        let lent: BTreeMap<String, u32> = [("a".to_owned(), 1), ("b".to_owned(), 2)].into();
        let mut state = State { inherited: lent.keys().cloned().collect(), lent, spare: None };
        assert_eq!(state.lend("new"), 3);
        let wanted = ["a".to_owned()].into();
        let (surplus, forgotten) = state.take_stock(&[1, 2, 3, 5].into(), &wanted);
        assert_eq!((surplus, forgotten, state.spare), (vec![5], vec!["b".to_owned()], Some(2)));
        assert_eq!(state.lend("new"), 3);
    }
}
