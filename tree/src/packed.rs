//! A whole tree with its digests: what an upload sends.

use crate::{
    DIRECTORY,
    cache::Pin,
    flatten::{FlattenError, flatten},
    hash,
};
use acre_model::{
    digest::Digest,
    text::clip,
    tree::{BadDirectory, Directory, Entry, Node},
};
use acre_proto::tree::{decode_directory, encode_directory};
use bytes::Bytes;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

/// A tree whose content lies on this machine. The content of a file is read when it is sent, and checked then.
#[derive(Debug)]
pub struct Packed {
    root: Digest,
    directories: HashMap<Digest, Bytes>,
    files: HashMap<Digest, Content>,
    totals: Totals,
}

/// The content of a file.
#[derive(Clone, Debug)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    /// Where it is.
    pub place: Place,
}

/// Where content is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a file of the user, who may change it.
    Local(PathBuf),
    /// In the cache, which keeps it as long as this lives.
    Cached(Pin),
}

/// What a tree amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Regular files.
    pub files: u64,
    /// Directories below the root.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes in all files.
    pub bytes: u64,
}

/// Why something cannot be a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTree {
    /// A directory that the model refuses.
    #[error("directory `{path}`")]
    Directory {
        /// Below the root; empty for the root itself.
        path: String,
        /// What is wrong.
        source: BadDirectory,
    },
    /// A directory of too many names.
    #[error("directory `{path}` has too many entries: encoded it has {size} bytes, and {DIRECTORY} are the most")]
    TooLarge {
        /// Below the root; empty for the root itself.
        path: String,
        /// Bytes of its blob.
        size: u64,
    },
}

/// A directory whose files are positions in a list kept elsewhere.
#[derive(Debug, Default)]
pub struct Branch {
    entries: BTreeMap<String, Leaf>,
}

/// What a name in a [`Branch`] stands for.
#[derive(Debug)]
pub(crate) enum Leaf {
    File(usize),
    Symlink(String),
    Directory { mode: u32, branch: Branch },
}

/// A file whose content is known.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) mode: u32,
    pub(crate) content: Content,
}

impl Place {
    /// The file with the content.
    pub fn path(&self) -> Cow<'_, Path> {
        match self {
            Self::Local(path) => Cow::Borrowed(path),
            Self::Cached(pin) => Cow::Owned(pin.path()),
        }
    }
}

impl Branch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn add(&mut self, name: String, leaf: Leaf) {
        self.entries.insert(name, leaf);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Leaf> {
        self.entries.get(name)
    }

    /// The directory of this name, made if there is nothing of the name; none if it stands for something else.
    pub(crate) fn enter(&mut self, name: &str, mode: u32) -> Option<&mut Self> {
        let new = || Leaf::Directory { mode, branch: Self::default() };
        match self.entries.entry(name.to_owned()).or_insert_with(new) {
            Leaf::Directory { branch, .. } => Some(branch),
            _ => None,
        }
    }

    /// Gives the directory of this name its mode; false if the name stands for something else.
    pub(crate) fn set_mode(&mut self, name: &str, new: u32) -> bool {
        match self.entries.get_mut(name) {
            Some(Leaf::Directory { mode, .. }) => {
                *mode = new;
                true
            }
            _ => false,
        }
    }
}

impl Packed {
    /// The tree of `branch`, whose files are those of `blobs`.
    pub(crate) fn assemble(branch: &Branch, blobs: Vec<Blob>) -> Result<Self, BadTree> {
        let mut packed = Self {
            root: hash::digest(b""),
            directories: HashMap::new(),
            files: HashMap::new(),
            totals: Totals::default(),
        };
        packed.root = packed.add(branch, &blobs, "")?;
        packed.files = blobs.into_iter().map(|blob| (blob.digest, blob.content)).collect();
        Ok(packed)
    }

    /// A tree of which the farm has all but these directories, for an upload.
    pub fn of_new(root: Digest, directories: impl IntoIterator<Item = (Digest, Directory)>) -> Self {
        let blobs =
            directories.into_iter().map(|(digest, directory)| (digest, Bytes::from(encode_directory(&directory))));
        Self { root, directories: blobs.collect(), files: HashMap::new(), totals: Totals::default() }
    }

    fn add(&mut self, branch: &Branch, blobs: &[Blob], path: &str) -> Result<Digest, BadTree> {
        let mut entries = Vec::with_capacity(branch.entries.len());
        for (name, leaf) in &branch.entries {
            let node = match leaf {
                Leaf::File(index) => self.file_node(&blobs[*index]),
                Leaf::Symlink(target) => {
                    self.totals.symlinks += 1;
                    Node::Symlink { target: target.clone() }
                }
                Leaf::Directory { mode, branch } => {
                    self.totals.directories += 1;
                    let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    Node::Directory { digest: self.add(branch, blobs, &path)?, mode: *mode }
                }
            };
            entries.push(Entry { name: name.clone(), node });
        }
        let directory = Directory::new(entries);
        let directory = directory.map_err(|source| BadTree::Directory { path: clip(path), source })?;
        let blob = Bytes::from(encode_directory(&directory));
        if blob.len() as u64 > DIRECTORY {
            return Err(BadTree::TooLarge { path: clip(path), size: blob.len() as u64 });
        }
        let digest = hash::digest(&blob);
        self.directories.insert(digest, blob);
        Ok(digest)
    }

    fn file_node(&mut self, blob: &Blob) -> Node {
        self.totals.files += 1;
        self.totals.bytes += blob.content.size;
        Node::File { digest: blob.digest, size: blob.content.size, mode: blob.mode }
    }

    /// The digest of the root directory: the tree's name.
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// What the tree amounts to.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The blob of a directory of the tree.
    pub fn directory_blob(&self, digest: &Digest) -> Option<&Bytes> {
        self.directories.get(digest)
    }

    /// A directory of the tree.
    pub fn directory(&self, digest: &Digest) -> Option<Directory> {
        self.directories.get(digest).and_then(|blob| decode_directory(blob).ok())
    }

    /// The content of a file of the tree.
    pub fn file(&self, digest: &Digest) -> Option<&Content> {
        self.files.get(digest)
    }

    /// Every entry of the tree with its path, depth-first in byte order.
    pub fn entries(&self) -> Result<Vec<(String, Node)>, FlattenError> {
        flatten(self.root, |digest| self.directory(digest))
    }
}
