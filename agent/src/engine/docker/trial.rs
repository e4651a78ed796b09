//! Trying programs: an image from scratch, a container of it, and nothing left of either. Which processor a program is
//! for is the kernel's to see, in the file; the image says nothing of it.

use super::{Docker, bare, failure, labeled::filter};
use crate::engine::{Bare, EngineError, Labels};
use bollard::{
    errors::Error,
    query_parameters::{
        CreateContainerOptions, ListImagesOptions, RemoveImageOptions, StartContainerOptions, WaitContainerOptions,
    },
};
use futures::StreamExt as _;

/// The repository of the images, on every engine; the tag is the name of the try.
const REPOSITORY: &str = "acre.local/trial";
/// The program in them.
const PROGRAM: &str = "trial";

impl Docker {
    /// Runs the program, tells its exit code, and removes what was made for it, also after a failure.
    pub(super) async fn try_bare(&self, tried: &Bare) -> Result<i64, EngineError> {
        let image = format!("{REPOSITORY}:{}", tried.name);
        let root = bare::root(PROGRAM, &tried.file)?;
        self.import_image((REPOSITORY, &tried.name), &tried.labels, root).await?;
        let ended = self.run_bare(tried, image.clone()).await;
        let container = self.remove_container(&tried.name).await;
        let image = self.remove_image(&image).await;
        let code = ended?;
        container.and(image).map(|()| code)
    }

    async fn run_bare(&self, tried: &Bare, image: String) -> Result<i64, EngineError> {
        let options = CreateContainerOptions { name: Some(tried.name.clone()), platform: String::new() };
        let body = bare::container(image, PROGRAM, &tried.labels, Vec::new());
        self.client.create_container(Some(options), body).await.map_err(|error| self.failed(error))?;
        let started = self.client.start_container(&tried.name, None::<StartContainerOptions>).await;
        started.map_err(|error| failure::of_start(&self.host, error))?;
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        match self.client.wait_container(&tried.name, Some(options)).next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            // bollard takes every other code than 0 for an error.
            Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(self.failed(error)),
            None => Err(EngineError::BrokenOff("it did not tell how a container ended".to_owned())),
        }
    }

    /// Removes the containers and images of tries that were broken off.
    pub(super) async fn forget_bare(&self, labels: &Labels) -> Result<(), EngineError> {
        self.remove_all(labels).await?;
        let options = ListImagesOptions { filters: Some(filter(labels)), ..ListImagesOptions::default() };
        let images = self.client.list_images(Some(options)).await.map_err(|error| self.failed(error))?;
        for image in images {
            self.remove_image(&image.id).await?;
        }
        Ok(())
    }

    /// Removes an image by its only name, or its id. One that is gone is removed.
    async fn remove_image(&self, image: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
        match self.client.remove_image(image, Some(options), None).await {
            Err(error) if !failure::is_absent(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}
