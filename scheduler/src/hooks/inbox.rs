//! What was told is kept by one put-if-absent, and acknowledged after it; whoever leads acts upon it, once.
//!
//! Runs are handed in under the delivery as their key, and the record is moved to those that are done after it: whoever
//! comes between the two starts the same runs again, and gets those there are.

use super::delivery::{Done, Pushed, Told};
use crate::{
    blobs::digest_of,
    driver::{Guard, Handle},
    parts::Clock,
    store::{self, Change, Order, Store, Stored, keys},
    stored_tasks::{StoredTasks, TaskError, source_at},
    waves::Waves,
};
use acre_model::{
    ids::{ProjectName, RunId, TaskName},
    origin::Start,
    stored_task::{Overrides, StoredTask},
    submission::Source,
    trigger::{Change as What, Provider, SourceEvent},
};
use std::sync::Arc;
use tokio::sync::Notify;

/// How long a store that fails is left alone, in milliseconds.
const RETRY: u64 = 1_000;

/// Keeps what was told until it was acted upon.
#[derive(Clone)]
pub struct Inbox {
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// Who writes there.
    pub driver: Handle,
    /// What is started.
    pub stored_tasks: StoredTasks,
    /// Where patched images go.
    pub waves: Waves,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Wakes who acts.
    pub news: Arc<Notify>,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is kept, now or since earlier, and will be acted upon.
    Waiting,
    /// It was acted upon before.
    Duplicate(Vec<RunId>),
}

impl Inbox {
    /// Keeps what was told. Resolves after the commit.
    pub(crate) async fn keep(&self, project: &ProjectName, of: &str, id: &str, told: &Told) -> Result<Kept, TaskError> {
        let digest = digest_of(format!("{of}/{id}").as_bytes()).hex();
        if let Some(done) = self.store.get(&keys::delivered(project, &digest)).await? {
            let runs = store::decode::<Done>(&done.value).map(|done| done.runs).unwrap_or_default();
            return Ok(Kept::Duplicate(runs));
        }
        let key = keys::inbox(project, &digest);
        let put = Change::Put(key.clone(), store::encode(told));
        if self.driver.record_if(Guard { key, value: None }, vec![put]).await? {
            self.news.notify_one();
        }
        Ok(Kept::Waiting)
    }

    /// Acts upon what comes, until it is dropped.
    pub async fn run(self) {
        loop {
            if let Err(why) = self.empty().await {
                tracing::warn!(%why, "what was told is not acted upon yet");
                self.clock.sleep_until(self.clock.now().mono.plus_millis(RETRY)).await;
                continue;
            }
            self.news.notified().await;
        }
    }

    async fn empty(&self) -> Result<(), TaskError> {
        for record in self.store.range(keys::all_inbox(), Order::Ascending, usize::MAX).await? {
            self.act(record).await?;
        }
        Ok(())
    }

    async fn act(&self, Stored { key, value, .. }: Stored) -> Result<(), TaskError> {
        let mut parts = key.split('/').skip(1);
        let project = parts.next().and_then(|project| project.parse::<ProjectName>().ok());
        let (Some(project), Some(digest)) = (project, parts.next()) else { return Ok(()) };
        let runs = match store::decode::<Told>(&value) {
            Ok(Told::Source { task, provider, events }) => {
                self.start(&project, &task, provider, (&events, digest)).await?
            }
            Ok(Told::Images(images)) => {
                self.changed(&project, images).await?;
                Vec::new()
            }
            Ok(Told::Built(images)) => {
                self.changed(&project, images).await?;
                // What a task builds on may be something else since.
                self.stored_tasks.changed.send_modify(|count| *count += 1);
                return Ok(self.driver.record(Change::Delete(key)).await?);
            }
            Err(why) => {
                tracing::error!(key, %why, "what was told cannot be read; put aside");
                let aside = Change::Put(keys::quarantine(&key), value);
                return Ok(self.driver.records(vec![aside, Change::Delete(key)]).await?);
            }
        };
        let done = Done { at: self.clock.now().wall, runs };
        let moved = Change::Put(keys::delivered(&project, digest), store::encode(&done));
        Ok(self.driver.records(vec![moved, Change::Delete(key)]).await?)
    }

    async fn changed(&self, project: &ProjectName, images: Vec<Pushed>) -> Result<(), TaskError> {
        for Pushed { image, digest } in images {
            self.waves.changed(project, &image, digest).await?;
        }
        Ok(())
    }

    async fn start(
        &self,
        project: &ProjectName,
        name: &TaskName,
        provider: Option<Provider>,
        (events, digest): (&[SourceEvent], &str),
    ) -> Result<Vec<RunId>, TaskError> {
        let mut runs = Vec::new();
        for (place, event) in events.iter().enumerate() {
            let key = format!("delivery/{name}/{digest}/{place}");
            match self.start_one(project, name, (event, provider), key).await {
                Ok(run) => runs.push(run),
                Err(why) if why.may_pass() => return Err(why),
                Err(why) => tracing::warn!(%project, task = %name, %why, "an event of its source started nothing"),
            }
        }
        Ok(runs)
    }

    async fn start_one(
        &self,
        project: &ProjectName,
        name: &TaskName,
        (event, provider): (&SourceEvent, Option<Provider>),
        key: String,
    ) -> Result<RunId, TaskError> {
        let task = self.stored_tasks.get(project, name).await?;
        let overrides = Overrides { source: at_event(&task, event), ..Overrides::default() };
        self.stored_tasks.start(&task, start(event, provider), overrides, key).await
    }
}

/// The task's source at the very commit; the repository is the task's own, never one that was told.
fn at_event(task: &StoredTask, event: &SourceEvent) -> Option<Source> {
    let commit = event.commit.as_ref().map(ToString::to_string);
    source_at(task, &commit.or_else(|| event.reference())?)
}

fn start(event: &SourceEvent, provider: Option<Provider>) -> Start {
    let commit = event.commit.as_ref().map(ToString::to_string).unwrap_or_default();
    match &event.change {
        What::Commit { branch } => Start::Commit { commit, branch: Some(branch.clone()), tag: None, provider },
        What::Tag { tag } => Start::Commit { commit, branch: None, tag: Some(tag.clone()), provider },
        What::PullRequest(request) => {
            Start::PullRequest { number: request.number, commit, branch: request.source.clone(), provider }
        }
    }
}
