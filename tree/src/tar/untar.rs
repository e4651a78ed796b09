//! Makes a tree of a tar archive, whatever is in it.

use super::reader::{Entry, Reader, TarError};
use crate::{
    DEPTH, ENTRIES, PATH,
    cache::{Cache, CacheError, Pin},
    hash,
    packed::{BadTree, Blob, Branch, Content, Leaf, Packed, Place},
    walk::Skipped,
};
use acre_model::text::clip;
use std::{io::Read, sync::Arc};
use tar::EntryType;

/// The mode of a directory that an archive only implies.
const IMPLIED: u32 = 0o755;

/// The largest content that is read into memory, in bytes.
const SMALL: u64 = 1024 * 1024;

/// Whose archive it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Our engine's, of a workspace: what a step left there and no tree can hold is skipped.
    Workspace,
    /// Anyone's: it holds nothing but files, directories and links.
    Foreign,
}

/// How much an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries, whatever they are.
    pub entries: usize,
    /// Bytes of all files together.
    pub bytes: u64,
}

/// The tree of an archive. Its content is in the cache, and stays there as long as the tree lives.
#[derive(Debug)]
pub struct Untarred {
    /// The tree.
    pub tree: Packed,
    /// What was skipped, to be warned about.
    pub skipped: Vec<Skipped>,
}

/// Why an archive does not make a tree.
#[derive(Debug, thiserror::Error)]
pub enum UntarError {
    /// It is not an archive as it should be.
    #[error(transparent)]
    Archive(#[from] TarError),
    /// A name that could leave the tree or confuse a reader of it.
    #[error("`{entry}`: {why}; names are relative, without `..`, line breaks and NUL, at most {PATH} bytes of UTF-8")]
    Name {
        /// The entry.
        entry: String,
        /// What is wrong with its name.
        why: &'static str,
    },
    /// Not below the directory that the archive is of.
    #[error("`{entry}` is not below `{strip}`, which the archive should be of")]
    Outside {
        /// The entry.
        entry: String,
        /// The directory.
        strip: String,
    },
    /// A hard link to something that did not come before it.
    #[error("hard link `{entry}` points to `{target}`, which is no file that came before it in the archive")]
    Link {
        /// The entry.
        entry: String,
        /// Where it points.
        target: String,
    },
    /// Something that no tree holds.
    #[error("`{entry}` is a {what}; only files, directories and links can be in a source tree")]
    Special {
        /// The entry.
        entry: String,
        /// What it is.
        what: &'static str,
    },
    /// The path goes through a link, or through a file, or something is twice and not the same kind of thing.
    #[error("`{entry}` does not fit what came before it in the archive: {why}")]
    Conflict {
        /// The entry.
        entry: String,
        /// What is in the way.
        why: &'static str,
    },
    /// The directory that is wanted is not there.
    #[error("the archive has no folder `{0}`")]
    NoFolder(String),
    /// Too much.
    #[error("at `{entry}` the archive has more than {limit}")]
    TooMuch {
        /// The entry with which it has.
        entry: String,
        /// What there may be at most.
        limit: String,
    },
    /// The cache does not take it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// What was read is no tree.
    #[error(transparent)]
    Tree(#[from] BadTree),
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: ENTRIES, bytes: 2 * 1024 * 1024 * 1024 }
    }
}

/// Reads an archive of a directory, blocking. Every entry is to be below `strip` (such as `workspace`; empty for an
/// archive without such a directory), which is left out of the tree's paths. An entry that is there twice is what it
/// was last.
///
/// # Errors
/// Where it is no archive as it should be, holds what no tree holds, or holds too much.
pub fn untar(
    from: impl Read,
    cache: &Arc<Cache>,
    strip: &str,
    policy: Policy,
    limits: Limits,
) -> Result<Untarred, UntarError> {
    let mut unpacking = Unpacking::new(cache, strip, policy, limits);
    unpacking.archive(from)?;
    unpacking.finish("")
}

/// A tree that is made of several archives and files, one over the other. Limits are for all together.
pub struct Unpacking<'a>(Building<'a>);

impl<'a> Unpacking<'a> {
    /// An empty tree, to be filled as [`untar`] would fill it.
    pub fn new(cache: &'a Arc<Cache>, strip: &'a str, policy: Policy, limits: Limits) -> Self {
        Self(Building::new(cache, strip, policy, limits))
    }

    /// Reads an archive, blocking.
    pub fn archive(&mut self, from: impl Read) -> Result<(), UntarError> {
        let mut reader = Reader::new(from);
        while let Some(entry) = reader.next()? {
            self.0.add(&entry, &mut reader)?;
        }
        Ok(())
    }

