//! The workspace as the steps before left it, as a tree: for builds, and for groups elsewhere.

use super::{Failure, Job};
use crate::engine::EngineError;
use acre_model::text::clip;
use acre_tree::{
    Packed,
    tar::{Limits, Policy},
};
use futures::StreamExt;
use std::io;
use tokio_util::io::{StreamReader, SyncIoBridge};

/// The most that a workspace may hold to be read, in bytes.
const LIMIT: u64 = 8 * 1024 * 1024 * 1024;

/// Reads all of it; `None`: there is none. What no tree can hold is told to be left out of `what`.
pub(super) async fn read(job: &Job, what: &str) -> Result<Option<Packed>, Failure> {
    let sandbox = &job.attempt.sandbox;
    let Some(tar) = job.works.parts.runtime.read_workspace(&sandbox.spec, ".").await? else { return Ok(None) };
    let reader = SyncIoBridge::new(StreamReader::new(tar.map(|piece| piece.map_err(io::Error::other))));
    let cache = job.works.cache.clone();
    let limits = Limits { entries: acre_tree::ENTRIES, bytes: LIMIT };
    let read = move || acre_tree::tar::untar(reader, &cache, "", Policy::Workspace, limits);
    let untarred = tokio::task::spawn_blocking(read).await.map_err(|died| EngineError::Transfer(died.to_string()))?;
    let untarred = untarred.map_err(|why| EngineError::Transfer(format!("the workspace cannot be read: {why}")))?;
    for skipped in &untarred.skipped {
        job.notice(&format!("warning: `{}` is left out of {what}: {}", clip(&skipped.path), skipped.what))?;
    }
    Ok(Some(untarred.tree))
}
