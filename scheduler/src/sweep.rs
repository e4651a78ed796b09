//! Blobs that no record names any more are removed: trees, artifacts and plans of runs that are forgotten, and what was
//! put for runs that never came to be.
//!
//! What a record names is every digest that stands in it, and all that stands in a blob so named: nothing has to be
//! added here when a record comes to name something new. Removing is slow on purpose ([`crate::blobs::condemned`]).

use crate::{
    blobs::{BlobError, Blobs, Condemned, Verdict, digests_in},
    store::{Order, Store, StoreError, keys},
};
use acre_model::{digest::Digest, time::Timestamp};
use futures::{StreamExt, TryStreamExt};
use std::{collections::HashSet, sync::Arc};

/// For so long after it was put, a blob stays although no record names it yet, in milliseconds.
const YOUNG_MS: u64 = 86_400_000;
/// For so long a blob is condemned before it goes, in milliseconds: an agent keeps outcomes, which may name blobs that
/// it was told to be there, for a day (promises S11).
const NOTICE_MS: u64 = 2 * 86_400_000;
/// Blobs that are read at one time.
const PARALLEL: usize = 16;

/// Why blobs were not removed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Records cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Blobs cannot be read or removed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Removes blobs that no record names.
pub struct Sweep {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// The blobs.
    pub blobs: Blobs,
}

impl Sweep {
    /// Looks once; what is to go has been condemned by an earlier look. Returns how many blobs went.
    pub async fn round(&self, now: Timestamp) -> Result<usize, SweepError> {
        // What is put later is young at the next look.
        let all = self.blobs.all().await?;
        let young = all.iter().filter(|(_, put)| now.millis_since(*put) < YOUNG_MS).map(|(blob, _)| *blob);
        let mut roots: Vec<Digest> = young.collect();
        roots.extend(self.in_records().await?);
        let kept = self.kept(roots).await?;
        let verdict = decide(&all, &kept, &self.blobs.condemned().await, now);
        let removed = verdict.removed.len();
        self.blobs.carry_out(verdict, now).await?;
        Ok(removed)
    }

    /// Every digest that stands in a record, also in one that cannot be read.
    async fn in_records(&self) -> Result<Vec<Digest>, StoreError> {
        let mut found = Vec::new();
        for keys in [keys::all_live(), keys::all_ended_everywhere(), keys::all_quarantined()] {
            for record in self.store.range(keys, Order::Ascending, usize::MAX).await? {
                found.extend(digests_in(&record.value));
            }
        }
        Ok(found)
    }

    /// These blobs, and all that they name, as far as it goes.
    async fn kept(&self, roots: Vec<Digest>) -> Result<HashSet<Digest>, BlobError> {
        let mut kept: HashSet<Digest> = HashSet::new();
        let mut level = roots;
        while !level.is_empty() {
            level.retain(|blob| kept.insert(*blob));
            let named = futures::stream::iter(level)
                .map(|blob| async move { self.blobs.names(&blob).await })
                .buffer_unordered(PARALLEL);
            level = named.try_concat().await?;
        }
        Ok(kept)
    }
}

/// What becomes of the blobs, of which some are kept.
fn decide(all: &[(Digest, Timestamp)], kept: &HashSet<Digest>, condemned: &Condemned, now: Timestamp) -> Verdict {
    let mut verdict = Verdict::default();
    for (blob, put) in all {
        match condemned.get(blob) {
            None if kept.contains(blob) => {}
            None => verdict.condemned.push(*blob),
            Some(since) if kept.contains(blob) || put > since => {
                verdict.pardoned.insert(*blob);
            }
            Some(since) if now.millis_since(*since) >= NOTICE_MS => verdict.removed.push(*blob),
            Some(_) => {}
        }
    }
    // What has gone by another way is not condemned any more.
    let there: HashSet<&Digest> = all.iter().map(|(blob, _)| blob).collect();
    verdict.pardoned.extend(condemned.keys().filter(|blob| !there.contains(blob)).copied());
    verdict
}

#[cfg(test)]
mod tests;
