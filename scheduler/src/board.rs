//! What is committed, shown to everybody: readers and watchers see this, never the driver's state.

use acre_model::{
    fleet::AgentView,
    ids::{AgentId, RunId},
    run::RunView,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::watch;

/// The board on which the driver shows what it has committed.
#[derive(Default)]
pub struct Board {
    runs: RwLock<BTreeMap<RunId, watch::Sender<Arc<RunView>>>>,
    fleet: RwLock<BTreeMap<AgentId, AgentView>>,
    /// Counts what clients ask for; an idle farm is one where this stands still.
    asked: watch::Sender<u64>,
    /// Counts what others may have to be told.
    tidings: watch::Sender<u64>,
}

impl Board {
    /// Shows a run that goes on.
    pub fn show(&self, view: RunView) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        let view = Arc::new(view);
        match runs.get(&view.id) {
            Some(shown) => drop(shown.send_replace(view)),
            None => drop(runs.insert(view.id.clone(), watch::Sender::new(view))),
        }
    }

    /// Shows a run's last view to those who watch it. From now on it is found in the store.
    pub fn show_last(&self, view: RunView) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = runs.remove(&view.id) {
            shown.send_replace(Arc::new(view));
        }
    }

    /// A run that goes on, to be watched. After its last view the channel is closed.
    pub fn watch(&self, run: &RunId) -> Option<watch::Receiver<Arc<RunView>>> {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        runs.get(run).map(watch::Sender::subscribe)
    }

    /// All runs that go on, newest first.
    pub fn runs(&self) -> Vec<Arc<RunView>> {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        runs.values().rev().map(|shown| shown.borrow().clone()).collect()
    }

    /// Shows the fleet, all of it.
    pub fn show_fleet(&self, fleet: Vec<AgentView>) {
        let fleet = fleet.into_iter().map(|agent| (agent.id.clone(), agent)).collect();
        *self.fleet.write().unwrap_or_else(PoisonError::into_inner) = fleet;
    }

    /// Shows one agent; `None`: it is no longer in the fleet.
    pub fn show_agent(&self, id: &AgentId, view: Option<AgentView>) {
        let mut fleet = self.fleet.write().unwrap_or_else(PoisonError::into_inner);
        match view {
            Some(view) => drop(fleet.insert(id.clone(), view)),
            None => drop(fleet.remove(id)),
        }
    }

    /// The fleet, ascending by id.
    pub fn fleet(&self) -> Vec<AgentView> {
        self.fleet.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// One agent.
    pub fn agent(&self, id: &AgentId) -> Option<AgentView> {
        self.fleet.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// A client has asked for something.
    pub fn note_asked(&self) {
        self.asked.send_modify(|count| *count += 1);
    }

    /// Changes whenever a client asks for something.
    pub fn asked(&self) -> watch::Receiver<u64> {
        self.asked.subscribe()
    }

    /// What others may have to be told was stored.
    pub fn note_tidings(&self) {
        self.tidings.send_modify(|count| *count += 1);
    }

    /// Changes whenever what others may have to be told was stored.
    pub fn tidings(&self) -> watch::Receiver<u64> {
        self.tidings.subscribe()
    }
}
