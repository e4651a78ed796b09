//! Patched images on their way through the tasks that build on them. Every step is stored before it is gone, and a run
//! is handed in under a key of its own, so that a scheduler that takes over goes on where this one stopped.

mod known;
mod narrow;

use crate::{
    blobs::digest_of,
    board::Board,
    driver::Handle,
    graph::{Extent, Graph, Lineage, Narrowed, Wave},
    parts::{Clock, Tasks},
    registries::Registries,
    store::{self, Change, Order, Store, StoreError, keys},
    stored_tasks::{StoredTasks, TaskError},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, RunId, TaskName},
    origin::Start,
    run::{RunStatus, RunView},
    stored_task::Overrides,
};
use futures::{StreamExt, stream::FuturesUnordered};
use known::Known;
use std::sync::Arc;

/// Sends patched images on their way.
#[derive(Clone)]
pub struct Waves {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// Who writes there.
    pub driver: Handle,
    /// What they reach.
    pub stored_tasks: StoredTasks,
    /// What tells images of one digest from those of another.
    pub registries: Registries,
    /// Where runs are seen to end.
    pub board: Arc<Board>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Background work.
    pub tasks: Tasks,
}

/// How long it waits where something stands in its way, in milliseconds.
const RETRY: u64 = 5_000;

impl Waves {
    /// Goes on with what an earlier process began.
    pub async fn resume(&self) -> Result<(), TaskError> {
        for record in self.store.range(keys::all_waves_everywhere(), Order::Ascending, usize::MAX).await? {
            let project = record.key.split('/').nth(1).and_then(|project| project.parse().ok());
            match (project, store::decode::<Wave>(&record.value)) {
                (Some(project), Ok(wave)) => self.follow(project, wave),
                (_, read) => tracing::error!(key = record.key, why = ?read.err(), "a stored wave cannot be read"),
            }
        }
        Ok(())
    }

    /// An image has a new digest: what builds on it is built anew, as far as its platforms have changed. Hearing of it
    /// twice changes nothing.
    pub async fn changed(&self, project: &ProjectName, image: &str, digest: Digest) -> Result<(), TaskError> {
        // Where somebody else has heard of the image meanwhile, it is looked at anew.
        while !self.took(project, image, digest).await? {}
        Ok(())
    }

    /// Takes a digest in; whether nobody else has changed what is known of the image meanwhile.
    async fn took(&self, project: &ProjectName, image: &str, digest: Digest) -> Result<bool, TaskError> {
        let tasks = self.stored_tasks.list(project).await?;
        let graph = Graph::new(&tasks, self.stored_tasks.lineages(project).await?);
        if graph.users(image).next().is_none() {
            return Ok(true);
        }
        let differences = self.differences(project, &graph, (image, digest)).await?;
        let known = Known::load(self.store.as_ref(), project, image).await?;
        let others = self.going_on(project).await?;
        let is_covered = |task: &TaskName, extent: &Extent| {
            let is_covered = |other: &Wave| graph.is_covered(other, image, (task, extent));
            known.has_reached(digest, task) || others.iter().any(is_covered)
        };
        let wave = graph.wave(image, digest, &differences).and_then(|mut wave| {
            wave.leave_out(is_covered);
            (!wave.steps.is_empty()).then_some(wave)
        });
        let reached = wave.iter().flat_map(|wave| wave.steps.keys().cloned());
        let mut changes = vec![known.with(digest, reached)];
        changes.extend(settled(project, graph.settled(image, digest, |input| differences.reaches(input))));
        changes.extend(wave.iter().map(|wave| Change::Put(key(project, wave), store::encode(wave))));
        let took = self.driver.record_if(known.guard(), changes).await?;
        if let Some(wave) = wave.filter(|_| took) {
            tracing::info!(%project, image, %digest, tasks = wave.steps.len(), "an image has changed");
            self.follow(project.clone(), wave);
        }
        Ok(took)
    }

    /// The waves of a project that go on.
    pub async fn going_on(&self, project: &ProjectName) -> Result<Vec<Wave>, StoreError> {
        let records = self.store.range(keys::all_waves(project), Order::Ascending, usize::MAX).await?;
        Ok(records.iter().filter_map(|record| store::decode(&record.value).ok()).collect())
    }

