//! Tasks that projects keep: their records, what they keep secret, and their runs.

mod check;
mod occurrences;
mod submission;

pub(crate) use check::{schedule, secret_names, source_filter};
pub(crate) use submission::{TOKEN_USER, source_at};

use crate::{
    driver::{Guard, Handle, Refused},
    graph::Lineage,
    intake::{Accepted, Intake, Rejected},
    parts::Clock,
    secrets::{Secrets, SecretsError, TaskSecrets},
    store::{self, Change, Order, Store, StoreError, keys},
};
use acre_model::{
    ids::{ProjectName, RunId, TaskName},
    origin::{Origin, Start},
    secret::{Confidential, SecretValue},
    stored_task::{Overrides, StoredTask, TaskStatus, Timer},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::watch;

/// Most tasks of one project.
const TASKS: usize = 10_000;

/// The tasks of all projects.
#[derive(Clone)]
pub struct StoredTasks {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// Who writes there.
    pub driver: Handle,
    /// What is kept secret.
    pub secrets: Arc<Secrets>,
    /// The way of their runs into the farm.
    pub intake: Intake,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Counts changes.
    pub changed: watch::Sender<u64>,
}

/// What a timer's last run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerRecord {
    /// The instant; of a timer that has started nothing yet, when it was made or changed.
    pub last: Timestamp,
}

/// What must be there when a task is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    Any,
    /// No task of this name.
    Absent,
    /// The task as it was last changed then.
    Version(Timestamp),
}

/// What comes with a task that is stored, and is none of its record. What is not here stays as it was.
#[derive(Debug, Default)]
pub struct Given {
    /// Values of what it names as secret, and logins.
    pub confidential: Confidential,
    /// For its source, and for the commit status there.
    pub git_token: Option<SecretValue>,
}

/// Why nothing came of what was asked of a task.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// There is none.
    #[error("no task `{name}` in project `{project}`")]
    Missing {
        /// Whose.
        project: ProjectName,
        /// Which.
        name: TaskName,
    },
    /// There is one already.
    #[error("there is a task `{0}` already; change it with `acre task update`")]
    Exists(TaskName),
    /// It is not as it was read.
    #[error("task `{0}` was changed meanwhile; look at it, and try again")]
    Changed(TaskName),
    /// It does not run.
    #[error("task `{0}` is disabled; `acre task update -n {0} --status Enabled` changes that")]
    Disabled(TaskName),
    /// The project has its most.
    #[error("a project has at most {TASKS} tasks")]
    TooMany,
    /// What it says is wrong, every fault at once.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    /// Its record cannot be read.
    #[error("the record of task `{0}` cannot be read: {1}")]
    Damaged(String, String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The driver does not store it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What it keeps secret is against the rules, or cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Its run is not accepted.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl TaskError {
    /// Whether it may be otherwise later, without anybody's doing here.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Store(why) => why.may_pass(),
            Self::Refused(_) | Self::Rejected(Rejected::Refused(_) | Rejected::NoRoom(_)) => true,
            _ => false,
        }
    }
}

impl StoredTasks {
    /// One task.
    pub async fn get(&self, project: &ProjectName, name: &TaskName) -> Result<StoredTask, TaskError> {
        let stored = self.store.get(&keys::task(project, name)).await?;
        let missing = || TaskError::Missing { project: project.clone(), name: name.clone() };
        read(name.as_str(), &stored.ok_or_else(missing)?.value)
    }

    /// The tasks of a project, by name.
    pub async fn list(&self, project: &ProjectName) -> Result<Vec<StoredTask>, TaskError> {
        let records = self.store.range(keys::all_tasks(project), Order::Ascending, TASKS).await?;
        records.iter().map(|record| read(&record.key, &record.value)).collect()
    }

    /// The tasks of all projects; what cannot be read is left out, and said.
    pub async fn all(&self) -> Result<Vec<StoredTask>, StoreError> {
        let records = self.store.range(keys::all_tasks_everywhere(), Order::Ascending, usize::MAX).await?;
        let task = |record: &store::Stored| {
            read(&record.key, &record.value).inspect_err(|why| tracing::warn!(%why, "left out")).ok()
        };
        Ok(records.iter().filter_map(task).collect())
    }

    /// Stores a task; returns it as it was stored. One that is there and does not differ stays as it is.
    pub async fn put(&self, task: StoredTask, expected: Expected, given: Given) -> Result<StoredTask, TaskError> {
        match self.prepared(task, expected, given).await? {
            Prepared::Same(task) => Ok(task),
            Prepared::Different { task, guard, changes } => match self.driver.record_if(guard, changes).await? {
                true => {
                    self.changed.send_modify(|count| *count += 1);
                    Ok(task)
                }
                false => Err(TaskError::Changed(task.name)),
            },
        }
    }

