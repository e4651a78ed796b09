//! Ends of blobs: a registry is told the end of one in a repository once at a time. Two pushes may bring the same blob,
//! and a registry that writes anew where it keeps it does not find it for a moment, just when the manifest of the other
//! push names it.

use acre_model::digest::Digest;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// A blob of a repository, which is named with its registry.
type Blob = (String, Digest);

/// Blobs that are being ended.
#[derive(Default)]
pub(super) struct Ends {
    taken: Mutex<BTreeSet<Blob>>,
    released: Notify,
}

/// Nobody else ends the blob for as long as this lives.
pub(super) struct End {
    ends: Arc<Ends>,
    blob: Blob,
}

impl Ends {
    /// Resolves once nobody else ends the blob.
    pub(super) async fn take(self: &Arc<Self>, repository: String, digest: Digest) -> End {
        let blob = (repository, digest);
        loop {
            // Before looking, so that no release in between is missed.
            let released = self.released.notified();
            if self.lock().insert(blob.clone()) {
                return End { ends: self.clone(), blob };
            }
            released.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Blob>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.ends.lock().remove(&self.blob);
        self.ends.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, poll};

    #[tokio::test]
    async fn a_blob_is_ended_once_at_a_time() {
        let ends = Arc::new(Ends::default());
        let take = |repository: &str, byte| ends.take(repository.to_owned(), Digest::from_bytes([byte; 32]));
        let first = take("r/a", 1).await;
        for (repository, byte) in [("r/a", 2), ("r/b", 1)] {
            assert!(take(repository, byte).now_or_never().is_some(), "{repository} {byte} is another");
        }
        let mut waiting = Box::pin(take("r/a", 1));
        assert!(poll!(&mut waiting).is_pending());
        drop(first);
        drop(waiting.await);
        assert!(ends.lock().is_empty());
    }
}
