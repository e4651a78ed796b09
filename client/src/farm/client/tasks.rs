//! Tasks that a project keeps.

use super::{ANSWER, FarmClient, limited, nonsense};
use crate::error::Error;
use acre_model::{
    ids::TaskName,
    run::RunView,
    secret::{Confidential, SecretValue},
    stored_task::{Overrides, StoredTask},
    time::Timestamp,
};
use acre_proto::v1::{self, put_task_request::Expected as Wire};
use tonic::Code;

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

/// What is stored with a task and never comes back. What is not here stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskSecrets {
    /// Values of what it names as secret, and logins.
    pub confidential: Confidential,
    /// For its source, and for the commit status there.
    pub git_token: Option<SecretValue>,
}

impl FarmClient {
    /// Stores a task; returns it as it was stored. One that is there and does not differ stays as it is, time of change
    /// included.
    pub async fn put_task(
        &self,
        task: StoredTask,
        expected: Expected,
        secrets: TaskSecrets,
    ) -> Result<StoredTask, Error> {
        self.put(task, expected, secrets, false).await
    }

    /// What [`FarmClient::put_task`] would return; nothing is stored.
    pub async fn would_put_task(
        &self,
        task: StoredTask,
        expected: Expected,
        secrets: TaskSecrets,
    ) -> Result<StoredTask, Error> {
        self.put(task, expected, secrets, true).await
    }

    async fn put(
        &self,
        task: StoredTask,
        expected: Expected,
        secrets: TaskSecrets,
        dry_run: bool,
    ) -> Result<StoredTask, Error> {
        let request = v1::PutTaskRequest {
            task: Some(StoredTask { project: self.project.clone(), ..task }.into()),
            expected: match expected {
                Expected::Any => None,
                Expected::Absent => Some(Wire::Absent(v1::put_task_request::Absent {})),
                Expected::Version(at) => Some(Wire::UpdatedAt(at.into())),
            },
            secrets: wire_secrets(&secrets.confidential),
            logins: secrets.confidential.logins.into_iter().map(Into::into).collect(),
            git_token: secrets.git_token.map(|token| token.expose().to_vec()).unwrap_or_default(),
            dry_run,
        };
        let stored = self.ask(self.tasks().put(limited(request, ANSWER))).await?;
        Self::stored_task(stored)
    }

    /// One task.
    pub async fn task(&self, name: &TaskName) -> Result<StoredTask, Error> {
        let request = v1::GetTaskRequest { project: self.project.to_string(), name: name.to_string() };
        let stored = self.ask(self.tasks().get(limited(request, ANSWER))).await?;
        Self::stored_task(stored)
    }

    /// One task, if it is there.
    pub async fn find_task(&self, name: &TaskName) -> Result<Option<StoredTask>, Error> {
        let request = v1::GetTaskRequest { project: self.project.to_string(), name: name.to_string() };
        match self.tasks().get(limited(request, ANSWER)).await {
            Ok(stored) => Self::stored_task(stored.into_inner()).map(Some),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(self.failed(&status)),
        }
    }

    /// The tasks of the project, by name.
    pub async fn stored_tasks(&self) -> Result<Vec<StoredTask>, Error> {
        let request = v1::ListTasksRequest { project: self.project.to_string() };
        let answer = self.ask(self.tasks().list(limited(request, ANSWER))).await?;
        answer.tasks.into_iter().map(Self::stored_task).collect()
    }

    /// Forgets a task.
    pub async fn delete_task(&self, name: &TaskName) -> Result<(), Error> {
        let request = v1::DeleteTaskRequest { project: self.project.to_string(), name: name.to_string() };
        self.ask(self.tasks().delete(limited(request, ANSWER))).await.map(drop)
    }

    /// Starts a run of a task. A second call with the same key gives the same run.
    pub async fn run_task(
        &self,
        name: &TaskName,
        overrides: Overrides,
        confidential: &Confidential,
        key: String,
    ) -> Result<RunView, Error> {
        let request = v1::RunTaskRequest {
            project: self.project.to_string(),
            name: name.to_string(),
            overrides: Some(overrides.into()),
            secrets: wire_secrets(confidential),
            idempotency_key: key,
        };
        let run = self.ask(self.tasks().run(limited(request, ANSWER))).await?;
        self.run(Some(run))
    }

    /// What those sign with who tell of a task's source, or (`None`) of the project's images; with `anew`, from now on.
    pub async fn hook(&self, name: Option<&TaskName>, anew: bool) -> Result<SecretValue, Error> {
        let name = name.map(ToString::to_string).unwrap_or_default();
        let request = v1::HookRequest { project: self.project.to_string(), name, anew };
        Ok(SecretValue::new(self.ask(self.tasks().hook(limited(request, ANSWER))).await?.secret))
    }

    fn stored_task(wire: v1::StoredTask) -> Result<StoredTask, Error> {
        wire.try_into().map_err(nonsense)
    }
}

fn wire_secrets(confidential: &Confidential) -> Vec<v1::Secret> {
    let secrets = confidential.secrets.iter();
    secrets.map(|(id, value)| v1::Secret { id: id.to_string(), value: value.expose().to_vec() }).collect()
}
