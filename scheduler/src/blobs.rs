//! Blobs: files and directories of source trees, submissions, plans and reports, by the digest of their content.

pub mod condemned;
mod names;

pub use condemned::{Condemned, Verdict};
pub use names::digests_in;

use acre_model::{digest::Digest, tree::Node};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::sync::RwLock;

/// What kind of blob is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any bytes.
    File,
    /// An encoded directory: all it names must be there.
    Directory,
}

/// Why a blob was not put or found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not there.
    #[error("blob {0} is not stored")]
    Missing(Digest),
    /// Its content has another digest.
    #[error("blob {declared} was announced, but its content has digest {actual}")]
    Mismatch {
        /// What was announced.
        declared: Digest,
        /// What came.
        actual: Digest,
    },
    /// A directory that does not decode.
    #[error("blob {0} is not a directory: {1}")]
    NotADirectory(Digest, acre_proto::Invalid),
    /// A directory that names what is not there.
    #[error("directory {directory} names `{name}`, whose blob {missing} is not stored")]
    Open {
        /// The directory.
        directory: Digest,
        /// The entry.
        name: String,
        /// Its blob.
        missing: Digest,
    },
    /// Larger than a blob may be.
    #[error("blob {digest} has more than {limit} bytes")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// The limit in bytes.
        limit: u64,
    },
    /// No room.
    #[error("no space left for blobs; free some on the scheduler's disk, then try again")]
    Full,
    /// Anything else.
    #[error("the blob store failed: {0}")]
    Failed(String),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        let why = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            if cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::StorageFull) {
                return Self::Full;
            }
            source = cause.source();
        }
        Self::Failed(why)
    }
}

/// The largest blob, in bytes.
pub const BLOB_LIMIT: u64 = 16 * 1024 * 1024 * 1024;
/// The largest directory, in bytes: one of 100,000 entries with long names fits.
const DIRECTORY_LIMIT: u64 = 64 * 1024 * 1024;
/// Files up to this size are put in one piece.
const SMALL: u64 = 4 * 1024 * 1024;
/// Bytes of one part of a larger blob.
const PART: usize = 5 * 1024 * 1024;
/// Look-ups under way at one time.
const PARALLEL: usize = 32;

/// Blobs in an object store.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Held for writing by who removes one, or puts one again.
    condemned: Arc<RwLock<Condemned>>,
}