    /// What storing a task would return; nothing is stored.
    pub async fn would_put(&self, task: StoredTask, expected: Expected, given: Given) -> Result<StoredTask, TaskError> {
        match self.prepared(task, expected, given).await? {
            Prepared::Same(task) | Prepared::Different { task, .. } => Ok(task),
        }
    }

    async fn prepared(&self, mut task: StoredTask, expected: Expected, given: Given) -> Result<Prepared, TaskError> {
        // What a farm answers may come back.
        task.triggers.timers.iter_mut().for_each(|timer| timer.next.clear());
        check::check(&task).map_err(TaskError::Faults)?;
        let key = keys::task(&task.project, &task.name);
        let before = self.store.get(&key).await?.map(|stored| stored.value);
        let earlier = before.as_ref().map(|bytes| read(task.name.as_str(), bytes)).transpose()?;
        meets(&task, earlier.as_ref(), expected)?;
        if earlier.is_none() {
            let all = self.store.range(keys::all_tasks(&task.project), Order::Ascending, TASKS).await?;
            (all.len() < TASKS).then_some(()).ok_or(TaskError::TooMany)?;
        }
        let known = self.secrets.task(&task.project, &task.name).await?;
        let mut secrets = known.clone().merged(given, &task);
        check::check_secrets(&task, &secrets).map_err(TaskError::Faults)?;
        secrets.hook.get_or_insert_with(|| self.secrets.draw());
        if let Some(earlier) = earlier.as_ref().filter(|earlier| is_same(earlier, &task) && known.is_same(&secrets)) {
            return Ok(Prepared::Same(earlier.clone()));
        }
        let task = self.stamped(task, earlier.as_ref());
        let sealed = self.secrets.keep_task(&task.project, &task.name, &mut secrets)?;
        let mut changes = vec![Change::Put(key.clone(), store::encode(&task)), sealed];
        changes.extend(timer_changes(&task, earlier.as_ref()));
        // Of another repository nothing is known, nor of other branches, nor of what is looked at again later.
        let looks_at =
            |task: &StoredTask| task.triggers.source.poll.then(|| (task.source.clone(), task.triggers.source.clone()));
        if earlier.as_ref().and_then(looks_at) != looks_at(&task) {
            changes.push(Change::Delete(keys::heads(&task.project, &task.name)));
        }
        Ok(Prepared::Different { task, guard: Guard { key, value: before }, changes })
    }

    /// Changes whenever a task is stored or forgotten.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// With the times of this change. No two changes of a task have one time: it is its version.
    fn stamped(&self, task: StoredTask, earlier: Option<&StoredTask>) -> StoredTask {
        let now = self.clock.now().wall;
        let after = earlier.map_or(0, |earlier| earlier.updated_at.as_millis() + 1);
        let updated_at = Timestamp::from_millis(now.as_millis().max(after));
        StoredTask { created_at: earlier.map_or(updated_at, |earlier| earlier.created_at), updated_at, ..task }
    }

    /// What those sign with who tell of a task's source; with `anew`, what they sign with from now on.
    pub async fn hook(&self, project: &ProjectName, name: &TaskName, anew: bool) -> Result<SecretValue, TaskError> {
        self.get(project, name).await?;
        let mut secrets = self.secrets.task(project, name).await?;
        if let (Some(hook), false) = (&secrets.hook, anew) {
            return Ok(hook.clone());
        }
        let hook = self.secrets.draw();
        secrets.hook = Some(hook.clone());
        self.driver.record(self.secrets.keep_task(project, name, &mut secrets)?).await?;
        Ok(hook)
    }

    /// What registries sign with that tell a project of images; with `anew`, what they sign with from now on.
    pub async fn registry_hook(&self, project: &ProjectName, anew: bool) -> Result<SecretValue, TaskError> {
        if let (Some(hook), false) = (self.secrets.registry_hook(project).await?, anew) {
            return Ok(hook);
        }
        let hook = self.secrets.draw();
        self.driver.record(self.secrets.keep_registry_hook(project, hook.clone())).await?;
        Ok(hook)
    }

