//! Source files on this agent: trees of the farm for workspaces and builds, addresses into trees.

mod aliases;
mod error;
mod git;
mod oci;
mod tar;
mod unit;

pub(crate) use unit::{forget_unfinished, run};

use crate::{
    attempt::Works,
    engine::{Content, EngineError, Snapshot, SnapshotEntry},
};
use acre_model::{attempt::Workspace, digest::Digest, ids::ProjectName, text::clip, tree::Node};
use acre_proto::v1::blobs_client::BlobsClient;
use acre_tree::{Fetcher, Packed, Pin, fetch::FetchError, overlay::Change};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use std::{
    collections::{HashMap, HashSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::transport::Channel;

impl From<FetchError> for EngineError {
    fn from(error: FetchError) -> Self {
        Self::Transfer(error.to_string())
    }
}

/// The farm's blobs.
pub(crate) fn blobs(works: &Works) -> BlobsClient<Channel> {
    BlobsClient::new(works.parts.farm.clone())
}

fn fetcher(works: &Works, project: &ProjectName) -> Fetcher {
    Fetcher::new(blobs(works), project.to_string(), works.cache.clone())
}

/// A tree as a tar stream, for a workspace.
pub(crate) async fn tar_of(
    works: &Works,
    project: &ProjectName,
    tree: Digest,
) -> Result<BoxStream<'static, io::Result<Bytes>>, EngineError> {
    let snapshot = fetcher(works, project).snapshot(tree).await?;
    Ok(acre_tree::tar::stream(snapshot, "").boxed())
}

/// A tree of the farm with what steps on other platforms have changed put over it; it is one of the farm, too.
pub(crate) async fn overlaid(
    works: &Works,
    project: &ProjectName,
    tree: Option<Digest>,
    changes: Vec<(String, Workspace)>,
) -> Result<Digest, EngineError> {
    let changes = changes.into_iter().map(|(by, Workspace { before, after })| Change { by, before, after });
    let overlaid = fetcher(works, project).overlay(tree, &changes.collect::<Vec<_>>()).await;
    let overlaid = overlaid.map_err(|error| match error {
        FetchError::Overlay(why) => EngineError::Refused(format!(
            "what steps on other platforms left in the workspace does not go together: {why}; let one of them wait for \
             the other, or write different files"
        )),
        error => error.into(),
    })?;
    put(works, project, &Packed::of_new(overlaid.root, overlaid.directories)).await
}

/// Puts what the farm misses of a tree.
pub(crate) async fn put(works: &Works, project: &ProjectName, tree: &Packed) -> Result<Digest, EngineError> {
    let uploaded = acre_tree::upload(&mut blobs(works), project.as_str(), tree, |_| {}).await;
    uploaded.map_err(|why| EngineError::Transfer(why.to_string()))?;
    Ok(tree.root())
}

/// The digests of all files of a tree of the farm.
pub(crate) async fn contents(
    works: &Works,
    project: &ProjectName,
    tree: Digest,
) -> Result<HashSet<Digest>, EngineError> {
    let entries = fetcher(works, project).tree(tree).await?;
    let files = entries.into_iter().filter_map(|(_, node)| match node {
        Node::File { digest, .. } => Some(digest),
        Node::Directory { .. } | Node::Symlink { .. } => None,
    });
    Ok(files.collect())
}

/// The files of a build, and how to read one of them at once.
pub(crate) struct Files {
    entries: Vec<(String, Node)>,
    content: Arc<dyn Content>,
}

impl Files {
    /// The files of a tree of the farm; contents are fetched when they are opened.
    pub(crate) async fn of_tree(works: &Arc<Works>, project: &ProjectName, tree: Digest) -> Result<Self, EngineError> {
        let fetcher = fetcher(works, project);
        let entries = fetcher.tree(tree).await?;
        Ok(Self { entries, content: Arc::new(Fetched { works: works.clone(), fetcher, pins: Mutex::default() }) })
    }

    /// The files of a tree that is at hand.
    pub(crate) fn of_packed(tree: Packed) -> Result<Self, EngineError> {
        let entries = tree.entries().map_err(|why| EngineError::Refused(why.to_string()))?;
        Ok(Self { entries, content: Arc::new(Held(tree)) })
    }

    /// No files.
    pub(crate) fn none() -> Self {
        Self { entries: Vec::new(), content: Arc::new(Nothing) }
    }

    /// The content of a file, links of the tree followed; `None` if there is no file at this path.
    ///
    /// # Errors
    /// Where the path leads out of the tree, the file is larger than `limit`, or it cannot be had.
    pub(crate) async fn read(&self, path: &str, limit: u64) -> Result<Option<Bytes>, EngineError> {
        let Some(place) = follow(path, |path| self.node(path)) else {
            return Err(EngineError::Refused(format!("`{}` leads out of the source", clip(path))));
        };
        let Some(Node::File { digest, size, .. }) = self.node(&place) else { return Ok(None) };
        if *size > limit {
            return Err(EngineError::Refused(format!("`{path}` has {size} bytes; limit {limit}")));
        }
        let transfer = |error: io::Error| EngineError::Transfer(error.to_string());
        let place = self.content.open(digest).await.map_err(transfer)?;
        tokio::fs::read(place).await.map(|bytes| Some(bytes.into())).map_err(transfer)
    }

    fn node(&self, path: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, _)| name == path).map(|(_, node)| node)
    }

    /// Names in a folder, for a message.
    pub(crate) fn names(&self, folder: &str) -> Vec<&str> {
        let below = |path: &'_ str| -> Option<usize> {
            let rest = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
            (!rest.is_empty() && !rest.contains('/')).then(|| path.len() - rest.len())
        };
        self.entries.iter().filter_map(|(path, _)| Some(&path[below(path)?..])).collect()
    }

    /// The files below a folder (empty: all), as a builder is shown them.
    pub(crate) fn below(self, folder: &str) -> Snapshot {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let entries = self.entries.iter().filter_map(|(path, node)| {
            let path = path.strip_prefix(&prefix).filter(|path| !path.is_empty())?;
            Some(SnapshotEntry { path: path.to_owned(), node: node.into() })
        });
        Snapshot::new(entries.collect(), self.content)
    }

    /// Whether there is a directory at this path (empty: the root).
    pub(crate) fn has_folder(&self, path: &str) -> bool {
        path.is_empty()
            || self.entries.iter().any(|(name, node)| name == path && matches!(node, Node::Directory { .. }))
    }
}

