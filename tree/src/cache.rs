//! Blobs on disk under their digests: what an agent has fetched once it has, until room is needed.
//!
//! A blob is written to a temporary file and renamed when its digest is known to be right, so no partial one is ever
//! seen. Its name holds its size, so that one that a crash of the machine cut is found when the cache is opened. While a
//! [`Pin`] of a blob lives, the blob stays; of the others the least recently used go when the limit is passed. After a
//! restart the order is that in which blobs were written.

mod index;
mod spool;

pub use spool::Spool;

use acre_model::digest::Digest;
use index::Index;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// A folder of blobs, used by one process at a time.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    index: Mutex<Index>,
    /// Locked as long as it is open.
    _lock: File,
}

/// A blob that stays while this lives.
#[derive(Debug)]
pub struct Pin {
    cache: Arc<Cache>,
    digest: Digest,
    size: u64,
}

/// Why blobs cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Another process has it.
    #[error("cache `{}` is in use by another process; give each agent a cache of its own", folder.display())]
    InUse {
        /// The cache's folder.
        folder: PathBuf,
    },
    /// The disk.
    #[error("cache `{}`", path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Content that is not what it was said to be.
    #[error("content said to be {expected} is {actual}")]
    Mismatch {
        /// The digest that was said.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
}

impl Cache {
    /// The cache in `folder`, made if need be, of about `limit` bytes: blobs in use are kept above it.
    pub fn open(folder: &Path, limit: u64) -> Result<Arc<Self>, CacheError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CacheError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock_path = folder.join("lock");
        let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => CacheError::InUse { folder: folder.to_owned() },
            TryLockError::Error(source) => CacheError::Io { path: lock_path, source },
        })?;
        // What an earlier process had not finished.
        let spools = folder.join("spool");
        match fs::remove_dir_all(&spools) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&spools)(error)),
            _ => fs::create_dir_all(&spools).map_err(failed(&spools))?,
        }
        let mut index = Index::new(limit);
        let mut blobs = stored(folder).map_err(failed(folder))?;
        blobs.sort();
        blobs.into_iter().for_each(|(_, digest, size)| index.insert(digest, size));
        let cache = Self { folder: folder.to_owned(), index: Mutex::new(index), _lock: lock };
        cache.evict();
        Ok(Arc::new(cache))
    }

    /// The blob, if it is here.
    pub fn get(self: &Arc<Self>, digest: &Digest) -> Option<Pin> {
        let size = self.index().pin(digest)?;
        let pin = Pin { cache: Arc::clone(self), digest: *digest, size };
        // Someone may have cleared the folder by hand; then the blob is written anew.
        fs::metadata(pin.path()).is_ok_and(|meta| meta.len() == size).then_some(pin)
    }

    /// A blob to be written, whose digest need not be known yet.
    pub fn spool(self: &Arc<Self>) -> Result<Spool, CacheError> {
        Spool::new(Arc::clone(self))
    }

    /// Keeps `content`.
    pub fn insert(self: &Arc<Self>, content: &[u8]) -> Result<Pin, CacheError> {
        let mut spool = self.spool()?;
        spool.write(content)?;
        spool.keep()
    }

    /// Bytes of all blobs here.
    pub fn size(&self) -> u64 {
        self.index().total()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // The index is whole between any two of its methods.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, digest: &Digest, size: u64) -> PathBuf {
        let hex = digest.hex();
        self.folder.join(&hex[..2]).join(format!("{hex}-{size}"))
    }

    fn spools(&self) -> PathBuf {
        self.folder.join("spool")
    }

    /// Adds a blob, whose file `put` puts at the path that it is given.
    fn add(
        self: &Arc<Self>,
        digest: Digest,
        size: u64,
        put: impl FnOnce(&Path) -> Result<(), CacheError>,
    ) -> Result<Pin, CacheError> {
        // The file comes under the lock, since another thread may be removing the same blob.
        let mut index = self.index();
        put(&self.path(&digest, size))?;
        index.insert(digest, size);
        index.pin(&digest);
        drop(index);
        self.evict();
        Ok(Pin { cache: Arc::clone(self), digest, size })
    }

    /// Removes what is above the limit and not in use.
    fn evict(&self) {
        let mut index = self.index();
        // Under the lock, so that nobody pins or writes again what is being removed.
        while let Some((digest, size)) = index.surplus() {
            fs::remove_file(self.path(&digest, size)).ok();
        }
    }
}

impl Pin {
    /// The file with the blob, which only its reader's own process may write.
    pub fn path(&self) -> PathBuf {
        self.cache.path(&self.digest, self.size)
    }

    /// The blob's digest.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of the blob.
    pub const fn size(&self) -> u64 {
        self.size
    }
}

impl Clone for Pin {
    fn clone(&self) -> Self {
        self.cache.index().pin(&self.digest);
        Self { cache: Arc::clone(&self.cache), digest: self.digest, size: self.size }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.cache.index().unpin(&self.digest);
        self.cache.evict();
    }
}

/// The blobs in the folder, with when they were written. What is no blob, or is not of the size in its name, goes.
fn stored(folder: &Path) -> io::Result<Vec<(SystemTime, Digest, u64)>> {
    let mut blobs = Vec::new();
    for shelf in fs::read_dir(folder)? {
        let shelf = shelf?;
        let name = shelf.file_name();
        if name.len() != 2 || !shelf.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(shelf.path())? {
            let file = file?;
            let meta = file.metadata()?;
            match file.file_name().to_str().and_then(named) {
                Some((digest, size)) if meta.len() == size => blobs.push((meta.modified()?, digest, size)),
                _ => fs::remove_file(file.path())?,
            }
        }
    }
    Ok(blobs)
}

/// The digest and the size in a file's name.
fn named(name: &str) -> Option<(Digest, u64)> {
    let (hex, size) = name.split_once('-')?;
    Some((format!("sha256:{hex}").parse().ok()?, size.parse().ok()?))
}

#[cfg(test)]
mod tests;
