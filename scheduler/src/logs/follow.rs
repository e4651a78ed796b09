//! Following: stored bytes, then live ones, from any offset. A reader takes as it can: it is never sent what it has not
//! asked for, so that a slow one reads from storage and slows nobody.

use super::{LogError, RunLogs, attempt::Place, attempt::from_offset, segment};
use acre_model::{
    ids::UnitId,
    log::{Cursor, Followed, Frame},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};
use tokio::sync::watch;

/// Which logs of a run are wanted: for each unit its number of attempts and, once it has ended, the length of the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Units in the order they are read.
    pub units: Vec<WantedUnit>,
}

/// A unit whose log is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedUnit {
    /// The unit.
    pub unit: UnitId,
    /// Attempts so far.
    pub attempts: u32,
    /// Bytes of the last attempt's log, once it has ended.
    pub length: Option<u64>,
}

/// A reader of a run's logs.
pub struct Reader {
    logs: Arc<RunLogs>,
    changed: watch::Receiver<u64>,
    cursors: BTreeMap<UnitId, (u32, u64)>,
    shown: BTreeMap<UnitId, u64>,
}

impl Reader {
    /// A reader that goes on from these cursors.
    pub fn new(logs: Arc<RunLogs>, cursors: &[Cursor]) -> Self {
        let changed = logs.changed.subscribe();
        let cursors = cursors.iter().map(|cursor| (cursor.unit, (cursor.attempt.max(1), cursor.offset))).collect();
        Self { logs, changed, cursors, shown: BTreeMap::new() }
    }

    /// The next pieces that are there, in the order of the units; empty if there is nothing now.
    pub async fn next(&mut self, wanted: &Wanted) -> Result<Vec<Followed>, LogError> {
        self.changed.mark_unchanged();
        for unit in &wanted.units {
            let frames = self.next_of(unit).await?;
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
        Ok(self.next_status())
    }

    /// The next frames of one unit, attempt after attempt.
    async fn next_of(&mut self, wanted: &WantedUnit) -> Result<Vec<Followed>, LogError> {
        loop {
            let (attempt, offset) = *self.cursors.entry(wanted.unit).or_insert((1, 0));
            let place = self.logs.lock().get(&(wanted.unit, attempt)).map_or(Place::Nowhere, |log| log.place(offset));
            let frames = match place {
                Place::Pending(frames) => frames,
                Place::Stored(start, end) => {
                    let segment = segment::Segment { unit: wanted.unit, attempt, start, end };
                    from_offset(&segment::load(&self.logs.store, &self.logs.run, &segment).await?, offset)
                }
                // A later attempt has begun: nothing more comes of this one that is worth waiting for.
                Place::Nowhere if attempt < wanted.attempts => {
                    self.cursors.insert(wanted.unit, (attempt + 1, 0));
                    continue;
                }
                Place::Nowhere => return Ok(Vec::new()),
            };
            let end = frames.last().map_or(offset, Frame::end);
            self.cursors.insert(wanted.unit, (attempt, end));
            let unit = wanted.unit;
            return Ok(frames.into_iter().map(|frame| Followed::Frame { unit, attempt, frame }).collect());
        }
    }

    /// What units are at, where it has changed.
    fn next_status(&mut self) -> Vec<Followed> {
        let status = self.logs.status.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = status.iter().filter_map(|(unit, (version, text))| {
            let is_new = self.shown.insert(*unit, *version) != Some(*version);
            is_new.then(|| Followed::Status { unit: *unit, text: text.clone() })
        });
        changed.collect()
    }

    /// Whether everything that is wanted, and will ever be there, has been read.
    pub fn is_complete(&self, wanted: &Wanted) -> bool {
        wanted.units.iter().all(|unit| {
            let (attempt, offset) = self.cursors.get(&unit.unit).copied().unwrap_or((1, 0));
            unit.attempts == 0 || unit.length.is_some_and(|length| attempt >= unit.attempts && offset >= length)
        })
    }

    /// Waits for a change since the last [`Reader::next`].
    pub async fn changed(&mut self) {
        // The sender lives in `self.logs`: it cannot be gone.
        let _ = self.changed.changed().await;
    }
}
