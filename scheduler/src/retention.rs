//! What is old is removed: ended runs by age and count, with their logs and reports, but for those that somebody wants
//! kept; then what nothing names any more.

use crate::{
    blobs::Blobs,
    config::Keep,
    graph::Lineage,
    hooks::Done,
    logs::Logs,
    parts::Clock,
    store::{self, Change, Order, Store, StoreError, Stored, Transaction, keys},
    sweep::Sweep,
    tell::StatusTold,
};
use acre_model::{
    ids::{ProjectName, RunId},
    run::RunView,
    time::Timestamp,
};
use serde::Deserialize;
use std::{collections::BTreeSet, ops::Range, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long after its start a scheduler removes nothing, in milliseconds: what the one before had begun when it was
/// killed, a timer's run or a delivery's, is finished first, under keys that may be old by now.
const FIRST_MS: u64 = 60_000;
/// Between two rounds, in milliseconds.
const EVERY_MS: u64 = 6 * 3_600_000;
/// How long an idempotency key is remembered, in milliseconds (promises S18 keeps deliveries as long).
const KEY_MS: u64 = 7 * 86_400_000;

/// Removes what is old, soon after the start and from time to time.
pub struct Retention {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// What the records name.
    pub blobs: Blobs,
    /// Where logs are.
    pub logs: Logs,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What is kept of ended runs.
    pub keep: watch::Receiver<Keep>,
}

impl Retention {
    /// Works until it is dropped.
    pub async fn run(mut self) {
        tokio::time::sleep(Duration::from_millis(FIRST_MS)).await;
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "old runs were not removed");
            }
            match self.sweep().round(self.clock.now().wall).await {
                Ok(0) => {}
                Ok(blobs) => tracing::info!(blobs, "removed what no run names any more"),
                Err(error) => tracing::warn!(%error, "what no run names any more was not removed"),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(EVERY_MS)) => {}
                // Where nobody can change it any more, there is no other reason.
                Ok(()) = self.keep.changed() => {}
            }
        }
    }

    fn sweep(&self) -> Sweep {
        Sweep { store: self.store.clone(), blobs: self.blobs.clone() }
    }

    async fn round(&self) -> Result<(), StoreError> {
        let now = self.clock.now().wall;
        let kept = self.store.range(keys::all_archived_everywhere(), Order::Ascending, usize::MAX).await?;
        let kept: BTreeSet<String> = kept.into_iter().map(|record| record.key).collect();
        let ended = self.store.range(keys::all_ended_everywhere(), Order::Ascending, usize::MAX).await?;
        let Keep { ms, runs } = *self.keep.borrow();
        for record in expired(ended, &kept, now, ms, runs) {
            self.remove(record).await?;
        }
        // All as long as a run is found by its key: nothing older than a message becomes is told any more, either.
        self.forget(keys::all_idempotency(), |record| is_old(key_at(record), now)).await?;
        self.forget(keys::all_delivered(), |record| is_old(told_at(record), now)).await?;
        self.forget(keys::all_statuses_told(), |record| is_old(said_at(record), now)).await?;
        let lineages = self.store.range(keys::all_lineages_everywhere(), Order::Ascending, usize::MAX).await?;
        let used: BTreeSet<String> = lineages.iter().flat_map(images).collect();
        self.forget(keys::all_images_everywhere(), |record| !used.contains(&record.key)).await
    }

    async fn forget(&self, keys: Range<String>, goes: impl Fn(&Stored) -> bool) -> Result<(), StoreError> {
        for record in self.store.range(keys, Order::Ascending, usize::MAX).await?.into_iter().filter(goes) {
            self.delete(record.key).await?;
        }
        Ok(())
    }

    async fn remove(&self, record: Stored) -> Result<(), StoreError> {
        let view: Option<RunView> = store::decode(&record.value).ok();
        // Somebody may have said so since.
        if let Some(view) = &view
            && self.store.get(&keys::archived(&view.project, &view.id)).await?.is_some()
        {
            return Ok(());
        }
        if let Some(view) = &view
            && let Err(error) = self.logs.remove(&view.id).await
        {
            tracing::warn!(run = %view.id, %error, "logs were not removed");
            return Ok(());
        }
        self.delete(record.key).await
    }

    async fn delete(&self, key: String) -> Result<(), StoreError> {
        let changes = vec![Change::Delete(key)];
        self.store.commit(Transaction::of(changes)).await.map(drop)
    }
}

