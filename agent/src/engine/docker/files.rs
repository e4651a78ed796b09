//! Files in and out of a sandbox's workspace, by the archive calls of a container that is created and never started.

use super::{Docker, container::sandbox_mounts, failure};
use crate::engine::{EngineError, Labels, SandboxSpec};
use acre_model::text::clip;
use bollard::{
    errors::Error,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{CreateContainerOptions, DownloadFromContainerOptions, UploadToContainerOptions},
};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// The image of the container that holds the volumes: nothing at all. Imported once per engine.
const EMPTY: (&str, &str) = ("acre.local/empty", "1");

/// An archive without entries: two blocks of zeros (POSIX pax, "ustar Interchange Format").
static EMPTY_TAR: [u8; 1024] = [0; 1024];

/// A tar stream out of an engine.
pub(super) type Archive = BoxStream<'static, Result<Bytes, EngineError>>;

impl Docker {
    /// Unpacks a tar stream into the workspace.
    pub(super) async fn put_files(
        &self,
        sandbox: &SandboxSpec,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(), EngineError> {
        if self.is_windows() {
            return self.put_into_folder(sandbox, tar).await;
        }
        let holder = self.holder(sandbox).await?;
        // hyper hides why a body ended early, so it is kept here.
        let broken = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&broken);
        let tar = tar.inspect_err(move |error| {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        });
        let options =
            UploadToContainerOptions { path: self.layout.workspace.to_owned(), ..UploadToContainerOptions::default() };
        let body = bollard::body_try_stream(tar);
        let sent = self.patient.upload_to_container(&holder, Some(options), body).await;
        let why = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (sent, why) {
            (_, Some(why)) => Err(EngineError::Transfer(why)),
            (sent, None) => sent.map_err(|error| self.failed(error)),
        }
    }

    /// A tar stream of a path in the workspace, or nothing if there is no such path.
    pub(super) async fn get_files(&self, sandbox: &SandboxSpec, path: &str) -> Result<Option<Archive>, EngineError> {
        let below = below(self.layout.workspace, path)?;
        if self.is_windows() {
            return self.get_from_folder(sandbox, path).await;
        }
        let holder = self.holder(sandbox).await?;
        let options = DownloadFromContainerOptions { path: below };
        let mut archive = self.patient.download_from_container(&holder, Some(options)).boxed();
        // The answer's status comes with the first piece.
        let first = match archive.next().await {
            Some(Err(error)) if failure::is_absent(&error) => return Ok(None),
            Some(first) => first.map_err(|error| self.failed(error))?,
            None => return Err(EngineError::BrokenOff("it sent an empty archive".to_owned())),
        };
        let host = self.host.clone();
        let rest = archive.map_err(move |error| failure::of_call(&host, error));
        Ok(Some(futures::stream::iter([Ok(first)]).chain(rest).boxed()))
    }

    /// The container that holds the sandbox's volumes, created if it is not there. One at a time: the engine reserves
    /// a name before the container can be used.
    async fn holder(&self, sandbox: &SandboxSpec) -> Result<String, EngineError> {
        let _one_at_a_time = self.making.lock().await;
        let name = format!("{}-files", sandbox.name);
        match self.create_holder(&name, sandbox).await {
            Err(error) if failure::is_absent(&error) => {
                let labels = Labels::from([("acre.empty".to_owned(), "1".to_owned())]);
                self.import_image(EMPTY, &labels, Bytes::from_static(&EMPTY_TAR)).await?;
                self.create_holder(&name, sandbox).await
            }
            created => created,
        }
        .or_else(|error| if failure::is_conflict(&error) { Ok(()) } else { Err(self.failed(error)) })?;
        Ok(name)
    }

    async fn create_holder(&self, name: &str, sandbox: &SandboxSpec) -> Result<(), Error> {
        let body = ContainerCreateBody {
            image: Some(format!("{}:{}", EMPTY.0, EMPTY.1)),
            // Never run, but the engine wants one.
            cmd: Some(vec!["never-started".to_owned()]),
            labels: Some(sandbox.labels.clone().into_iter().collect()),
            network_disabled: Some(true),
            host_config: Some(HostConfig {
                mounts: Some(sandbox_mounts(sandbox, self.layout)),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptions { name: Some(name.to_owned()), platform: String::new() };
        self.client.create_container(Some(options), body).await.map(drop)
    }
}

/// The path in a container of a path in the workspace. `.` is the workspace's content, not the folder itself.
fn below(workspace: &str, path: &str) -> Result<String, EngineError> {
    let leaves = path.starts_with('/') || path.split(['/', '\\']).any(|name| name == "..") || path.contains('\0');
    if leaves {
        return Err(EngineError::Refused(format!(
            "`{}` is not a path in the workspace; write one that is relative and has no `..`",
            clip(path)
        )));
    }
    Ok(format!("{workspace}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_workspace() {
        assert_eq!(below("/workspace", ".").unwrap(), "/workspace/.");
        assert_eq!(below("/workspace", "a/b").unwrap(), "/workspace/a/b");
        for path in ["/etc", "..", "a/../../b", "a\\..\\b", "a\0"] {
            assert!(matches!(below("/workspace", path), Err(EngineError::Refused(_))), "{path}");
        }
    }
}
