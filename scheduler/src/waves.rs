//! Patched images on their way through the tasks that build on them. Every step is stored before it is gone, and a run
//! is handed in under a key of its own, so that a scheduler that takes over goes on where this one stopped.

use crate::{
    blobs::digest_of,
    board::Board,
    driver::{Guard, Handle},
    graph::{Graph, Wave},
    parts::{Clock, Tasks},
    store::{self, Change, Order, Store, StoreError, keys},
    stored_tasks::{StoredTasks, TaskError},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, RunId, TaskName},
    origin::Start,
    run::{RunStatus, RunView},
    secret::Confidential,
    stored_task::Overrides,
};
use futures::{StreamExt, stream::FuturesUnordered};
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

    /// An image has a new digest: what builds on it is built anew. Hearing of it twice changes nothing.
    pub async fn changed(&self, project: &ProjectName, image: &str, digest: Digest) -> Result<(), TaskError> {
        let tasks = self.stored_tasks.list(project).await?;
        let graph = Graph::new(&tasks, self.stored_tasks.lineages(project).await?);
        let Some(mut wave) = graph.wave(image, digest) else { return Ok(()) };
        let others = self.going_on(project).await?;
        wave.leave_out(|task| others.iter().any(|other| graph.is_covered(other, image, task)));
        if wave.steps.is_empty() {
            return Ok(());
        }
        let key = key(project, &wave);
        let put = Change::Put(key.clone(), store::encode(&wave));
        if self.driver.record_if(Guard { key, value: None }, vec![put]).await? {
            tracing::info!(%project, image, %digest, tasks = wave.steps.len(), "an image has changed");
            self.follow(project.clone(), wave);
        }
        Ok(())
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
            for task in wave.ready() {
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
            wave.end(&task, succeeded?);
        }
    }

    /// Starts the run of a task; `None`: it cannot be started, which is said.
    async fn start(&self, project: &ProjectName, wave: &Wave, name: &TaskName) -> Result<Option<RunId>, TaskError> {
        let start = Start::ImageUpdate { image: wave.image.clone(), digest: wave.digest };
        let key = format!("wave/{name}/{}", key(project, wave));
        let started = async {
            let task = self.stored_tasks.get(project, name).await?;
            self.stored_tasks.run(&task, start, (Overrides::default(), Confidential::default()), Some(key)).await
        };
        match started.await {
            Ok(accepted) => Ok(Some(accepted.run())),
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

fn key(project: &ProjectName, wave: &Wave) -> String {
    keys::wave(project, &digest_of(format!("{}@{}", wave.image, wave.digest).as_bytes()).hex())
}
