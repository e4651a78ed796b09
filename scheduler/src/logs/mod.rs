//! Logs: what attempts print, kept as immutable segments, served to followers from any offset.
//!
//! A frame is first pending in memory, where followers already see it, and is acknowledged to the agent once it lies in
//! a stored segment. What a crash loses was never acknowledged: the agent sends it again, byte for byte.

mod attempt;
mod follow;
mod segment;

pub use follow::{Reader, Wanted, WantedUnit};

use crate::blobs::BlobError;
use acre_model::{
    attempt::AttemptId,
    ids::{RunId, UnitId},
    log::Frame,
};
use attempt::AttemptLog;
use object_store::ObjectStore;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::watch;

/// A segment is stored when it has this many bytes…
pub const SEGMENT_BYTES: usize = 1024 * 1024;
/// …or when its first frame has waited this long, in milliseconds.
pub const SEGMENT_MS: u64 = 1000;

/// Why a frame was not taken, or a log not read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Bytes between what is there and the frame are missing.
    #[error("log of attempt {attempt} continues at {expected}, but a frame begins at {offset}")]
    Gap {
        /// Whose log.
        attempt: AttemptId,
        /// Where it continues.
        expected: u64,
        /// Where the frame begins.
        offset: u64,
    },
    /// A stored segment is damaged.
    #[error("log segment {0} is damaged")]
    Damaged(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] BlobError),
}

/// All logs of the farm.
#[derive(Clone)]
pub struct Logs {
    store: Arc<dyn ObjectStore>,
    open: Arc<Mutex<BTreeMap<RunId, Weak<RunLogs>>>>,
}

/// The logs of one run. Held by whoever writes or follows them.
pub struct RunLogs {
    run: RunId,
    store: Arc<dyn ObjectStore>,
    attempts: Mutex<BTreeMap<(UnitId, u32), AttemptLog>>,
    status: Mutex<BTreeMap<UnitId, (u64, String)>>,
    /// Counts changes; followers wait for it.
    changed: watch::Sender<u64>,
    /// Whether stored segments have been listed.
    listed: tokio::sync::OnceCell<()>,
}

impl Logs {
    /// Logs below `logs/` of this object store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, open: Arc::default() }
    }

    /// The logs of a run, with what is stored of them listed.
    pub async fn run(&self, run: &RunId) -> Result<Arc<RunLogs>, LogError> {
        let logs = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|_, logs| logs.strong_count() > 0);
            open.get(run).and_then(Weak::upgrade).unwrap_or_else(|| {
                let logs = Arc::new(RunLogs::new(run.clone(), self.store.clone()));
                open.insert(run.clone(), Arc::downgrade(&logs));
                logs
            })
        };
        logs.listed.get_or_try_init(|| logs.list()).await?;
        Ok(logs)
    }

    /// Removes everything stored of a run's logs.
    pub async fn remove(&self, run: &RunId) -> Result<(), LogError> {
        segment::remove_all(&self.store, run).await.map_err(|error| LogError::Store(error.into()))
    }
}

impl RunLogs {
    fn new(run: RunId, store: Arc<dyn ObjectStore>) -> Self {
        Self {
            run,
            store,
            attempts: Mutex::default(),
            status: Mutex::default(),
            changed: watch::Sender::new(0),
            listed: tokio::sync::OnceCell::new(),
        }
    }

    async fn list(&self) -> Result<(), LogError> {
        let segments = segment::list(&self.store, &self.run).await.map_err(|error| LogError::Store(error.into()))?;
        let mut attempts = self.lock();
        for segment in segments {
            attempts.entry((segment.unit, segment.attempt)).or_default().stored(segment.start, segment.end);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(UnitId, u32), AttemptLog>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything before this offset is stored.
    pub fn stored_end(&self, unit: UnitId, attempt: u32) -> u64 {
        self.lock().get(&(unit, attempt)).map_or(0, AttemptLog::stored_end)
    }

    /// Takes a frame. One seen before is accepted and left out. Tells how many bytes are pending.
    pub fn append(&self, unit: UnitId, attempt: u32, frame: Frame) -> Result<usize, LogError> {
        let pending = {
            let mut attempts = self.lock();
            let log = attempts.entry((unit, attempt)).or_default();
            log.append(frame).map_err(|(expected, offset)| LogError::Gap {
                attempt: AttemptId { run: self.run.clone(), unit, number: attempt },
                expected,
                offset,
            })?
        };
        self.changed.send_modify(|count| *count += 1);
        Ok(pending)
    }

    /// What a unit is at; shown, never stored.
    pub fn set_status(&self, unit: UnitId, text: String) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = status.entry(unit).or_default();
        *entry = (entry.0 + 1, text);
        drop(status);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Stores what is pending of an attempt as one segment. Returns the offset before which everything is stored.
    ///
    /// Only the one stream of the attempt's agent calls this, so that no two segments begin at the same offset.
    pub async fn flush(&self, unit: UnitId, attempt: u32) -> Result<u64, LogError> {
        let pending = self.lock().get(&(unit, attempt)).map(AttemptLog::pending).unwrap_or_default();
        let (Some(first), Some(last)) = (pending.first(), pending.last()) else {
            return Ok(self.stored_end(unit, attempt));
        };
        let key = segment::Segment { unit, attempt, start: first.offset, end: last.end() };
        segment::store(&self.store, &self.run, &key, &pending).await.map_err(|error| LogError::Store(error.into()))?;
        self.lock().entry((unit, attempt)).or_default().stored(key.start, key.end);
        Ok(key.end)
    }
}
