//! Loading: stored records become the farm's state. A record that cannot be read is put aside, never lost, never fatal.

use super::{Driver, Refused};
use crate::{
    blobs::{BlobError, Blobs},
    compile,
    farm::{Event, Run, RunRecord, State, UnitState},
    store::{self, Change, Order, StoreError, Stored, Transaction, keys},
};
use acre_model::{
    attempt::{Assignment, AttemptId, Fence},
    ids::UnitId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Why stored state could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What follows from stored state could not be stored.
    #[error(transparent)]
    Refused(Refused),
}

impl Driver {
    /// Loads all that has not ended, and goes on where it was. The inner error: what follows from it could not be stored.
    pub(super) async fn load(&mut self) -> Result<Result<(), Refused>, LoadError> {
        let mut runs = Vec::new();
        for stored in self.store.range(keys::all_live(), Order::Ascending, usize::MAX).await? {
            match read_run(&stored, &self.blobs).await {
                Ok(run) => runs.push(run),
                Err(why) => self.quarantine(stored, &why).await?,
            }
        }
        self.state = State::restore(runs, self.state.patience, self.clock.now().mono);
        self.load_fences().await?;
        self.forget_confidential().await?;
        self.withdraw_agents().await?;
        for id in self.state.runs.keys().cloned().collect::<Vec<_>>() {
            self.board.show(self.state.view(&id).expect("the run is there"));
        }
        self.board.show_fleet(self.state.fleet());
        // What was decided and not carried out before (a compilation, a placement) is taken up again.
        let mut effects = crate::farm::Effects::default();
        self.apply(Event::Loaded, &mut effects);
        let committed = self.commit(&mut effects).await;
        if committed.is_ok() {
            self.perform(effects);
        }
        Ok(committed)
    }

    /// An assignment's revision is its fence. One that a crash kept from being stored is stored now, and one that it
    /// kept from being removed is removed.
    async fn load_fences(&mut self) -> Result<(), LoadError> {
        let mut changes = Vec::new();
        let mut missing = Vec::new();
        let known = self.store.range(keys::all_assignments(), Order::Ascending, usize::MAX).await?;
        let mut known: BTreeMap<String, u64> =
            known.into_iter().map(|stored| (stored.key, stored.revision.0)).collect();
        for run in self.state.runs.values_mut() {
            for index in 0..run.record.units.len() {
                let (unit, record) = (UnitId(index as u32), &run.record.units[index]);
                let UnitState::Active { agent, assigned_at, .. } = &record.state else { continue };
                let key = keys::assignment(agent, &run.record.id, unit);
                if let Some(revision) = known.remove(&key) {
                    run.fences.insert(unit, Fence(revision));
                    continue;
                }
                let attempt = AttemptId { run: run.record.id.clone(), unit, number: record.attempts };
                let assignment = Assignment { attempt, agent: agent.clone(), at: *assigned_at };
                changes.push(Change::Put(key, store::encode(&assignment)));
                missing.push((run.record.id.clone(), unit));
            }
        }
        let mut missing = missing.into_iter();
        for part in Transaction::split(changes) {
            let count = part.changes.len();
            let revision = self.store.commit(part).await?;
            for (run, unit) in missing.by_ref().take(count) {
                self.state.set_fence(&run, unit, Fence(revision.0));
            }
        }
        self.delete(known.into_keys()).await
    }

    /// What was announced of sessions that have ended: those who still live come back.
    async fn withdraw_agents(&self) -> Result<(), LoadError> {
        let announced = self.store.range(keys::all_agents(), Order::Ascending, usize::MAX).await?;
        self.delete(announced.into_iter().map(|stored| stored.key)).await
    }

    async fn delete(&self, keys: impl Iterator<Item = String>) -> Result<(), LoadError> {
        for part in Transaction::split(keys.map(Change::Delete).collect()) {
            self.store.commit(part).await?;
        }
        Ok(())
    }

    /// What runs kept secret that are over: a crash may have come between.
    async fn forget_confidential(&self) -> Result<(), LoadError> {
        let known = self.store.range(keys::all_confidential(), Order::Ascending, usize::MAX).await?;
        let live: BTreeSet<String> = self.state.runs.keys().map(keys::confidential).collect();
        let over = known.into_iter().map(|stored| stored.key).filter(|key| !live.contains(key));
        self.delete(over).await
    }

    async fn quarantine(&self, stored: Stored, why: &str) -> Result<(), LoadError> {
        tracing::error!(key = stored.key, why, "a stored run cannot be read; put aside");
        let changes = vec![Change::Put(keys::quarantine(&stored.key), stored.value), Change::Delete(stored.key)];
        self.store.commit(Transaction::of(changes)).await?;
        Ok(())
    }
}

/// A run and its plan. The error is for people.
async fn read_run(stored: &Stored, blobs: &Blobs) -> Result<Run, String> {
    let record: RunRecord = store::decode(&stored.value).map_err(|why| why.to_string())?;
    let plan = match record.plan {
        Some(digest) => {
            let bytes = blobs.get_bytes(&digest).await.map_err(|why: BlobError| why.to_string())?;
            store::decode(&bytes).map_err(|why| format!("its plan {digest}: {why}"))?
        }
        None => compile::stored_first_plan(&record, blobs).await?,
    };
    if plan.units.len() != record.units.len() || plan.groups.len() != record.groups.len() {
        return Err("its plan does not fit its record".to_owned());
    }
    Ok(Run::new(record, Arc::new(plan)))
}
