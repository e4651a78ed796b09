//! The embedded store: one file (redb), for a farm that needs no server.

mod tables;

use super::{Change, Compare, Order, Revision, Store, StoreError, Stored, Transaction, keys};
use bytes::Bytes;
use futures::future::BoxFuture;
use redb::{Database, DatabaseError, ReadableDatabase};
use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tables::{Broken, RECORDS, commit, give_back, take_over};

/// Bytes of pages that redb keeps in memory. Records are small; the default of 1 GiB is for databases.
const CACHE: usize = 4 * 1024 * 1024;

/// A store in one file. Only one process can open it.
#[derive(Clone)]
pub struct Embedded {
    file: Arc<StoreFile>,
    /// Revision at which this process became the leader; [`NEVER`] or [`NO_MORE`].
    leader: Arc<AtomicU64>,
}

/// It has not led.
const NEVER: u64 = 0;
/// It has given the role back: no revision is this one, so nothing it would commit holds.
const NO_MORE: u64 = u64::MAX;

/// The file, open while it works: after an I/O error redb wants it closed and opened again.
struct StoreFile {
    path: PathBuf,
    database: Mutex<Option<Arc<Database>>>,
}

impl StoreFile {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Database>>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database, opened again if it was closed.
    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let mut database = self.lock();
        match &*database {
            Some(open) => Ok(open.clone()),
            None => Ok(database.insert(Arc::new(open(&self.path)?)).clone()),
        }
    }
}

/// Opens or makes the file. A new one is made beside its place and put there whole, so that a crash or a full disk leaves
/// no half of one.
fn open(path: &Path) -> Result<Database, StoreError> {
    let place = path.display().to_string();
    let builder = || {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(CACHE);
        builder
    };
    if !path.exists() {
        let new = path.with_extension("new");
        let gone = fs::remove_file(&new).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        gone.map_err(|error| failed(&place, error))?;
        builder().create(&new).map_err(|error| failed(&place, error))?;
        fs::rename(&new, path).map_err(|error| failed(&place, error))?;
    }
    builder().open(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { place: place.clone() },
        error => failed(&place, error),
    })
}

impl Embedded {
    /// Opens or makes the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Mutex::new(Some(Arc::new(open(path)?)));
        Ok(Self { file: Arc::new(StoreFile { path: path.to_owned(), database }), leader: Arc::default() })
    }

    /// Another user of the same file, who has not led.
    pub fn another(&self) -> Self {
        Self { leader: Arc::default(), ..self.clone() }
    }

    /// Runs blocking work of the database on a thread where that is allowed.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Broken> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let file = self.file.clone();
        Box::pin(async move {
            let place = file.place();
            let work = move || {
                let database = file.database()?;
                work(&database).map_err(|broken| match broken {
                    Broken::Conflict => StoreError::Conflict,
                    Broken::Database(error) => {
                        if matches!(*error, redb::Error::Io(_) | redb::Error::PreviousIo) {
                            *file.lock() = None;
                        }
                        failed(&file.place(), *error)
                    }
                })
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|died| Err(failed(&place, died)))
        })
    }
}

fn failed(place: &str, error: impl std::error::Error + 'static) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::StorageFull) {
            return StoreError::Full { place: place.to_owned() };
        }
        cause = error.source();
    }
    // redb wraps the system's error without naming it as its source.
    let why = error.to_string();
    if why.contains("No space left") {
        return StoreError::Full { place: place.to_owned() };
    }
    StoreError::Failed { place: place.to_owned(), why }
}

impl Store for Embedded {
    fn is_shared(&self) -> bool {
        false
    }

    fn lead(&self) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            let held = self.leader.load(Ordering::SeqCst);
            let revision = self.blocking(move |database| take_over(database, held)).await?;
            self.leader.store(revision.0, Ordering::SeqCst);
            Ok(revision)
        })
    }

    /// Nobody can take the role unseen: the file is open in one process only.
    fn hold(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn resign(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let held = self.leader.swap(NO_MORE, Ordering::SeqCst);
            if let Err(error) = self.blocking(move |database| give_back(database, held)).await {
                tracing::warn!(%error, "the role of the leader was not given back");
            }
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        let key = key.to_owned();
        self.blocking(move |database| {
            let table = match database.begin_read()?.open_table(RECORDS) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                table => table?,
            };
            let found = table.get(key.as_str())?.map(|entry| {
                let (revision, value) = entry.value();
                Stored { key, revision: Revision(revision), value: Bytes::copy_from_slice(value) }
            });
            Ok(found)
        })
    }

    fn range(&self, keys: Range<String>, order: Order, limit: usize) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        self.blocking(move |database| {
            let table = match database.begin_read()?.open_table(RECORDS) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let mut range = table.range(keys.start.as_str()..keys.end.as_str())?;
            let mut found = Vec::new();
            while found.len() < limit {
                let next = match order {
                    Order::Ascending => range.next(),
                    Order::Descending => range.next_back(),
                };
                let Some(entry) = next else { break };
                let (key, entry) = entry?;
                let (revision, value) = entry.value();
                found.push(Stored {
                    key: key.value().to_owned(),
                    revision: Revision(revision),
                    value: Bytes::copy_from_slice(value),
                });
            }
            Ok(found)
        })
    }

    fn commit(&self, mut transaction: Transaction) -> BoxFuture<'_, Result<Revision, StoreError>> {
        match self.leader.load(Ordering::SeqCst) {
            NEVER if transaction.changes.iter().any(|change| matches!(change, Change::Announce(..))) => {
                return Box::pin(async { Err(StoreError::Conflict) });
            }
            NEVER => {}
            leader => transaction.compares.push(Compare::At(keys::LEADER.to_owned(), Revision(leader))),
        }
        self.blocking(move |database| commit(database, &transaction))
    }
}
