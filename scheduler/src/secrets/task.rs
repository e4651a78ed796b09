//! What is stored, sealed, of one task.

use super::{Secrets, SecretsError, Unsealable, check};
use crate::{
    store::{Change, keys},
    stored_tasks::{Given, secret_names},
};
use acre_model::{
    ids::{ProjectName, SecretId, TaskName},
    secret::{Confidential, SecretValue},
    stored_task::StoredTask,
};
use serde::{Deserialize, Serialize};

/// What a task may know and nobody else.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct TaskSecrets {
    /// Values of what it names as secret, and logins.
    pub confidential: Confidential,
    /// For its source, and for the commit status there.
    pub git_token: Option<SecretValue>,
    /// What those who tell of its source sign with.
    pub hook: Option<SecretValue>,
}

impl TaskSecrets {
    /// With what is given anew, and without what the task does not name any more.
    pub fn merged(mut self, given: Given, task: &StoredTask) -> Self {
        let named: Vec<SecretId> = secret_names(task).filter_map(|name| SecretId::of_set(name).ok()).collect();
        self.confidential.secrets.extend(given.confidential.secrets);
        self.confidential.secrets.retain(|id, _| named.contains(id));
        for login in given.confidential.logins {
            self.confidential.logins.retain(|known| known.registry != login.registry);
            self.confidential.logins.push(login);
        }
        self.confidential.logins.retain(|login| task.logins.contains(&login.registry));
        self.git_token = given.git_token.or(self.git_token);
        self
    }
}

impl Secrets {
    /// What a task keeps secret; nothing, if nothing is stored.
    pub async fn task(&self, project: &ProjectName, task: &TaskName) -> Result<TaskSecrets, SecretsError> {
        let key = keys::task_confidential(project, task);
        let Some(stored) = self.store.get(&key).await? else { return Ok(TaskSecrets::default()) };
        let unsealable =
            |why: Unsealable| SecretsError::Unsealable { what: format!("what task {task} keeps secret"), why };
        self.sealer.open(&key, &stored.value).map_err(unsealable)
    }

    /// How the store changes for a task to keep this; checked.
    pub fn keep_task(
        &self,
        project: &ProjectName,
        task: &TaskName,
        secrets: &mut TaskSecrets,
    ) -> Result<Change, SecretsError> {
        check::given(&mut secrets.confidential)?;
        let key = keys::task_confidential(project, task);
        let sealed = self.sealer.seal(&key, secrets);
        Ok(Change::Put(key, sealed))
    }
}
