//! The context of a classic build as a tar stream, made while it is sent.

use super::super::{
    buildkit::choose,
    pipe::{Pipe, written},
};
use crate::engine::{BuildRequest, Content, EngineError, Snapshot, SnapshotEntry, SnapshotNode};
use acre_tree::ignore::{BadIgnore, Ignore};
use bytes::Bytes;
use futures::Stream;
use std::{
    fs::File,
    io::{self, Write as _},
    sync::{Arc, OnceLock},
};
use tar::{EntryType, Header};
use tokio::runtime::Handle;

/// Under this name the Dockerfile stands in the context. It is named in the `.dockerignore` that is sent, upon which the
/// engine takes it away before the first step (moby `builder/remotecontext/detect.go`, `removeDockerfile`).
pub(super) const DOCKERFILE: &str = ".acre-dockerfile";

const IGNORE_FILE: &str = ".dockerignore";

/// Seconds since 1970 of every file. The builder does not compare times.
const WHEN: u64 = 1_000_000_000;

/// Why the context could not be made: the engine only sees that it ends early.
pub(super) type Fault = Arc<OnceLock<String>>;

/// The context of a build, after its `.dockerignore`, with the Dockerfile in it.
pub(super) async fn pack(
    request: &BuildRequest,
    fault: Fault,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, EngineError> {
    let snapshot = &request.context;
    let own = read(snapshot, IGNORE_FILE).await?;
    let rules = request.dockerfile.ignore.as_deref().or(own.as_deref()).unwrap_or_default();
    let bad = |bad: BadIgnore| EngineError::BuildFailed { message: format!("{IGNORE_FILE}: {bad}"), exit_code: None };
    let rules = Ignore::parse(&String::from_utf8_lossy(rules)).map_err(bad)?;
    let chosen = choose(snapshot.entries(), &Ignore::default(), &rules);
    let kept = chosen.iter().any(|entry| entry.path == IGNORE_FILE).then_some(own).flatten();
    let entries = chosen.into_iter().filter(|entry| ![IGNORE_FILE, DOCKERFILE].contains(&entry.path.as_str()));
    let archive = Archive {
        entries: entries.cloned().collect(),
        dockerfile: request.dockerfile.text.clone(),
        ignore: ignore_file(kept),
        content: Arc::clone(snapshot.content()),
        handle: Handle::current(),
    };
    archive.prefetch();
    Ok(written(move |pipe| archive.send(pipe, &fault)))
}

/// The `.dockerignore` that is sent. The engine only looks in it for the Dockerfile's name and its own: one that was not
/// in the context is to be taken away with the Dockerfile.
fn ignore_file(kept: Option<Vec<u8>>) -> Vec<u8> {
    let own_name = if kept.is_none() { IGNORE_FILE } else { "" };
    let mut text = kept.unwrap_or_default();
    text.extend_from_slice(format!("\n{DOCKERFILE}\n{own_name}\n").as_bytes());
    text
}

/// A file of the context, if it is there.
async fn read(snapshot: &Snapshot, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
    let Some(SnapshotNode::File { digest, .. }) = snapshot.get(path) else { return Ok(None) };
    let failed = |error: io::Error| EngineError::Transfer(format!("{path}: {error}"));
    let file = snapshot.content().open(digest).await.map_err(failed)?;
    tokio::fs::read(file).await.map(Some).map_err(failed)
}

/// What goes into the tar.
struct Archive {
    entries: Vec<SnapshotEntry>,
    dockerfile: Bytes,
    ignore: Vec<u8>,
    content: Arc<dyn Content>,
    handle: Handle,
}

impl Archive {
    fn prefetch(&self) {
        let digests = self.entries.iter().filter_map(|entry| match &entry.node {
            SnapshotNode::File { digest, .. } => Some(*digest),
            _ => None,
        });
        self.content.prefetch(digests.collect());
    }

    /// Writes all of it, on a thread that may wait.
    fn send(&self, pipe: Pipe, fault: &Fault) -> io::Result<()> {
        self.write(pipe).inspect_err(|error| {
            // Nobody listening any more is not a fault of the files.
            if error.kind() != io::ErrorKind::BrokenPipe {
                fault.set(error.to_string()).ok();
            }
        })
    }

    fn write(&self, pipe: Pipe) -> io::Result<()> {
        let mut archive = tar::Builder::new(pipe);
        for (name, text) in [(DOCKERFILE, &self.dockerfile[..]), (IGNORE_FILE, &self.ignore[..])] {
            let mut header = header(EntryType::Regular, 0o644, text.len() as u64);
            archive.append_data(&mut header, name, text)?;
        }
        for entry in &self.entries {
            self.append(&mut archive, entry)?;
        }
        archive.into_inner()?.flush()
    }

    fn append(&self, archive: &mut tar::Builder<Pipe>, entry: &SnapshotEntry) -> io::Result<()> {
        match &entry.node {
            SnapshotNode::Directory { mode } => {
                let mut header = header(EntryType::Directory, *mode, 0);
                archive.append_data(&mut header, format!("{}/", entry.path), io::empty())
            }
            SnapshotNode::Symlink { target } => {
                let mut header = header(EntryType::Symlink, 0o777, 0);
                archive.append_link(&mut header, &entry.path, target)
            }
            SnapshotNode::File { digest, size, mode } => {
                let failed = |error: io::Error| io::Error::other(format!("{}: {error}", entry.path));
                let file = self.handle.block_on(self.content.open(digest)).and_then(File::open).map_err(failed)?;
                let found = file.metadata()?.len();
                if found != *size {
                    return Err(failed(io::Error::other(format!("it has {found} bytes instead of {size}"))));
                }
                archive.append_data(&mut header(EntryType::Regular, *mode, *size), &entry.path, file)
            }
        }
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(WHEN);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_takes_the_dockerfile_away() {
        assert_eq!(ignore_file(None), b"\n.acre-dockerfile\n.dockerignore\n");
        assert_eq!(ignore_file(Some(b"a".to_vec())), b"a\n.acre-dockerfile\n\n");
    }
}
