//! Secrets and logins of projects: they go in, and come out only for the project's runs.

use super::{Secrets, SecretsError, Unsealable, check};
use crate::store::{Change, Order, Stored, keys};
use acre_model::{
    ids::{ProjectName, SecretId},
    secret::{Login, SECRET_SIZE, SecretValue},
    text::clip,
    time::Timestamp,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::ops::Range;

/// Most secrets of one project.
const SECRETS: usize = 1000;

/// A secret as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretView {
    /// Its id.
    pub id: SecretId,
    /// When it was set.
    pub set_at: Timestamp,
}

/// A login as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginView {
    /// The registry.
    pub registry: String,
    /// The user name.
    pub username: String,
    /// When it was set.
    pub set_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct SecretRecord {
    id: SecretId,
    value: SecretValue,
    set_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct LoginRecord {
    login: Login,
    set_at: Timestamp,
}

/// What changes in the store, for the driver to commit.
impl Secrets {
    /// Sets a secret.
    pub async fn set_secret(
        &self,
        project: &ProjectName,
        id: SecretId,
        value: SecretValue,
        now: Timestamp,
    ) -> Result<Change, SecretsError> {
        if value.expose().len() > SECRET_SIZE {
            let text = format!("secret.value: `{id}` is longer than {} KiB", SECRET_SIZE >> 10);
            return Err(SecretsError::Invalid(text));
        }
        let key = keys::secret(project, &id);
        self.check_room(&key, keys::all_secrets(project), SECRETS).await?;
        Ok(Change::Put(key.clone(), self.sealer.seal(&key, &SecretRecord { id, value, set_at: now })))
    }

    /// Removes a secret.
    pub async fn delete_secret(&self, project: &ProjectName, id: &SecretId) -> Result<Change, SecretsError> {
        let what = || format!("no secret `{id}` in project `{project}`");
        self.delete(keys::secret(project, id), what).await
    }

    /// The secrets of a project, by id.
    pub async fn secrets(&self, project: &ProjectName) -> Result<Vec<SecretView>, SecretsError> {
        let records = self.records::<SecretRecord>(keys::all_secrets(project)).await?;
        Ok(records.into_iter().map(|SecretRecord { id, set_at, .. }| SecretView { id, set_at }).collect())
    }

    /// The value of a project's secret, for one of its runs.
    pub(super) async fn project_secret(
        &self,
        project: &ProjectName,
        id: &SecretId,
    ) -> Result<Option<SecretValue>, SecretsError> {
        let Some(stored) = self.store.get(&keys::secret(project, id)).await? else { return Ok(None) };
        Ok(Some(self.record::<SecretRecord>(&stored)?.value))
    }

    /// Sets the login to a registry.
    pub async fn set_login(&self, project: &ProjectName, login: Login, now: Timestamp) -> Result<Change, SecretsError> {
        check::login(&login).map_err(SecretsError::Invalid)?;
        let key = keys::login(project, &login.registry);
        self.check_room(&key, keys::all_logins(project), check::LOGINS).await?;
        Ok(Change::Put(key.clone(), self.sealer.seal(&key, &LoginRecord { login, set_at: now })))
    }

    /// Removes the login to a registry.
    pub async fn delete_login(&self, project: &ProjectName, registry: &str) -> Result<Change, SecretsError> {
        let what = || format!("no login to `{}` in project `{project}`", clip(registry));
        if !check::is_registry(registry) {
            return Err(SecretsError::Missing(what()));
        }
        self.delete(keys::login(project, registry), what).await
    }

    /// The logins of a project, by registry.
    pub async fn logins(&self, project: &ProjectName) -> Result<Vec<LoginView>, SecretsError> {
        let view = |LoginRecord { login, set_at }| {
            let Login { registry, username, .. } = login;
            LoginView { registry, username, set_at }
        };
        Ok(self.records(keys::all_logins(project)).await?.into_iter().map(view).collect())
    }

    /// The logins of a project, for one of its runs.
    pub(super) async fn project_logins(&self, project: &ProjectName) -> Result<Vec<Login>, SecretsError> {
        let records = self.records::<LoginRecord>(keys::all_logins(project)).await?;
        Ok(records.into_iter().map(|record| record.login).collect())
    }

    async fn check_room(&self, key: &str, all: Range<String>, limit: usize) -> Result<(), SecretsError> {
        let known = self.store.range(all, Order::Ascending, limit).await?;
        if known.len() < limit || known.iter().any(|stored| stored.key == key) {
            return Ok(());
        }
        Err(SecretsError::TooMany(format!("the project has {limit}, and that is the limit; delete one first")))
    }

    async fn delete(&self, key: String, what: impl Fn() -> String) -> Result<Change, SecretsError> {
        match self.store.get(&key).await? {
            Some(_) => Ok(Change::Delete(key)),
            None => Err(SecretsError::Missing(what())),
        }
    }

    async fn records<T: DeserializeOwned>(&self, keys: Range<String>) -> Result<Vec<T>, SecretsError> {
        let stored = self.store.range(keys, Order::Ascending, usize::MAX).await?;
        stored.iter().map(|stored| self.record(stored)).collect()
    }

    fn record<T: DeserializeOwned>(&self, stored: &Stored) -> Result<T, SecretsError> {
        let unsealable = |why: Unsealable| SecretsError::Unsealable { what: stored.key.clone(), why };
        self.sealer.open(&stored.key, &stored.value).map_err(unsealable)
    }
}
