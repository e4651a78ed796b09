//! The files of a build as a builder is shown them: a flat list in the order BuildKit wants, contents fetched on demand.

use acre_model::{digest::Digest, tree::Node};
use futures::future::BoxFuture;
use std::{path::PathBuf, sync::Arc};

/// A directory tree at one instant. Never changes, so it can serve several builds at once.
#[derive(Clone)]
pub struct Snapshot {
    entries: Vec<SnapshotEntry>,
    content: Arc<dyn Content>,
}

/// One path of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// Relative, `/` between names, no `.` or `..`.
    pub path: String,
    /// What is there.
    pub node: SnapshotNode,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotNode {
    /// A regular file.
    File {
        /// Its content.
        digest: Digest,
        /// Bytes.
        size: u64,
        /// Permission bits (0o7777).
        mode: u32,
    },
    /// A directory.
    Directory {
        /// Permission bits (0o7777).
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: String,
    },
}

impl From<&Node> for SnapshotNode {
    fn from(node: &Node) -> Self {
        match node {
            Node::File { digest, size, mode } => Self::File { digest: *digest, size: *size, mode: *mode },
            Node::Directory { mode, .. } => Self::Directory { mode: *mode },
            Node::Symlink { target } => Self::Symlink { target: target.clone() },
        }
    }
}

/// Contents by digest.
pub trait Content: Send + Sync + 'static {
    /// A local file with this content, fetched first if need be. The file stays for as long as the snapshot lives.
    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, std::io::Result<PathBuf>>;

    /// Says that all of these are likely to be opened soon. May do nothing.
    fn prefetch(&self, _digests: Vec<Digest>) {}
}

impl Snapshot {
    /// A snapshot of these entries, which must be sorted depth first, the names of each directory in byte order, every
    /// entry after its parent.
    pub fn new(entries: Vec<SnapshotEntry>, content: Arc<dyn Content>) -> Self {
        Self { entries, content }
    }

    /// All entries, depth first, names in byte order.
    pub fn entries(&self) -> &[SnapshotEntry] {
        &self.entries
    }

    /// Where the contents come from.
    pub fn content(&self) -> &Arc<dyn Content> {
        &self.content
    }

    /// What is at `path`.
    pub fn get(&self, path: &str) -> Option<&SnapshotNode> {
        // Components in byte order are what the depth-first order compares.
        let found = self.entries.binary_search_by(|entry| entry.path.split('/').cmp(path.split('/')));
        found.ok().map(|index| &self.entries[index].node)
    }
}