    /// Reads a file of its own, blocking, to stand at this path.
    pub fn file(&mut self, path: &str, mut from: impl Read) -> Result<(), UntarError> {
        let shown = clip(path);
        let parts = self.0.parts(path.as_bytes(), &shown)?;
        self.0.counted(&shown)?;
        let mut spool = self.0.cache.spool()?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from.read(&mut buffer).map_err(TarError::Io)? {
                0 => break,
                count => {
                    self.0.grown(count as u64, &shown)?;
                    spool.write(&buffer[..count])?;
                }
            }
        }
        let pin = spool.keep()?;
        let content = Content { size: pin.size(), place: Place::Cached(pin.clone()) };
        self.0.blobs.push(Blob { digest: pin.digest(), mode: 0o644, content });
        self.0.put(&parts, Leaf::File(self.0.blobs.len() - 1), &shown)
    }

    /// The tree of the directory at `folder` (empty: all of it).
    ///
    /// # Errors
    /// Where there is no such directory, or what was read is no tree.
    pub fn finish(self, folder: &str) -> Result<Untarred, UntarError> {
        let mut root = &self.0.root;
        for part in folder.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match root.get(part) {
                Some(Leaf::Directory { branch, .. }) => root = branch,
                _ => return Err(UntarError::NoFolder(clip(folder))),
            }
        }
        Ok(Untarred { tree: Packed::assemble(root, self.0.blobs)?, skipped: self.0.skipped })
    }
}

struct Building<'a> {
    cache: &'a Arc<Cache>,
    strip: Vec<&'a str>,
    policy: Policy,
    limits: Limits,
    root: Branch,
    blobs: Vec<Blob>,
    skipped: Vec<Skipped>,
    count: usize,
    bytes: u64,
}

impl<'a> Building<'a> {
    fn new(cache: &'a Arc<Cache>, strip: &'a str, policy: Policy, limits: Limits) -> Self {
        Self {
            cache,
            strip: strip.split('/').filter(|part| !part.is_empty() && *part != ".").collect(),
            policy,
            limits,
            root: Branch::default(),
            blobs: Vec::new(),
            skipped: Vec::new(),
            count: 0,
            bytes: 0,
        }
    }

    fn add<R: Read>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<(), UntarError> {
        let shown = reader.shown();
        self.counted(&shown)?;
        let parts = self.parts(&entry.path, &shown)?;
        match entry.kind {
            EntryType::Directory => self.directory(&parts, entry.mode, &shown),
            EntryType::Symlink => {
                let target = name(&entry.link, &shown)?.to_owned();
                self.put(&parts, Leaf::Symlink(target), &shown)
            }
            EntryType::Link => {
                let leaf = self.linked(&entry.link, &shown)?;
                self.put(&parts, leaf, &shown)
            }
            EntryType::Regular | EntryType::Continuous => {
                let blob = self.content(entry, reader)?;
                self.blobs.push(blob);
                self.put(&parts, Leaf::File(self.blobs.len() - 1), &shown)
            }
            other => self.special(other, &parts, shown),
        }
    }

    /// There is one entry more.
    fn counted(&mut self, shown: &str) -> Result<(), UntarError> {
        self.count += 1;
        if self.count <= self.limits.entries {
            return Ok(());
        }
        Err(UntarError::TooMuch { entry: shown.to_owned(), limit: format!("{} entries", self.limits.entries) })
    }

