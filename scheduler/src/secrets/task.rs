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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TaskSecrets {
    /// Values of what it names as secret, and logins.
    pub confidential: Confidential,
    /// For its source, and for the commit status there.
    pub git_token: Option<SecretValue>,
    /// What those who tell of its source sign with.
    pub hook: Option<SecretValue>,
}

impl TaskSecrets {
    /// Whether the same is kept secret, in whatever order.
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { confidential: Confidential { secrets, logins }, git_token, hook } = self;
        let are_known = logins.iter().all(|login| other.confidential.logins.contains(login));
        let same_logins = logins.len() == other.confidential.logins.len() && are_known;
        same_logins && *secrets == other.confidential.secrets && (git_token, hook) == (&other.git_token, &other.hook)
    }

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

#[derive(Serialize, Deserialize)]
struct HookRecord {
    secret: SecretValue,
}

impl Secrets {
    /// A secret that nobody can guess, to be shown to whoever sets up the other side.
    pub fn draw(&self) -> SecretValue {
        let text: String = self.random.draw().iter().map(|byte| format!("{byte:02x}")).collect();
        SecretValue::new(text.into_bytes())
    }

    /// What registries sign with that tell a project of images; `None`: none was ever asked for.
    pub async fn registry_hook(&self, project: &ProjectName) -> Result<Option<SecretValue>, SecretsError> {
        let key = keys::registry_hook(project);
        let Some(stored) = self.store.get(&key).await? else { return Ok(None) };
        let unsealable = |why: Unsealable| SecretsError::Unsealable { what: key.clone(), why };
        self.sealer.open(&key, &stored.value).map(|record: HookRecord| Some(record.secret)).map_err(unsealable)
    }

    /// How the store changes for registries to sign with this.
    pub fn keep_registry_hook(&self, project: &ProjectName, secret: SecretValue) -> Change {
        let key = keys::registry_hook(project);
        let sealed = self.sealer.seal(&key, &HookRecord { secret });
        Change::Put(key, sealed)
    }

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
