//! A blob on its way into the cache.

use super::{Cache, CacheError, Pin};
use crate::{hash::Hasher, system};
use acre_model::digest::Digest;
use std::{fs, io::Write, sync::Arc};
use tempfile::NamedTempFile;

/// A blob that is being written. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Spool {
    cache: Arc<Cache>,
    file: NamedTempFile,
    hasher: Hasher,
    size: u64,
}

impl Spool {
    pub(super) fn new(cache: Arc<Cache>) -> Result<Self, CacheError> {
        let folder = cache.spools();
        let file = NamedTempFile::new_in(&folder).map_err(|source| CacheError::Io { path: folder, source })?;
        Ok(Self { cache, file, hasher: Hasher::default(), size: 0 })
    }

    /// Appends to the blob.
    pub fn write(&mut self, data: &[u8]) -> Result<(), CacheError> {
        self.hasher.update(data);
        self.size += data.len() as u64;
        let written = self.file.write_all(data);
        written.map_err(|source| CacheError::Io { path: self.file.path().to_owned(), source })
    }

    /// Bytes written so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Ends the blob and keeps it under the digest that it has.
    pub fn keep(self) -> Result<Pin, CacheError> {
        let digest = self.hasher.clone().finish();
        self.store(digest)
    }

    /// Ends the blob and keeps it, if it has this digest.
    pub fn keep_as(self, expected: Digest) -> Result<Pin, CacheError> {
        let actual = self.hasher.clone().finish();
        if actual == expected { self.store(actual) } else { Err(CacheError::Mismatch { expected, actual }) }
    }

    fn store(self, digest: Digest) -> Result<Pin, CacheError> {
        if let Some(pin) = self.cache.get(&digest) {
            return Ok(pin);
        }
        let Self { cache, file, size, .. } = self;
        cache.add(digest, size, |path| {
            let failed = |source| CacheError::Io { path: path.to_owned(), source };
            system::protect(file.as_file()).map_err(failed)?;
            if let Some(shelf) = path.parent() {
                fs::create_dir_all(shelf).map_err(failed)?;
            }
            file.persist(path).map(drop).map_err(|error| failed(error.error))
        })
    }
}