    /// There are so many bytes more.
    fn grown(&mut self, bytes: u64, shown: &str) -> Result<(), UntarError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.limits.bytes {
            return Ok(());
        }
        Err(UntarError::TooMuch { entry: shown.to_owned(), limit: format!("{} bytes in files", self.limits.bytes) })
    }

    /// The parts of a path below the directory that the archive is of; none for that directory itself.
    fn parts<'p>(&self, path: &'p [u8], shown: &str) -> Result<Vec<&'p str>, UntarError> {
        let bad = |why| UntarError::Name { entry: shown.to_owned(), why };
        let path = name(path, shown)?;
        if path.starts_with('/') {
            return Err(bad("it is absolute"));
        }
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(bad("it leaves the archive"));
        }
        if parts.iter().any(|part| part.len() > 255) || parts.len() > DEPTH + self.strip.len() {
            return Err(bad("it is too deep, or a part of it longer than 255 bytes"));
        }
        if parts.starts_with(&self.strip) {
            Ok(parts.split_off(self.strip.len()))
        } else {
            Err(UntarError::Outside { entry: shown.to_owned(), strip: self.strip.join("/") })
        }
    }

    fn directory(&mut self, parts: &[&str], mode: u32, shown: &str) -> Result<(), UntarError> {
        // The root's own mode is nobody's.
        let Some((last, above)) = parts.split_last() else { return Ok(()) };
        let parent = self.parent(above, shown)?;
        match parent.enter(last, mode) {
            Some(_) => {
                parent.set_mode(last, mode);
                Ok(())
            }
            None => Err(conflict(shown, "there is something of its name that is no directory")),
        }
    }

    fn put(&mut self, parts: &[&str], leaf: Leaf, shown: &str) -> Result<(), UntarError> {
        let Some((last, above)) = parts.split_last() else {
            return Err(conflict(shown, "the archive should be of a directory"));
        };
        let parent = self.parent(above, shown)?;
        if matches!(parent.get(last), Some(Leaf::Directory { .. })) {
            return Err(conflict(shown, "there is a directory of its name"));
        }
        parent.add((*last).to_owned(), leaf);
        Ok(())
    }

    /// The directory of these parts; made if the archive has not named it.
    fn parent(&mut self, parts: &[&str], shown: &str) -> Result<&mut Branch, UntarError> {
        const WHY: &str = "a link or a file stands where a directory should";
        parts.iter().try_fold(&mut self.root, |at, part| at.enter(part, IMPLIED).ok_or_else(|| conflict(shown, WHY)))
    }

    /// What a hard link points to, which must have come before it.
    fn linked(&self, target: &[u8], shown: &str) -> Result<Leaf, UntarError> {
        let bad = || UntarError::Link { entry: shown.to_owned(), target: clip(&String::from_utf8_lossy(target)) };
        let parts = self.parts(target, shown).map_err(|_| bad())?;
        let (last, above) = parts.split_last().ok_or_else(bad)?;
        let parent = above.iter().try_fold(&self.root, |at, part| match at.get(part) {
            Some(Leaf::Directory { branch, .. }) => Some(branch),
            _ => None,
        });
        match parent.and_then(|parent| parent.get(last)) {
            Some(Leaf::File(index)) => Ok(Leaf::File(*index)),
            Some(Leaf::Symlink(target)) => Ok(Leaf::Symlink(target.clone())),
            _ => Err(bad()),
        }
    }

    fn content<R: Read>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<Blob, UntarError> {
        // Before anything of it is written.
        self.grown(entry.size, &reader.shown())?;
        let pin = if entry.size <= SMALL { self.small(reader)? } else { self.large(reader)? };
        let content = Content { size: pin.size(), place: Place::Cached(pin.clone()) };
        Ok(Blob { digest: pin.digest(), mode: entry.mode, content })
    }

    /// Keeps content that fits into memory; most of a workspace is in the cache already, and not written again.
    fn small<R: Read>(&self, reader: &mut Reader<R>) -> Result<Pin, UntarError> {
        let content = reader.all(SMALL)?;
        match self.cache.get(&hash::digest(&content)) {
            Some(pin) => Ok(pin),
            None => Ok(self.cache.insert(&content)?),
        }
    }

    fn large<R: Read>(&self, reader: &mut Reader<R>) -> Result<Pin, UntarError> {
        let mut spool = self.cache.spool()?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(spool.keep()?),
                count => spool.write(&buffer[..count])?,
            }
        }
    }

    fn special(&mut self, kind: EntryType, parts: &[&str], shown: String) -> Result<(), UntarError> {
        let (what, may_be_left) = match kind {
            // Engines write sockets as no entry at all, or as an empty one of a kind of their own.
            EntryType::Fifo => ("FIFO", true),
            EntryType::Char | EntryType::Block => ("device", true),
            EntryType::GNUSparse => ("sparse file", false),
            _ => ("thing of an unknown kind", false),
        };
        if self.policy == Policy::Foreign || !may_be_left {
            return Err(UntarError::Special { entry: shown, what });
        }
        self.skipped.push(Skipped { path: parts.join("/"), what });
        Ok(())
    }
}

/// A name as text, if it can be one.
fn name<'n>(name: &'n [u8], shown: &str) -> Result<&'n str, UntarError> {
    let bad = |why| UntarError::Name { entry: shown.to_owned(), why };
    let text = std::str::from_utf8(name).map_err(|_| bad("it is not UTF-8"))?;
    if text.contains(['\0', '\n', '\r']) {
        return Err(bad("it has a line break or NUL"));
    }
    if text.is_empty() || text.len() > PATH {
        return Err(bad("it is empty or too long"));
    }
    Ok(text)
}

fn conflict(shown: &str, why: &'static str) -> UntarError {
    UntarError::Conflict { entry: shown.to_owned(), why }
}