/// Ended runs that are too old or too many, oldest first. Those that are archived are kept, and not counted.
fn expired(
    mut ended: Vec<Stored>,
    archived: &BTreeSet<String>,
    now: Timestamp,
    keep_ms: u64,
    keep_runs: usize,
) -> Vec<Stored> {
    let is_archived = |record: &Stored| {
        let place = record.key.split_once('/').map(|(_, place)| place);
        place.is_some_and(|place| archived.contains(&format!("archived/{place}")))
    };
    ended.retain(|record| !is_archived(record));
    let run_of = |record: &Stored| record.key.rsplit('/').next().and_then(|id| id.parse::<RunId>().ok());
    ended.sort_by_key(|record| run_of(record).map(|run| run.second()));
    let surplus = ended.len().saturating_sub(keep_runs);
    let is_old = |record: &Stored| {
        run_of(record).is_some_and(|run| now.millis_since(Timestamp::from_millis(run.second() * 1000)) > keep_ms)
    };
    let all = ended.into_iter().enumerate();
    all.filter(|(index, record)| *index < surplus || is_old(record)).map(|(_, record)| record).collect()
}

/// Whether something is older than keys are remembered; what does not say when it was is.
fn is_old(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_none_or(|at| now.millis_since(at) > KEY_MS)
}

fn told_at(record: &Stored) -> Option<Timestamp> {
    Some(store::decode::<Done>(&record.value).ok()?.at)
}

fn said_at(record: &Stored) -> Option<Timestamp> {
    Some(store::decode::<StatusTold>(&record.value).ok()?.at)
}

fn key_at(record: &Stored) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct RunOnly {
        run: RunId,
    }
    let run = store::decode::<RunOnly>(&record.value).ok()?.run;
    Some(Timestamp::from_millis(run.second() * 1000))
}

/// The keys under which something is known of the images that a task was built on.
fn images(lineage: &Stored) -> Vec<String> {
    let project = lineage.key.split('/').nth(1).and_then(|project| project.parse::<ProjectName>().ok());
    let (Some(project), Ok(Lineage { inputs, .. })) = (project, store::decode(&lineage.value)) else {
        return Vec::new();
    };
    inputs.iter().map(|input| keys::image(&project, &input.image)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Revision;

    #[test]
    fn old_and_surplus_runs_expire() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let record = |age_days: u64| Stored {
            key: format!("ended/default/{}", RunId::new(1_800_000_000 - age_days * 86_400, 0, 0)),
            revision: Revision(1),
            value: Default::default(),
        };
        let ended: Vec<Stored> = [40, 31, 20, 10, 1].map(record).into();
        let left_out = |archived: &[&Stored], keep_runs| {
            let archived = archived.iter().map(|record| record.key.replacen("ended", "archived", 1)).collect();
            expired(ended.clone(), &archived, now, 30 * 86_400_000, keep_runs).len()
        };
        assert_eq!((left_out(&[], 100), left_out(&[], 2), left_out(&[], 0)), (2, 3, 5));
        let kept = [&ended[0], &ended[4]];
        assert_eq!((left_out(&kept, 100), left_out(&kept, 2), left_out(&kept, 0)), (1, 1, 3));
    }

    #[test]
    fn what_was_told_is_as_old_as_its_end() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let done = Done { at: Timestamp::from_millis(1_799_999_000_000), runs: Vec::new() };
        let record = |value| Stored { key: "delivered/default/x".to_owned(), revision: Revision(1), value };
        let told = told_at(&record(store::encode(&done)));
        assert_eq!((told, is_old(told, now)), (Some(done.at), false));
        assert_eq!(
            (is_old(told, now.plus_millis(KEY_MS)), is_old(told_at(&record(Default::default())), now)),
            (true, true)
        );
    }
}
