//! A folder in memory that becomes a snapshot.

use acre_agent::engine::{Content, Snapshot, SnapshotEntry, SnapshotNode};
use acre_model::digest::Digest;
use futures::{FutureExt as _, future::BoxFuture};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// Paths and what is there; parents come by themselves.
#[derive(Default)]
pub(crate) struct Folder {
    nodes: BTreeMap<Vec<String>, Node>,
}

enum Node {
    File(Vec<u8>, u32),
    Directory(u32),
    Symlink(String),
    /// Its content is nowhere.
    Lost,
}

/// Contents as files named by their digest.
struct Blobs(TempDir);

impl Content for Blobs {
    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, io::Result<PathBuf>> {
        let path = self.0.path().join(digest.hex());
        async move { if path.exists() { Ok(path) } else { Err(io::Error::other("the farm does not have it")) } }.boxed()
    }
}

impl Folder {
    pub(crate) fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.mode(path, content, 0o644)
    }

    pub(crate) fn mode(self, path: &str, content: impl Into<Vec<u8>>, mode: u32) -> Self {
        self.with(path, Node::File(content.into(), mode))
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.with(path, Node::Symlink(target.to_owned()))
    }

    pub(crate) fn directory(self, path: &str, mode: u32) -> Self {
        self.with(path, Node::Directory(mode))
    }

    pub(crate) fn lost(self, path: &str) -> Self {
        self.with(path, Node::Lost)
    }

    fn with(mut self, path: &str, node: Node) -> Self {
        let names: Vec<String> = path.split('/').map(str::to_owned).collect();
        for end in 1..names.len() {
            self.nodes.entry(names[..end].to_vec()).or_insert(Node::Directory(0o755));
        }
        self.nodes.insert(names, node);
        self
    }

    /// The snapshot; its contents are gone with it.
    pub(crate) fn snapshot(self) -> Arc<Snapshot> {
        let blobs = Blobs(TempDir::new().unwrap());
        // A map of names in order is depth first, names in byte order.
        let entries = self.nodes.into_iter().map(|(names, node)| {
            let node = match node {
                Node::Directory(mode) => SnapshotNode::Directory { mode },
                Node::Symlink(target) => SnapshotNode::Symlink { target },
                Node::Lost => SnapshotNode::File { digest: Digest::from_bytes([7; 32]), size: 3, mode: 0o644 },
                Node::File(content, mode) => {
                    let digest = Digest::from_bytes(Sha256::digest(&content).into());
                    std::fs::write(blobs.0.path().join(digest.hex()), &content).unwrap();
                    SnapshotNode::File { digest, size: content.len() as u64, mode }
                }
            };
            SnapshotEntry { path: names.join("/"), node }
        });
        let entries = entries.collect();
        Arc::new(Snapshot::new(entries, Arc::new(blobs)))
    }
}