    fn follow(&self, project: ProjectName, mut wave: Wave) {
        let waves = self.clone();
        self.tasks.spawn("wave", async move {
            while let Err(why) = waves.see_through(&project, &mut wave).await {
                tracing::warn!(%project, image = wave.image, %why, "an image's way through its dependents is held up");
                let now = waves.clock.now().mono;
                waves.clock.sleep_until(now.plus_millis(RETRY)).await;
            }
        });
    }

    /// Starts what is ready, waits for what runs, until nothing is to come.
    async fn see_through(&self, project: &ProjectName, wave: &mut Wave) -> Result<(), TaskError> {
        let key = key(project, wave);
        let mut running: FuturesUnordered<_> =
            wave.running().map(|(task, run)| self.ended(project.clone(), task.clone(), run.clone())).collect();
        loop {
            let ready = wave.ready();
            if self.narrow(project, wave, &ready).await? {
                self.driver.record(Change::Put(key.clone(), store::encode(wave))).await?;
            }
            for task in ready {
                match self.start(project, wave, &task).await? {
                    Some(run) => {
                        wave.start(&task, run.clone());
                        running.push(self.ended(project.clone(), task, run));
                    }
                    None => wave.end(&task, false),
                }
            }
            if wave.is_over() {
                return Ok(self.driver.record(Change::Delete(key)).await?);
            }
            self.driver.record(Change::Put(key.clone(), store::encode(wave))).await?;
            // What is neither ready nor over waits for something that runs.
            let Some((task, succeeded)) = running.next().await else {
                tracing::error!(%project, image = wave.image, "what is left of a wave waits for nothing; it is given up");
                return Ok(self.driver.record(Change::Delete(key)).await?);
            };
            let succeeded = succeeded?;
            if succeeded {
                self.settle(project, wave, &task).await?;
            }
            wave.end(&task, succeeded);
        }
    }

    /// Starts the run of a task; `None`: it cannot be started, which is said.
    async fn start(&self, project: &ProjectName, wave: &Wave, name: &TaskName) -> Result<Option<RunId>, TaskError> {
        let start = Start::ImageUpdate { image: wave.image.clone(), digest: wave.digest };
        let key = format!("wave/{name}/{}", key(project, wave));
        let narrowed =
            wave.steps.get(name).and_then(|step| step.narrowed.clone()).map(|Narrowed { source, narrowing }| {
                Overrides { source: Some(source), narrowing: Some(narrowing), ..Overrides::default() }
            });
        let started = async {
            let task = self.stored_tasks.get(project, name).await?;
            self.stored_tasks.start(&task, start, narrowed.unwrap_or_default(), key).await
        };
        match started.await {
            Ok(run) => Ok(Some(run)),
            Err(error) if error.may_pass() => Err(error),
            Err(why) => {
                tracing::warn!(%project, task = %name, %why, "a task was not started");
                Ok(None)
            }
        }
    }

    /// Resolves when a run has ended, with its task and whether it succeeded.
    async fn ended(&self, project: ProjectName, task: TaskName, run: RunId) -> (TaskName, Result<bool, StoreError>) {
        if let Some(mut shown) = self.board.watch(&run)
            && let Ok(last) = shown.wait_for(|view| view.status.is_final()).await
        {
            return (task, Ok(last.status == RunStatus::Succeeded));
        }
        let stored = self.store.get(&keys::ended(&project, &run)).await;
        let view = stored.map(|stored| stored.and_then(|stored| store::decode::<RunView>(&stored.value).ok()));
        (task, view.map(|view| view.is_some_and(|view| view.status == RunStatus::Succeeded)))
    }
}

/// A second wave of the same image and digest is for other tasks.
fn key(project: &ProjectName, wave: &Wave) -> String {
    let tasks: Vec<&str> = wave.steps.keys().map(TaskName::as_str).collect();
    keys::wave(project, &digest_of(format!("{}@{} {}", wave.image, wave.digest, tasks.join(" ")).as_bytes()).hex())
}

fn settled(project: &ProjectName, lineages: Vec<Lineage>) -> impl Iterator<Item = Change> {
    lineages.into_iter().map(|lineage| Change::Put(keys::lineage(project, &lineage.task), store::encode(&lineage)))
}