impl Blobs {
    /// Blobs below `blobs/` of this object store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, condemned: Arc::default() }
    }

    /// The object store, for what is not content-addressed: log segments.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    fn path(digest: &Digest) -> Path {
        let hex = digest.hex();
        Path::from(format!("blobs/{}/{hex}", &hex[..2]))
    }

    /// Whether a blob is there, and stays.
    pub async fn has(&self, digest: &Digest) -> Result<bool, BlobError> {
        if self.condemned.read().await.contains_key(digest) {
            return Ok(false);
        }
        match self.store.head(&Self::path(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Those of `digests` that are not there.
    pub async fn missing(&self, digests: Vec<Digest>) -> Result<Vec<Digest>, BlobError> {
        let looked_up = futures::stream::iter(digests)
            .map(|digest| async move { Ok::<_, BlobError>((!self.has(&digest).await?).then_some(digest)) })
            .buffered(PARALLEL);
        looked_up.try_filter_map(|missing| async move { Ok(missing) }).try_collect().await
    }

    /// Stores bytes under their digest.
    pub async fn put_bytes(&self, bytes: Bytes) -> Result<Digest, BlobError> {
        let digest = digest_of(&bytes);
        if !self.has(&digest).await? {
            self.put_whole(&digest, bytes).await?;
        }
        Ok(digest)
    }

    async fn put_whole(&self, digest: &Digest, bytes: Bytes) -> Result<(), BlobError> {
        let put = async { Ok(self.store.put(&Self::path(digest), PutPayload::from(bytes)).await.map(drop)?) };
        self.written(digest, put).await
    }

    /// Starts storing a blob that comes in pieces.
    pub fn begin(&self, digest: Digest, kind: Kind) -> Putting {
        Putting {
            blobs: self.clone(),
            digest,
            kind,
            hash: Sha256::new(),
            buffer: BytesMut::new(),
            size: 0,
            upload: None,
        }
    }

    /// All bytes of a blob that is known to be small (a directory, a plan, a text).
    pub async fn get_bytes(&self, digest: &Digest) -> Result<Bytes, BlobError> {
        match self.store.get(&Self::path(digest)).await {
            Ok(found) => Ok(found.bytes().await?),
            Err(object_store::Error::NotFound { .. }) => Err(BlobError::Missing(*digest)),
            Err(error) => Err(error.into()),
        }
    }

    /// Size and content of a blob.
    pub async fn get(&self, digest: &Digest) -> Result<(u64, BoxStream<'static, Result<Bytes, BlobError>>), BlobError> {
        match self.store.get(&Self::path(digest)).await {
            Ok(found) => Ok((found.meta.size, found.into_stream().map_err(BlobError::from).boxed())),
            Err(object_store::Error::NotFound { .. }) => Err(BlobError::Missing(*digest)),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a blob; one that is not there is removed.
    pub async fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        match self.store.delete(&Self::path(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A directory is stored only when all below it is.
    async fn check_closed(&self, digest: Digest, bytes: &[u8]) -> Result<(), BlobError> {
        let directory =
            acre_proto::tree::decode_directory(bytes).map_err(|why| BlobError::NotADirectory(digest, why))?;
        let named = directory.entries().iter().filter_map(|entry| match &entry.node {
            Node::File { digest, .. } | Node::Directory { digest, .. } => Some((entry.name.clone(), *digest)),
            Node::Symlink { .. } => None,
        });
        let checks = futures::stream::iter(named.collect::<Vec<_>>())
            .map(|(name, named)| async move { Ok::<_, BlobError>((name, named, self.has(&named).await?)) })
            .buffered(PARALLEL);
        let open = checks.try_filter(|(_, _, is_stored)| std::future::ready(!is_stored));
        match std::pin::pin!(open).try_next().await? {
            None => Ok(()),
            Some((name, missing, _)) => Err(BlobError::Open { directory: digest, name, missing }),
        }
    }
}

/// The digest of bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// A blob that is coming in. Dropped before its end, it leaves nothing.
pub struct Putting {
    blobs: Blobs,
    digest: Digest,
    kind: Kind,
    hash: Sha256,
    buffer: BytesMut,
    size: u64,
    upload: Option<Box<dyn object_store::MultipartUpload>>,
}

impl Putting {
    /// Takes the next piece.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.hash.update(piece);
        self.size += piece.len() as u64;
        let limit = if self.kind == Kind::Directory { DIRECTORY_LIMIT } else { BLOB_LIMIT };
        if self.size > limit {
            return Err(BlobError::TooLarge { digest: self.digest, limit });
        }
        self.buffer.extend_from_slice(piece);
        // A directory stays in memory whole: it is read before it is stored.
        if self.kind == Kind::File && self.size > SMALL {
            while self.buffer.len() >= PART {
                let part = self.buffer.split_to(PART).freeze();
                self.part(part).await?;
            }
        }
        Ok(())
    }

    async fn part(&mut self, part: Bytes) -> Result<(), BlobError> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            empty => empty.insert(self.blobs.store.put_multipart(&Blobs::path(&self.digest)).await?),
        };
        Ok(upload.put_part(PutPayload::from(part)).await?)
    }

    /// The blob is complete: it is checked, then visible. Tells whether it is new.
    pub async fn finish(mut self) -> Result<(), BlobError> {
        let actual = Digest::from_bytes(std::mem::take(&mut self.hash).finalize().into());
        if actual != self.digest {
            if let Some(mut upload) = self.upload.take() {
                upload.abort().await?;
            }
            return Err(BlobError::Mismatch { declared: self.digest, actual });
        }
        let rest = std::mem::take(&mut self.buffer).freeze();
        if self.kind == Kind::Directory {
            self.blobs.check_closed(self.digest, &rest).await?;
        }
        if self.upload.is_none() {
            return self.blobs.put_whole(&self.digest, rest).await;
        }
        if !rest.is_empty() {
            self.part(rest).await?;
        }
        let Some(mut upload) = self.upload.take() else { return Ok(()) };
        let completed = async { Ok(upload.complete().await.map(drop)?) };
        self.blobs.written(&self.digest, completed).await
    }
}
