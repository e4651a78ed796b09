//! What a cache holds, in which order it was used, and what may go.

use acre_model::digest::Digest;
use std::collections::{BTreeMap, HashMap};

/// The blobs of a cache.
#[derive(Debug)]
pub(super) struct Index {
    limit: u64,
    total: u64,
    blobs: HashMap<Digest, Blob>,
    /// The blobs that nobody uses, by when they last were.
    idle: BTreeMap<u64, Digest>,
    /// Counts uses.
    now: u64,
}

#[derive(Debug)]
struct Blob {
    size: u64,
    /// How many use it; 0 means that it is in `idle` under `used`.
    pins: u64,
    used: u64,
}

impl Index {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, total: 0, blobs: HashMap::new(), idle: BTreeMap::new(), now: 0 }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Adds a blob that nobody uses; one that is there stays as it is.
    pub(super) fn insert(&mut self, digest: Digest, size: u64) {
        if !self.blobs.contains_key(&digest) {
            self.now += 1;
            self.total += size;
            self.blobs.insert(digest, Blob { size, pins: 0, used: self.now });
            self.idle.insert(self.now, digest);
        }
    }

    /// Counts a user of the blob, and says its size; none if it is not here.
    pub(super) fn pin(&mut self, digest: &Digest) -> Option<u64> {
        let blob = self.blobs.get_mut(digest)?;
        if blob.pins == 0 {
            self.idle.remove(&blob.used);
        }
        blob.pins += 1;
        Some(blob.size)
    }

    /// Counts a user less.
    pub(super) fn unpin(&mut self, digest: &Digest) {
        let Some(blob) = self.blobs.get_mut(digest) else { return };
        blob.pins = blob.pins.saturating_sub(1);
        if blob.pins == 0 {
            self.now += 1;
            blob.used = self.now;
            self.idle.insert(self.now, *digest);
        }
    }

    /// Drops the blob that has been idle longest, if the limit is passed.
    pub(super) fn surplus(&mut self) -> Option<(Digest, u64)> {
        if self.total <= self.limit {
            return None;
        }
        let (_, digest) = self.idle.pop_first()?;
        let blob = self.blobs.remove(&digest)?;
        self.total -= blob.size;
        Some((digest, blob.size))
    }
}
