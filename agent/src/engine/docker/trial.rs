//! Trying programs: one image from scratch for all of them, since making one costs as much as running a container, and a
//! container of it for each. Which processor a program is for is the kernel's to see, in the file; the image says nothing
//! of it.

use super::{Docker, bare, failure, labeled::filter};
use crate::engine::{Bare, EngineError, Labels};
use bollard::{
    errors::Error,
    query_parameters::{
        CreateContainerOptions, ListImagesOptions, RemoveImageOptions, StartContainerOptions, WaitContainerOptions,
    },
};
use futures::StreamExt as _;
use std::time::Duration;

/// How long a program may take that has been started: on an idle machine it takes milliseconds. One that crashes its
/// emulator may never end: QEMU kills itself by the signal, and the first process of a container is spared by it.
const ENDS: Duration = Duration::from_secs(10);

/// The repository of the images, on every engine.
const REPOSITORY: &str = "acre.local/trial";

impl Docker {
    /// Makes the image, whose tag is the name of all.
    pub(super) async fn make_bare(&self, tried: &Bare) -> Result<(), EngineError> {
        let root = bare::root(tried.programs.iter().map(|(name, program)| (name.as_str(), program.as_slice())))?;
        self.import_image((REPOSITORY, &tried.name), &tried.labels, root).await
    }

    /// Runs a program, tells its exit code, and removes its container, also after a failure.
    pub(super) async fn try_bare(&self, tried: &Bare, program: &str) -> Result<i64, EngineError> {
        let name = format!("{}-{program}", tried.name);
        let ended = self.run_bare(tried, program, &name).await;
        let removed = self.remove_container(&name).await;
        let code = ended?;
        removed.map(|()| code)
    }

    async fn run_bare(&self, tried: &Bare, program: &str, name: &str) -> Result<i64, EngineError> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), platform: String::new() };
        let image = format!("{REPOSITORY}:{}", tried.name);
        let body = bare::container(image, program, &tried.labels, Vec::new());
        self.client.create_container(Some(options), body).await.map_err(|error| self.failed(error))?;
        let started = self.client.start_container(name, None::<StartContainerOptions>).await;
        started.map_err(|error| failure::of_start(&self.host, error))?;
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut ends = self.client.wait_container(name, Some(options));
        let Ok(ended) = tokio::time::timeout(ENDS, ends.next()).await else {
            return Err(EngineError::Refused(format!("the program has not ended after {} s", ENDS.as_secs())));
        };
        match ended {
            Some(Ok(ended)) => Ok(ended.status_code),
            // bollard takes every other code than 0 for an error.
            Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(self.failed(error)),
            None => Err(EngineError::BrokenOff("it did not tell how a container ended".to_owned())),
        }
    }

    /// Removes images, and the containers of tries that were broken off.
    pub(super) async fn forget_bare(&self, labels: &Labels) -> Result<(), EngineError> {
        self.remove_all(labels).await?;
        let options = ListImagesOptions { filters: Some(filter(labels)), ..ListImagesOptions::default() };
        let images = self.client.list_images(Some(options)).await.map_err(|error| self.failed(error))?;
        for image in images {
            self.remove_image(&image.id).await?;
        }
        Ok(())
    }

    /// Removes an image by its id. One that is gone is removed.
    async fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
        match self.client.remove_image(image, Some(options), None).await {
            Err(error) if !failure::is_absent(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}
