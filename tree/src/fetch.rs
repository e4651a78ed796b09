//! Brings blobs from the farm into the cache.

mod batch;
mod queue;

use crate::{
    DEPTH, DIRECTORY, ENTRIES,
    cache::{Cache, CacheError, Pin},
    flatten::{FlattenError, flatten},
    overlay::{Change, Overlaid, OverlayError, overlay},
    retry::Retry,
};
use acre_model::{
    digest::Digest,
    tree::{Directory, Node},
};
use acre_proto::{Invalid, MESSAGE_LIMIT, tree::decode_directory, v1::blobs_client::BlobsClient};
use batch::{Batch, Outcome};
use queue::{Queue, Waiter};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tonic::{Code, Status, codec::CompressionEncoding, transport::Channel};

/// The most bytes of directories of one tree.
const DIRECTORIES: u64 = 256 * 1024 * 1024;

/// Brings blobs of one project. Clones share what they ask for: everything that is wanted while an answer is under way
/// is asked for together, once.
#[derive(Clone, Debug)]
pub struct Fetcher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: BlobsClient<Channel>,
    project: String,
    cache: Arc<Cache>,
    queue: Queue,
    /// Held by the one that asks for all, until its answer is there. There is no task of its own to start and to stop;
    /// where the holder is canceled, the next that waits goes on.
    turn: tokio::sync::Mutex<()>,
}

/// All of a tree, at hand.
#[derive(Debug)]
pub struct Snapshot {
    /// Every entry with its path, depth-first in byte order.
    pub entries: Vec<(String, Node)>,
    /// The contents of its files.
    pub files: HashMap<Digest, Pin>,
}

