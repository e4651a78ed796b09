//! Finding and removing what carries labels.

use super::{Docker, failure};
use crate::engine::{EngineError, Found, Labels};
use bollard::{
    errors::Error,
    models::{ContainerSummary, ContainerSummaryStateEnum},
    query_parameters::{
        ListContainersOptions, ListNetworksOptions, ListVolumesOptions, RemoveContainerOptions, RemoveVolumeOptions,
        WaitContainerOptions,
    },
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
};

/// How many things are removed at once. More only queue up in the engine.
const AT_ONCE: usize = 8;

impl Docker {
    /// Containers that carry all of these labels.
    pub(super) async fn containers(&self, labels: &Labels) -> Result<Vec<Found>, EngineError> {
        let options = ListContainersOptions { all: true, filters: Some(filter(labels)), ..Default::default() };
        let listed = self.client.list_containers(Some(options)).await.map_err(|error| self.failed(error))?;
        Ok(listed.into_iter().map(found).collect())
    }

    /// The label sets of all that carries all of these labels, each once.
    pub(super) async fn label_sets(&self, labels: &Labels) -> Result<Vec<Labels>, EngineError> {
        let (containers, networks, volumes) =
            tokio::try_join!(self.containers(labels), self.networks(labels), self.volumes(labels))?;
        let containers = containers.into_iter().map(|found| found.labels);
        let others = networks.into_iter().chain(volumes).map(|(_, labels)| labels);
        Ok(containers.chain(others).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Removes all that carries all of these labels: containers first, which hold on to the rest.
    pub(super) async fn remove_all(&self, labels: &Labels) -> Result<(), EngineError> {
        if labels.is_empty() {
            // Everything on the engine carries all of no labels.
            return Err(EngineError::Refused("nothing is removed without labels that say what".to_owned()));
        }
        let containers = self.containers(labels).await?;
        all_of(stream::iter(containers), |found| async move { self.remove_container(&found.id).await }).await?;
        let (networks, volumes) = tokio::try_join!(self.networks(labels), self.volumes(labels))?;
        let networks = all_of(stream::iter(networks), |(name, _)| async move {
            self.gone_already(self.client.remove_network(&name).await)
        });
        let volumes = all_of(stream::iter(volumes), |(name, _)| async move {
            self.gone_already(self.client.remove_volume(&name, Some(RemoveVolumeOptions { force: true })).await)
        });
        tokio::try_join!(networks, volumes).map(drop)
    }

    /// Removes a container and its anonymous volumes, killing it if it runs.
    pub(super) async fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptions { force: true, v: true, link: false };
        match self.patient.remove_container(id, Some(options)).await {
            // Somebody else is at it: it is gone when they are done.
            Err(error) if failure::is_conflict(&error) => self.removed(id).await,
            removed => self.gone_already(removed),
        }
    }

    async fn removed(&self, id: &str) -> Result<(), EngineError> {
        let options = WaitContainerOptions { condition: "removed".to_owned() };
        match self.patient.wait_container(id, Some(options)).next().await {
            None | Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(error)) => self.gone_already(Err(error)),
        }
    }

    async fn networks(&self, labels: &Labels) -> Result<Vec<(String, Labels)>, EngineError> {
        let options = ListNetworksOptions { filters: Some(filter(labels)) };
        let listed = self.client.list_networks(Some(options)).await.map_err(|error| self.failed(error))?;
        let named = |network: bollard::models::Network| {
            // By id: names of networks are not unique.
            network.id.map(|id| (id, network.labels.unwrap_or_default().into_iter().collect()))
        };
        Ok(listed.into_iter().filter_map(named).collect())
    }

    async fn volumes(&self, labels: &Labels) -> Result<Vec<(String, Labels)>, EngineError> {
        let options = ListVolumesOptions { filters: Some(filter(labels)) };
        let listed = self.client.list_volumes(Some(options)).await.map_err(|error| self.failed(error))?;
        let volumes = listed.volumes.unwrap_or_default();
        Ok(volumes.into_iter().map(|volume| (volume.name, volume.labels.into_iter().collect())).collect())
    }

    /// What is not there need not be removed.
    fn gone_already(&self, removed: Result<(), Error>) -> Result<(), EngineError> {
        removed.or_else(|error| if failure::is_absent(&error) { Ok(()) } else { Err(self.failed(error)) })
    }
}

/// Does `one` with every item, some at once, and goes on after a failure; the first failure is told.
async fn all_of<T, F>(items: impl Stream<Item = T>, one: impl FnMut(T) -> F) -> Result<(), EngineError>
where
    F: Future<Output = Result<(), EngineError>>,
{
    let done: Vec<Result<(), EngineError>> = items.map(one).buffer_unordered(AT_ONCE).collect().await;
    stream::iter(done).try_collect().await
}

/// The filter of a list to what carries all of these labels.
pub(super) fn filter(labels: &Labels) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), labels.iter().map(|(key, value)| format!("{key}={value}")).collect())])
}

fn found(container: ContainerSummary) -> Found {
    let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    Found {
        id: container.id.unwrap_or_default(),
        name: name.trim_start_matches('/').to_owned(),
        labels: container.labels.unwrap_or_default().into_iter().collect(),
        started: container.state != Some(ContainerSummaryStateEnum::CREATED),
        running: matches!(
            container.state,
            Some(
                ContainerSummaryStateEnum::RUNNING
                    | ContainerSummaryStateEnum::PAUSED
                    | ContainerSummaryStateEnum::RESTARTING
            )
        ),
    }
}
