//! Blobs that nothing names any more, on their way out.
//!
//! Whoever is told that a blob is there relies on it until a record names it. So a blob is not removed when nothing
//! names it, but condemned: from then on it is told to be missing, and whoever needs it puts it again. It is removed
//! only much later, when all who were told before have had the time to be done.
//!
//! Invariant: a directory that is not condemned names only what is not condemned either, as soon as it is named itself:
//! whoever puts one is told what is missing below it, and the next round finds what was condemned meanwhile.

use super::{BlobError, Blobs};
use acre_model::{digest::Digest, time::Timestamp};
use bytes::Bytes;
use object_store::{ObjectStoreExt, PutPayload, path::Path};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Condemned blobs, and since when they are.
pub type Condemned = BTreeMap<Digest, Timestamp>;

/// Where they are noted.
const PLACE: &str = "condemned";

/// What becomes of blobs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// From now on they are told to be missing.
    pub condemned: Vec<Digest>,
    /// Something names them again, or they were put again.
    pub pardoned: BTreeSet<Digest>,
    /// They go.
    pub removed: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Noted {
    blob: Digest,
    since: Timestamp,
}

impl Blobs {
    /// Those that are condemned at the moment.
    pub async fn condemned(&self) -> Condemned {
        self.condemned.read().await.clone()
    }

    /// Takes what an earlier process has noted. Nothing may be asked before.
    pub async fn load_condemned(&self) -> Result<(), BlobError> {
        let bytes = match self.store.get(&Path::from(PLACE)).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let noted: Vec<Noted> = serde_json::from_slice(&bytes).map_err(|why| {
            BlobError::Failed(format!("the list of condemned blobs, `{PLACE}`, cannot be read: {why}"))
        })?;
        *self.condemned.write().await = noted.into_iter().map(|Noted { blob, since }| (blob, since)).collect();
        Ok(())
    }

    /// Does what was found at `now`.
    pub async fn carry_out(&self, verdict: Verdict, now: Timestamp) -> Result<(), BlobError> {
        {
            let mut condemned = self.condemned.write().await;
            condemned.retain(|blob, _| !verdict.pardoned.contains(blob));
            condemned.extend(verdict.condemned.into_iter().map(|blob| (blob, now)));
        }
        // What is told to be missing is so for the next process, too, before anything is removed.
        self.note_condemned().await?;
        for blob in verdict.removed {
            // Nobody writes it meanwhile; what was written before is not condemned any more.
            let mut condemned = self.condemned.write().await;
            if condemned.contains_key(&blob) {
                self.remove(&blob).await?;
                condemned.remove(&blob);
            }
        }
        self.note_condemned().await
    }

    async fn note_condemned(&self) -> Result<(), BlobError> {
        let condemned = self.condemned.read().await;
        let noted: Vec<Noted> = condemned.iter().map(|(blob, since)| Noted { blob: *blob, since: *since }).collect();
        let bytes = serde_json::to_vec(&noted).expect("digests and times are serializable");
        self.store.put(&Path::from(PLACE), PutPayload::from(Bytes::from(bytes))).await?;
        Ok(())
    }

    /// Has a blob written. One that was condemned is not removed meanwhile, and is not condemned afterwards.
    pub(super) async fn written(
        &self,
        digest: &Digest,
        write: impl Future<Output = Result<(), BlobError>>,
    ) -> Result<(), BlobError> {
        if !self.condemned.read().await.contains_key(digest) {
            return write.await;
        }
        let mut condemned = self.condemned.write().await;
        write.await?;
        condemned.remove(digest);
        Ok(())
    }
}
