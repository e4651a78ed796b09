//! Volumes in memory, with files in them. The engine's local driver mounts a tmpfs for as long as a container runs that
//! has the volume, so a container that only sleeps holds them: no disk ever has what is in them.

use super::{
    Docker,
    bare::{self, tar_of},
    container::memory_mount,
    failure,
};
use crate::engine::{EngineError, Held, HeldVolume, Labels, SandboxSpec, program};
use bollard::{
    errors::Error,
    query_parameters::{CreateContainerOptions, StartContainerOptions, UploadToContainerOptions},
};
use bytes::Bytes;

/// The repository of the images that sleep, on every engine; the tag is the architecture.
const IMAGE: &str = "acre.local/pause";
/// The program in them. Images of earlier versions of acre are used as they are.
const PROGRAM: &str = "pause";
/// Where the holder has the volumes.
const FOLDER: &str = "/held";

impl Docker {
    /// Has volumes held by a container of this name, and their files put into them. Doing it twice is doing it once; a
    /// holder that has ended (the engine was restarted) is started again, and the files are put anew.
    pub(super) async fn hold_volumes(&self, sandbox: &SandboxSpec, held: &Held) -> Result<(), EngineError> {
        if self.is_windows() {
            return Err(EngineError::Refused(
                "Windows has no volumes in memory, which `registryAuth` and volumes with secrets need; leave them out, or \
                 run the step on Linux"
                    .to_owned(),
            ));
        }
        let Some(program) = program::pause(self.native.arch()) else {
            return Err(EngineError::Refused(format!(
                "volumes in memory need an engine for linux/amd64, arm64, arm or 386; this one is for {}",
                self.native
            )));
        };
        {
            let _one_at_a_time = self.making.lock().await;
            match self.create_sleeper(sandbox, held).await {
                Err(error) if failure::is_absent(&error) => {
                    self.import_sleeper(&program).await?;
                    self.create_sleeper(sandbox, held).await
                }
                created => created,
            }
            .or_else(|error| if failure::is_conflict(&error) { Ok(()) } else { Err(self.failed(error)) })?;
        }
        let started = self.client.start_container(&held.name, None::<StartContainerOptions>).await;
        started.map_err(|error| self.failed(error))?;
        for volume in &held.volumes {
            self.put_into(&held.name, volume).await?;
        }
        Ok(())
    }

    async fn put_into(&self, holder: &str, volume: &HeldVolume) -> Result<(), EngineError> {
        let options = UploadToContainerOptions { path: place(volume), ..UploadToContainerOptions::default() };
        let body = bollard::body_full(archive(volume).map_err(|why| EngineError::Refused(why.to_string()))?);
        let sent = self.client.upload_to_container(holder, Some(options), body).await;
        sent.map_err(|error| self.failed(error))
    }

    async fn create_sleeper(&self, sandbox: &SandboxSpec, held: &Held) -> Result<(), Error> {
        let mounts = held.volumes.iter().map(|volume| memory_mount(sandbox, volume.name.clone(), place(volume), false));
        let body = bare::container(self.sleeper(), PROGRAM, &sandbox.labels, mounts.collect());
        let options = CreateContainerOptions { name: Some(held.name.clone()), platform: String::new() };
        self.client.create_container(Some(options), body).await.map(drop)
    }

    fn sleeper(&self) -> String {
        format!("{IMAGE}:{}", self.native.arch())
    }

    async fn import_sleeper(&self, program: &[u8]) -> Result<(), EngineError> {
        let labels = Labels::from([("acre.pause".to_owned(), "1".to_owned())]);
        self.import_image((IMAGE, self.native.arch()), &labels, bare::root([(PROGRAM, program)])?).await
    }
}

fn place(volume: &HeldVolume) -> String {
    format!("{FOLDER}/{}", volume.name)
}

/// The files as they come to lie in the volume: readable by the step, whoever its user is.
fn archive(volume: &HeldVolume) -> std::io::Result<Bytes> {
    tar_of(volume.files.iter().map(|(name, content)| (name.as_str(), content.expose(), 0o644)))
}
