//! Files in and out of a sandbox's workspace on Windows, where the engine's archive calls do not reach into volumes (moby
//! `daemon/archive_windows.go`, and `mountVolumes`, which does nothing there). A volume is a folder of the engine's machine,
//! of which the engine tells the path; the agent, which is on that machine, reads and writes it.

use super::{Docker, files::Archive, pipe::written};
use crate::engine::{EngineError, SandboxSpec};
use bollard::models::VolumeCreateRequest;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};
use tokio_util::io::{StreamReader, SyncIoBridge};

impl Docker {
    /// Unpacks a tar stream into the workspace's folder.
    pub(super) async fn put_into_folder(
        &self,
        sandbox: &SandboxSpec,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(), EngineError> {
        let folder = self.folder_of(sandbox).await?;
        let reader = SyncIoBridge::new(StreamReader::new(tar));
        let unpack = move || {
            // Neither `..` nor a link leads out of the folder: the crate sees to it.
            let mut archive = tar::Archive::new(reader);
            archive.set_preserve_mtime(false);
            archive.unpack(folder)
        };
        let unpacked =
            tokio::task::spawn_blocking(unpack).await.map_err(|died| EngineError::Transfer(died.to_string()))?;
        unpacked.map_err(|why| EngineError::Transfer(why_of(&why)))
    }

    /// A tar stream of a path in the workspace's folder, or nothing if there is no such path.
    pub(super) async fn get_from_folder(
        &self,
        sandbox: &SandboxSpec,
        path: &str,
    ) -> Result<Option<Archive>, EngineError> {
        let folder = self.folder_of(sandbox).await?;
        let Some(found) = inside(&folder, path)? else { return Ok(None) };
        let name = match path {
            "." => PathBuf::from("./"),
            path => path.rsplit('/').next().unwrap_or(path).into(),
        };
        let archive = written(move |pipe| {
            let mut archive = tar::Builder::new(pipe);
            archive.follow_symlinks(false);
            if found.is_dir() {
                archive.append_dir_all(name, &found)?;
            } else {
                archive.append_path_with_name(&found, name)?;
            }
            archive.into_inner()?.flush()
        });
        Ok(Some(archive.map_err(|why| EngineError::Transfer(why.to_string())).boxed()))
    }

    /// The folder of the workspace's volume, which is made if it is not there.
    async fn folder_of(&self, sandbox: &SandboxSpec) -> Result<PathBuf, EngineError> {
        let request = VolumeCreateRequest {
            name: Some(sandbox.workspace()),
            labels: Some(sandbox.labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let volume = self.client.create_volume(request).await.map_err(|error| self.failed(error))?;
        let folder = PathBuf::from(&volume.mountpoint);
        if folder.is_dir() {
            return Ok(folder);
        }
        Err(EngineError::Refused(format!(
            "the engine at {} keeps volumes in {}, where this agent finds nothing; on Windows an agent works on its engine's \
             own machine, as an administrator",
            self.host, volume.mountpoint
        )))
    }
}

/// A path in a folder, if it is there: no link on the way may lead out.
fn inside(folder: &Path, path: &str) -> Result<Option<PathBuf>, EngineError> {
    let root = folder.canonicalize().map_err(|why| EngineError::Transfer(why.to_string()))?;
    let Ok(found) = folder.join(path).canonicalize() else { return Ok(None) };
    if found.starts_with(&root) {
        return Ok(Some(found));
    }
    Err(EngineError::Refused(format!("`{path}` in the workspace is a link that leads out of it")))
}

/// What went wrong first, which the crate hides below where it went wrong.
fn why_of(error: &io::Error) -> String {
    let mut why: &dyn std::error::Error = error;
    while let Some(source) = why.source() {
        why = source;
    }
    why.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), "x").unwrap();
        assert!(inside(folder.path(), ".").unwrap().is_some());
        assert!(inside(folder.path(), "a/b").unwrap().unwrap().ends_with("a/b"));
        assert_eq!(inside(folder.path(), "a/c").unwrap(), None);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/", folder.path().join("out")).unwrap();
            assert!(matches!(inside(folder.path(), "out/etc"), Err(EngineError::Refused(_))));
        }
    }
}
