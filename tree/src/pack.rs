//! Turns a local directory into a [`Packed`] tree: walk, hash, assemble.

use crate::{
    hash::Hasher,
    ignore::Ignore,
    packed::{BadTree, Blob, Content, Packed, Place},
    stat_cache::StatCache,
    system,
    walk::{self, Found, Skipped, Stat, WalkError, walk},
};
use acre_model::digest::Digest;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

/// The most files hashed at a time.
const THREADS: usize = 8;

/// How a directory is packed.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is left out; see [`walk::rules`].
    pub ignore: Ignore,
    /// A folder in which digests are remembered from one pack to the next; none, and every file is read.
    pub stat_cache: Option<PathBuf>,
    /// The time now, by the clock of the file system.
    pub now: SystemTime,
}

/// A packed directory, and what of it is not in the tree.
#[derive(Debug)]
pub struct Pack {
    /// The tree.
    pub tree: Packed,
    /// Sockets and the like, to be warned about.
    pub skipped: Vec<Skipped>,
    /// Files that were not read, since the stat cache knew them.
    pub known: u64,
}

/// Why a directory cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It cannot be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// A file cannot be read.
    #[error("`{}` cannot be read; make it readable, or name it in .dockerignore", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not stay the same long enough.
    #[error("`{}` changes while it is read; wait for what writes it, or name it in .dockerignore", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// The model refuses what was found.
    #[error(transparent)]
    Tree(#[from] BadTree),
    /// The threads that read were ended.
    #[error("reading was given up, since the program is ending")]
    Ended,
}

/// Packs `root` on threads of its own.
pub async fn pack(root: PathBuf, options: Options) -> Result<Pack, PackError> {
    tokio::task::spawn_blocking(move || pack_here(&root, &options)).await.map_err(|_| PackError::Ended)?
}

/// Packs `root`, blocking.
pub fn pack_here(root: &Path, options: &Options) -> Result<Pack, PackError> {
    let walked = walk(root, &options.ignore)?;
    // A relative root means another directory in the next pack.
    let absolute = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let cache = options.stat_cache.as_deref();
    let known = cache.map(|folder| StatCache::load(folder, &absolute)).unwrap_or_default();
    let known: Vec<Option<Digest>> = walked.files.iter().map(|found| known.get(found)).collect();
    let hashed = hash_all(root, &walked.files, &known)?;
    if let Some(folder) = cache {
        let files = hashed.iter().map(|(found, digest)| (found, *digest));
        // A cache that cannot be written makes the next pack slower, nothing else.
        StatCache::save(folder, &absolute, files, walk::since_epoch(options.now)).ok();
    }
    let blobs = hashed.into_iter().map(|(found, digest)| {
        let place = Place::Local(root.join(&found.path));
        Blob { digest, mode: found.stat.mode, content: Content { size: found.stat.size, place } }
    });
    let tree = Packed::assemble(&walked.tree, blobs.collect())?;
    Ok(Pack { tree, skipped: walked.skipped, known: known.iter().flatten().count() as u64 })
}

/// The digests of `files`, with the stats that the files had when they were read, in the order of `files`.
fn hash_all(root: &Path, files: &[Found], known: &[Option<Digest>]) -> Result<Vec<(Found, Digest)>, PackError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(found) = files.get(index) else { return Ok(done) };
            let hashed = match known[index] {
                Some(digest) => (found.clone(), digest),
                None => hash_file(root, found).inspect_err(|_| next.store(files.len(), Ordering::Relaxed))?,
            };
            done.push((index, hashed));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let mut all = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = started.into_iter().map(|thread| thread.join().unwrap_or(Err(PackError::Ended)));
        ended.collect::<Result<Vec<Vec<_>>, PackError>>()
    })?
    .concat();
    all.sort_unstable_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, hashed)| hashed).collect())
}

/// The digest of a file and the stat that it had all the while; one that changes meanwhile is read once more.
fn hash_file(root: &Path, found: &Found) -> Result<(Found, Digest), PackError> {
    let path = root.join(&found.path);
    for _ in 0..2 {
        let (stat, digest) =
            hash_stable(&path).map_err(|source| PackError::Unreadable { path: path.clone(), source })?;
        if let Some(digest) = digest {
            return Ok((Found { path: found.path.clone(), stat }, digest));
        }
    }
    Err(PackError::Changing { path })
}

/// The stat of a file and its digest; no digest if the file changed while it was read.
fn hash_stable(path: &Path) -> io::Result<(Stat, Option<Digest>)> {
    let mut file = open(path)?;
    let before = walk::stat(&file.metadata()?);
    let (mut hasher, mut size) = (Hasher::default(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        size += count as u64;
        hasher.update(&buffer[..count]);
    }
    let stable = size == before.size && walk::stat(&file.metadata()?) == before;
    Ok((before, stable.then(|| hasher.finish())))
}

/// Opens a regular file and nothing else: what the walk saw as one may have been replaced since, by a link out of the
/// tree or by a FIFO on which reading would hang.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = system::open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file any more")) }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