    /// Forgets a task and its secrets; its runs stay.
    pub async fn delete(&self, project: &ProjectName, name: &TaskName) -> Result<(), TaskError> {
        self.get(project, name).await?;
        let mut all = vec![
            keys::task(project, name),
            keys::task_confidential(project, name),
            keys::lineage(project, name),
            keys::standing(project, name),
            keys::heads(project, name),
        ];
        let timers = self.store.range(keys::all_timers(project, name), Order::Ascending, usize::MAX).await?;
        all.extend(timers.into_iter().map(|timer| timer.key));
        self.driver.records(all.into_iter().map(Change::Delete).collect()).await?;
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// What the tasks of a project built last.
    pub async fn lineages(&self, project: &ProjectName) -> Result<Vec<Lineage>, StoreError> {
        let records = self.store.range(keys::all_lineages(project), Order::Ascending, TASKS).await?;
        let read = |record: &store::Stored| {
            store::decode(&record.value).inspect_err(|why| tracing::warn!(key = record.key, %why, "left out")).ok()
        };
        Ok(records.iter().filter_map(read).collect())
    }

    /// What a task built last.
    pub async fn lineage(&self, project: &ProjectName, name: &TaskName) -> Result<Option<Lineage>, StoreError> {
        let stored = self.store.get(&keys::lineage(project, name)).await?;
        Ok(stored.and_then(|stored| store::decode(&stored.value).ok()))
    }

    /// Starts the run of a task that something calls for. What it is called for is its key: a second call gives the run
    /// that there is, though the task be another one by then.
    pub async fn start(
        &self,
        task: &StoredTask,
        start: Start,
        overrides: Overrides,
        key: String,
    ) -> Result<RunId, TaskError> {
        match self.run(task, start, (overrides, Confidential::default()), Some(key)).await {
            Err(TaskError::Rejected(Rejected::Refused(Refused::KeyReused(run)))) => Ok(run),
            started => Ok(started?.run()),
        }
    }

    /// Starts a run of a task. A second call with the same key gives the same run.
    pub async fn run(
        &self,
        task: &StoredTask,
        start: Start,
        (overrides, confidential): (Overrides, Confidential),
        key: Option<String>,
    ) -> Result<Accepted, TaskError> {
        if task.status == TaskStatus::Disabled {
            return Err(TaskError::Disabled(task.name.clone()));
        }
        let TaskSecrets { confidential: mut given, git_token, .. } =
            self.secrets.task(&task.project, &task.name).await?;
        given.secrets.extend(confidential.secrets);
        let origin = Origin { task: Some(task.name.clone()), cause: start };
        let submission = submission::of_task(task, overrides, origin, git_token.as_ref());
        let submission = acre_model::submission::Submission { idempotency_key: key, ..submission };
        Ok(self.intake.accept(submission, given, None).await?)
    }
}

/// What storing a task comes to.
enum Prepared {
    /// It is there as it shall be.
    Same(StoredTask),
    /// Something changes.
    Different {
        /// The task as it will be.
        task: StoredTask,
        /// What must still be there.
        guard: Guard,
        /// What changes.
        changes: Vec<Change>,
    },
}

/// Whether two tasks differ in nothing but when they were made and changed.
fn is_same(earlier: &StoredTask, task: &StoredTask) -> bool {
    let StoredTask { created_at, updated_at, .. } = earlier;
    *earlier == StoredTask { created_at: *created_at, updated_at: *updated_at, ..task.clone() }
}

/// Timers that are new or changed begin now; those that are gone are forgotten.
fn timer_changes(task: &StoredTask, earlier: Option<&StoredTask>) -> Vec<Change> {
    let known: &[Timer] = earlier.map_or(&[], |earlier| &earlier.triggers.timers);
    let key = |timer: &Timer| keys::timer(&task.project, &task.name, &timer.name);
    let timers = &task.triggers.timers;
    let is_new = |timer: &&Timer| {
        known.iter().all(|old| (&old.name, &old.schedule, old.status) != (&timer.name, &timer.schedule, timer.status))
    };
    let begun = timers.iter().filter(is_new);
    let begun = begun.map(|timer| Change::Put(key(timer), store::encode(&TimerRecord { last: task.updated_at })));
    let gone = known.iter().filter(|old| timers.iter().all(|timer| timer.name != old.name));
    begun.chain(gone.map(|old| Change::Delete(key(old)))).collect()
}

fn read(name: &str, bytes: &[u8]) -> Result<StoredTask, TaskError> {
    store::decode(bytes).map_err(|why| TaskError::Damaged(name.to_owned(), why.to_string()))
}

fn meets(task: &StoredTask, earlier: Option<&StoredTask>, expected: Expected) -> Result<(), TaskError> {
    match (expected, earlier) {
        (Expected::Any, _) | (Expected::Absent, None) => Ok(()),
        (Expected::Absent, Some(_)) => Err(TaskError::Exists(task.name.clone())),
        (Expected::Version(at), Some(earlier)) if earlier.updated_at == at => Ok(()),
        (Expected::Version(_), _) => Err(TaskError::Changed(task.name.clone())),
    }
}