/// As many links are followed one after the other as Linux follows (`path_resolution(7)`).
const LINKS_IN_A_ROW: usize = 40;

/// Where a path of a tree leads, its links followed; `None`: out of the tree, or in a circle.
fn follow<'t>(path: &str, node: impl Fn(&str) -> Option<&'t Node>) -> Option<String> {
    let mut links = 0;
    let mut place: Vec<String> = Vec::new();
    let mut rest: Vec<String> = parts(path)?;
    while let Some(part) = rest.pop() {
        if part == ".." {
            place.pop()?;
            continue;
        }
        place.push(part);
        if let Some(Node::Symlink { target }) = node(&place.join("/")) {
            links += 1;
            if links > LINKS_IN_A_ROW {
                return None;
            }
            place.pop();
            rest.extend(parts(target)?);
        }
    }
    Some(place.join("/"))
}

/// The parts of a relative path, the last one first.
fn parts(path: &str) -> Option<Vec<String>> {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).rev();
    (!path.starts_with('/')).then(|| parts.collect())
}

/// Contents that the farm has.
struct Fetched {
    works: Arc<Works>,
    fetcher: Fetcher,
    /// What was opened stays as long as this lives.
    pins: Mutex<HashMap<Digest, Pin>>,
}

impl Content for Fetched {
    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, io::Result<PathBuf>> {
        async move {
            let pin = self.fetcher.file(*digest).await.map_err(io::Error::other)?;
            let path = pin.path();
            self.pins.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest, pin);
            Ok(path)
        }
        .boxed()
    }

    fn prefetch(&self, digests: Vec<Digest>) {
        let fetcher = self.fetcher.clone();
        self.works.tasks.spawn("prefetch", async move {
            // Whoever needs one of them asks for it, and learns why it cannot be had.
            drop(fetcher.prefetch(digests).await);
        });
    }
}

/// Contents that are at hand.
struct Held(Packed);

impl Content for Held {
    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, io::Result<PathBuf>> {
        let found = self.0.file(digest).map(|content| content.place.path().into_owned());
        std::future::ready(found.ok_or_else(|| io::ErrorKind::NotFound.into())).boxed()
    }
}

struct Nothing;

impl Content for Nothing {
    fn open<'a>(&'a self, _: &'a Digest) -> BoxFuture<'a, io::Result<PathBuf>> {
        std::future::ready(Err(io::ErrorKind::NotFound.into())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_never_out_of_the_tree() {
        let link = |target: &str| Node::Symlink { target: target.to_owned() };
        let tree = HashMap::from([
            ("d/link".to_owned(), link("../e/file")),
            ("e/up".to_owned(), link("..")),
            ("in".to_owned(), link("d")),
            ("absolute".to_owned(), link("/etc/shadow")),
            ("out".to_owned(), link("../../etc/shadow")),
            ("d/out".to_owned(), link("../../x")),
            ("loop".to_owned(), link("loop")),
            ("a".to_owned(), link("b")),
            ("b".to_owned(), link("a")),
        ]);
        let table = [
            ("Dockerfile", Some("Dockerfile")),
            ("./x//Dockerfile", Some("x/Dockerfile")),
            ("x/../y", Some("y")),
            ("d/link", Some("e/file")),
            ("in/link", Some("e/file")),
            ("e/up/d/link", Some("e/file")),
            ("in/../z", Some("z")),
            ("absolute", None),
            ("out", None),
            ("d/out", None),
            ("in/out", None),
            ("loop", None),
            ("a", None),
            ("../../../etc/passwd", None),
            ("/etc/passwd", None),
        ];
        for (path, expected) in table {
            assert_eq!(follow(path, |path| tree.get(path)).as_deref(), expected, "{path}");
        }
    }
}
