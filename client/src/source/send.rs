//! A folder on its way to the farm: packed here, then sent, but for what the farm has.

use super::{Choice, archive};
use crate::{
    error::Error,
    farm::{FarmClient, local::paths::Home},
};
use acre_tree::{
    Packed,
    pack::{Options, PackError},
    upload::{Progress, UploadError},
    walk::{Taker, rules},
};
use std::{path::Path, time::SystemTime};
use tempfile::TempDir;

/// What sending a tree took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes that the farm did not have, before compression.
    pub bytes: u64,
}

/// A tree on this machine, with what holds its content.
#[derive(Debug)]
pub struct Local {
    /// The tree.
    pub tree: Packed,
    /// The folder that its content was unpacked into, removed with it.
    pub(super) _unpacked: Option<TempDir>,
}

/// The tree of a source on this machine, for whoever takes files of it; `None` where it has none here.
pub async fn pack(source: &Choice, takers: &[Taker]) -> Result<Option<Local>, Error> {
    match source {
        Choice::Folder(folder) => Ok(Some(Local { tree: folder_tree(folder, takers).await?, _unpacked: None })),
        Choice::Archive => archive::unpack_stdin().await.map(Some),
        Choice::None | Choice::Address(_) => Ok(None),
    }
}

/// Packs a folder, but for what the rules of `.dockerignore` leave out for all of `takers`. Warnings are told.
async fn folder_tree(folder: &Path, takers: &[Taker]) -> Result<Packed, Error> {
    let ignore = rules(folder, takers).map_err(|why| fault(&why))?;
    // Without a home nothing is remembered from one run to the next.
    let stat_cache = Home::from_env().ok().map(|home| home.state().join("stat-cache"));
    let options = Options { ignore, stat_cache, now: SystemTime::now() };
    let packed = acre_tree::pack(folder.to_owned(), options).await.map_err(|why: PackError| fault(&why))?;
    for skipped in packed.skipped {
        crate::tell(&format!("`{}` is a {} and stays behind", skipped.path, skipped.what));
    }
    Ok(packed.tree)
}

/// Sends what the farm misses of a tree, telling first how much that is, then how far it has come.
pub async fn send(farm: &FarmClient, tree: &Packed, progress: impl FnMut(Progress)) -> Result<Sent, Error> {
    let sent = acre_tree::upload(&mut farm.blobs(), farm.project().as_str(), tree, progress).await;
    let sent = sent.map_err(|why| match why {
        UploadError::Farm(status) => farm.failed(&status),
        why => fault(&why),
    })?;
    Ok(Sent { bytes: sent.sent_bytes })
}

/// A fault of the source, with what the system says about it.
pub(super) fn fault(why: &(impl std::error::Error + 'static)) -> Error {
    let mut text = why.to_string();
    let mut source = why.source();
    while let Some(deeper) = source {
        text.push_str(&format!(": {deeper}"));
        source = deeper.source();
    }
    Error::Usage(text)
}