/// Why a blob or a tree cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// The farm does not have it.
    #[error("blob {0} is not stored; upload the source again")]
    Missing(Digest),
    /// The farm does not answer.
    #[error("the farm did not give a blob: {}", .0.message())]
    Farm(#[source] Arc<Status>),
    /// The farm's answer makes no sense.
    #[error("the farm's answer is wrong: {0}")]
    Protocol(&'static str),
    /// It came, and is something else, or cannot be kept.
    #[error(transparent)]
    Cache(Arc<CacheError>),
    /// It is no directory.
    #[error("blob {digest} is not a directory")]
    NotDirectory {
        /// The blob.
        digest: Digest,
        /// What is wrong with it.
        source: Invalid,
    },
    /// Too large for a directory.
    #[error("blob {digest} is not a directory: it has {size} bytes, and {DIRECTORY} are the most")]
    LargeDirectory {
        /// The blob.
        digest: Digest,
        /// Bytes.
        size: u64,
    },
    /// The directories do not make a tree.
    #[error(transparent)]
    Tree(#[from] FlattenError),
    /// Changes do not come together.
    #[error(transparent)]
    Overlay(OverlayError),
    /// The threads that write were ended.
    #[error("fetching was given up, since the program is ending")]
    Ended,
}

impl From<CacheError> for FetchError {
    fn from(error: CacheError) -> Self {
        Self::Cache(Arc::new(error))
    }
}

impl Fetcher {
    /// A fetcher of `project`'s blobs into `cache`.
    pub fn new(client: BlobsClient<Channel>, project: impl Into<String>, cache: Arc<Cache>) -> Self {
        let client = client
            .send_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(MESSAGE_LIMIT);
        let (queue, turn) = (Queue::default(), tokio::sync::Mutex::default());
        Self { shared: Arc::new(Shared { client, project: project.into(), cache, queue, turn }) }
    }

    /// The blob, as a file that stays as long as the pin lives.
    pub async fn file(&self, digest: Digest) -> Result<Pin, FetchError> {
        match self.shared.cache.get(&digest) {
            Some(pin) => Ok(pin),
            None => self.shared.wait(digest, self.shared.queue.want(digest)).await,
        }
    }

    /// These blobs.
    pub async fn prefetch(&self, digests: Vec<Digest>) -> Result<HashMap<Digest, Pin>, FetchError> {
        let cache = Arc::clone(&self.shared.cache);
        let (mut pins, absent) = blocking(move || at_hand(&cache, digests)).await?;
        // All are wanted before the first is waited for, so that they go into as few questions as they can.
        let wanted: Vec<_> = absent.into_iter().map(|digest| (digest, self.shared.queue.want(digest))).collect();
        for (digest, waiter) in wanted {
            pins.insert(digest, self.shared.wait(digest, waiter).await?);
        }
        Ok(pins)
    }

    /// A directory.
    pub async fn directory(&self, digest: Digest) -> Result<Directory, FetchError> {
        let pin = self.file(digest).await?;
        blocking(move || read_directory(&pin)).await?
    }

    /// Every entry of the tree `root` with its path, depth-first in byte order. Files are not fetched.
    pub async fn tree(&self, root: Digest) -> Result<Vec<(String, Node)>, FetchError> {
        let mut directories: HashMap<Digest, Directory> = HashMap::new();
        let (mut level, mut bytes) = (HashSet::from([root]), 0);
        for _ in 0..=DEPTH {
            if level.is_empty() {
                return Ok(flatten(root, |digest| directories.get(digest).cloned())?);
            }
            let pins = self.prefetch(level.drain().collect()).await?;
            bytes += pins.values().map(Pin::size).sum::<u64>();
            if directories.len() + pins.len() > ENTRIES || bytes > DIRECTORIES {
                return Err(FlattenError::TooMany(root).into());
            }
            let read = blocking(move || read_directories(&pins)).await??;
            directories.extend(read.iter().cloned());
            let below = read.iter().flat_map(|(_, directory)| subdirectories(directory));
            level.extend(below.filter(|digest| !directories.contains_key(digest)));
        }
        Err(FlattenError::TooDeep { root, path: String::new() }.into())
    }

    /// The tree `base` with changes put over it. Only directories that differ are fetched.
    pub async fn overlay(&self, base: Option<Digest>, changes: &[Change]) -> Result<Overlaid, FetchError> {
        let (mut known, mut bytes) = (HashMap::<Digest, Directory>::new(), 0);
        loop {
            let missing = match overlay(base, changes, |digest| known.get(digest).cloned()) {
                Err(OverlayError::Missing(missing)) => missing,
                done => return done.map_err(FetchError::Overlay),
            };
            let pins = self.prefetch(missing.into_iter().collect()).await?;
            bytes += pins.values().map(Pin::size).sum::<u64>();
            if bytes > DIRECTORIES {
                return Err(FetchError::Overlay(OverlayError::TooMany));
            }
            known.extend(blocking(move || read_directories(&pins)).await??);
        }
    }

    /// All of the tree `root`, its files too.
    pub async fn snapshot(&self, root: Digest) -> Result<Snapshot, FetchError> {
        let entries = self.tree(root).await?;
        let files: HashSet<Digest> = entries.iter().filter_map(|(_, node)| file_of(node)).collect();
        let files = self.prefetch(files.into_iter().collect()).await?;
        Ok(Snapshot { entries, files })
    }
}

impl Shared {
    /// Waits until the blob is there, and meanwhile asks for what is wanted whenever nobody else does.
    async fn wait(&self, digest: Digest, mut waiter: Waiter) -> Result<Pin, FetchError> {
        loop {
            tokio::select! {
                biased;
                answer = &mut waiter => match answer {
                    Ok(answer) => return answer,
                    // Whoever asked was canceled.
                    Err(_) => waiter = self.queue.want(digest),
                },
                _turn = self.turn.lock() => self.ask().await,
            }
        }
    }

    /// Asks for what is wanted, as much as goes into one question, until each of it is answered.
    async fn ask(&self) {
        let (mut batch, mut retry) = (Batch::new(self.queue.take(), Arc::clone(&self.cache)), Retry::default());
        while !batch.is_empty() {
            let before = batch.len();
            let (rest, outcome) = batch::run(self.client.clone(), &self.project, batch).await;
            // The thread that writes was ended; those who wait see that nobody answers them.
            let Some(rest) = rest else { return };
            batch = rest;
            if batch.len() < before {
                retry.progressed();
            }
            let failure = match outcome {
                Outcome::Complete if batch.len() < before => continue,
                Outcome::Complete => FetchError::Protocol("it ends before all that was asked for"),
                Outcome::Refused(why) => FetchError::Protocol(why),
                Outcome::Failed(status) => match status.code() {
                    Code::NotFound if batch.fail_named(status.message()) => continue,
                    _ => match retry.after(status).await {
                        Ok(()) => continue,
                        Err(status) => FetchError::Farm(Arc::new(status)),
                    },
                },
            };
            batch.fail_all(&failure);
        }
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, FetchError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| FetchError::Ended)
}

/// Of `digests` those that are here, and those that are not, each once.
fn at_hand(cache: &Arc<Cache>, digests: Vec<Digest>) -> (HashMap<Digest, Pin>, Vec<Digest>) {
    let (mut pins, mut absent) = (HashMap::new(), Vec::new());
    let mut seen = HashSet::new();
    for digest in digests.into_iter().filter(|digest| seen.insert(*digest)) {
        match cache.get(&digest) {
            Some(pin) => drop(pins.insert(digest, pin)),
            None => absent.push(digest),
        }
    }
    (pins, absent)
}

fn read_directories(pins: &HashMap<Digest, Pin>) -> Result<Vec<(Digest, Directory)>, FetchError> {
    pins.iter().map(|(digest, pin)| Ok((*digest, read_directory(pin)?))).collect()
}

fn read_directory(pin: &Pin) -> Result<Directory, FetchError> {
    let (digest, size) = (pin.digest(), pin.size());
    if size > DIRECTORY {
        return Err(FetchError::LargeDirectory { digest, size });
    }
    let blob = std::fs::read(pin.path()).map_err(|source| CacheError::Io { path: pin.path(), source })?;
    decode_directory(&blob).map_err(|source| FetchError::NotDirectory { digest, source })
}

fn subdirectories(directory: &Directory) -> impl Iterator<Item = Digest> {
    directory.entries().iter().filter_map(|entry| match &entry.node {
        Node::Directory { digest, .. } => Some(*digest),
        _ => None,
    })
}

fn file_of(node: &Node) -> Option<Digest> {
    match node {
        Node::File { digest, .. } => Some(*digest),
        _ => None,
    }
}
