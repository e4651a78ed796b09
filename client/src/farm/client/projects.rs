//! What a project keeps: secrets and logins. Values go there and never come back.

use super::{ANSWER, FarmClient, limited};
use crate::error::Error;
use acre_model::{
    ids::SecretId,
    secret::{Login, SecretValue},
    time::Timestamp,
};
use acre_proto::v1;
use serde::Serialize;

/// A secret of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredSecret {
    /// Its name.
    pub id: String,
    /// When it was set last.
    pub set_at: Timestamp,
}

/// A login of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredLogin {
    /// `host[:port]`.
    pub registry: String,
    /// User name.
    pub username: String,
    /// When it was set last.
    pub set_at: Timestamp,
}

impl FarmClient {
    /// Stores a secret with the project, in place of one of the same name.
    pub async fn set_secret(&self, id: &SecretId, value: &SecretValue) -> Result<(), Error> {
        let secret = v1::Secret { id: id.to_string(), value: value.expose().to_vec() };
        let request = v1::SetSecretRequest { project: self.project.to_string(), secret: Some(secret) };
        self.ask(self.projects().set_secret(limited(request, ANSWER))).await.map(drop)
    }

    /// The project's secrets, by name.
    pub async fn secrets(&self) -> Result<Vec<StoredSecret>, Error> {
        let request = v1::ListSecretsRequest { project: self.project.to_string() };
        let answer = self.ask(self.projects().list_secrets(limited(request, ANSWER))).await?;
        let stored = |v1::SecretView { id, set_at }| StoredSecret { id, set_at: instant(set_at) };
        Ok(answer.secrets.into_iter().map(stored).collect())
    }

    /// Removes a secret of the project.
    pub async fn delete_secret(&self, id: &SecretId) -> Result<(), Error> {
        let request = v1::DeleteSecretRequest { project: self.project.to_string(), id: id.to_string() };
        self.ask(self.projects().delete_secret(limited(request, ANSWER))).await.map(drop)
    }

    /// Stores a login with the project, in place of an earlier one to the same registry.
    pub async fn set_login(&self, login: Login) -> Result<(), Error> {
        let request = v1::SetLoginRequest { project: self.project.to_string(), login: Some(login.into()) };
        self.ask(self.projects().set_login(limited(request, ANSWER))).await.map(drop)
    }

    /// The project's logins, by registry.
    pub async fn logins(&self) -> Result<Vec<StoredLogin>, Error> {
        let request = v1::ListLoginsRequest { project: self.project.to_string() };
        let answer = self.ask(self.projects().list_logins(limited(request, ANSWER))).await?;
        let stored =
            |v1::LoginView { registry, username, set_at }| StoredLogin { registry, username, set_at: instant(set_at) };
        Ok(answer.logins.into_iter().map(stored).collect())
    }

    /// Removes the project's login to a registry.
    pub async fn delete_login(&self, registry: &str) -> Result<(), Error> {
        let request = v1::DeleteLoginRequest { project: self.project.to_string(), registry: registry.to_owned() };
        self.ask(self.projects().delete_login(limited(request, ANSWER))).await.map(drop)
    }
}

fn instant(at: Option<v1::Instant>) -> Timestamp {
    Timestamp::from_millis(at.unwrap_or_default().unix_ms)
}
