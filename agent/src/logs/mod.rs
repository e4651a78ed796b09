//! Logs of attempts: spooled on disk, capped, and sent to the farm until it has acknowledged all of them.

mod frames;
mod push;
mod spool;

pub(crate) use push::push;
pub(crate) use spool::{Spool, SpoolError};

use acre_model::attempt::AttemptId;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// All spools of an agent, those of earlier processes included.
pub(crate) struct Spools {
    folder: PathBuf,
    cap: u64,
    open: Mutex<BTreeMap<AttemptId, Arc<Spool>>>,
    changed: watch::Sender<u64>,
}

impl Spools {
    /// The spools in a folder, which is made if it is missing.
    pub(crate) fn open(folder: &Path, cap: u64) -> io::Result<Arc<Self>> {
        fs::create_dir_all(folder)?;
        let spools =
            Arc::new(Self { folder: folder.to_owned(), cap, open: Mutex::default(), changed: watch::Sender::new(0) });
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let attempt = name.to_str().and_then(parse_name);
            match attempt {
                Some(attempt) => drop(spools.spool(&attempt)?),
                None => tracing::warn!(name = %name.display(), "not an attempt's folder; left alone"),
            }
        }
        Ok(spools)
    }

    /// The spool of an attempt, made if it is missing.
    pub(crate) fn spool(&self, attempt: &AttemptId) -> io::Result<Arc<Spool>> {
        let mut open = self.lock();
        if let Some(spool) = open.get(attempt) {
            return Ok(spool.clone());
        }
        let spool = Arc::new(Spool::open(&self.folder.join(attempt.to_string()), self.cap, self.changed.clone())?);
        open.insert(attempt.clone(), spool.clone());
        Ok(spool)
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<(AttemptId, Arc<Spool>)> {
        self.lock().iter().map(|(attempt, spool)| (attempt.clone(), spool.clone())).collect()
    }

    /// Counts changes of all spools.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Deletes the spool if nothing of it is needed any more.
    pub(crate) fn tidy(&self, attempt: &AttemptId) {
        let mut open = self.lock();
        if open.get(attempt).is_some_and(|spool| spool.is_done())
            && let Some(spool) = open.remove(attempt)
            && let Err(error) = spool.delete()
        {
            tracing::warn!(%attempt, %error, "a log was not deleted");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, Arc<Spool>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `run.unit.number`, as [`AttemptId`] prints itself.
fn parse_name(name: &str) -> Option<AttemptId> {
    let mut parts = name.split('.');
    let attempt = AttemptId {
        run: parts.next()?.parse().ok()?,
        unit: acre_model::ids::UnitId(parts.next()?.parse().ok()?),
        number: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(attempt)
}
