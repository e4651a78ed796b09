//! Projects, and what they keep: secrets and logins. Values go there and never come back.

use super::{ANSWER, FarmClient, limited};
use crate::error::Error;
use acre_model::{
    ids::{ProjectName, SecretId},
    secret::{Login, SecretValue},
    time::Timestamp,
};
use acre_proto::v1;
use serde::Serialize;
use std::time::Duration;

/// How long a farm may take to remove a project with all its runs.
const REMOVAL: Duration = Duration::from_secs(600);

/// What is in a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProjectView {
    /// Its name.
    pub name: String,
    /// Tasks that it keeps.
    pub tasks: u32,
    /// Runs, of whatever status.
    pub runs: u32,
    /// Of them, those that go on.
    pub runs_going_on: u32,
    /// Of them, those that are kept, whatever their age.
    pub runs_archived: u32,
    /// Names of its secrets.
    pub secrets: Vec<String>,
    /// Registries to which it has logins.
    pub logins: Vec<String>,
}

impl From<v1::Project> for ProjectView {
    fn from(wire: v1::Project) -> Self {
        let v1::Project { name, tasks, runs, runs_going_on, runs_archived, secrets, logins } = wire;
        Self { name, tasks, runs, runs_going_on, runs_archived, secrets, logins }
    }
}

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
    /// The projects of the farm, by name.
    pub async fn all_projects(&self) -> Result<Vec<ProjectView>, Error> {
        let answer = self.ask(self.projects().list(limited(v1::ListProjectsRequest {}, ANSWER))).await?;
        Ok(answer.projects.into_iter().map(Into::into).collect())
    }

    /// What is in a project, whichever the other questions are for.
    pub async fn project_view(&self, project: &ProjectName) -> Result<ProjectView, Error> {
        let request = v1::GetProjectRequest { project: project.to_string() };
        self.ask(self.projects().get(limited(request, ANSWER))).await.map(Into::into)
    }

    /// Removes everything that is in a project; returns what that was.
    pub async fn delete_project(&self, project: &ProjectName) -> Result<ProjectView, Error> {
        let request = v1::DeleteProjectRequest { project: project.to_string() };
        let answer = self.ask(self.projects().delete(limited(request, REMOVAL))).await?;
        answer.project.map(Into::into).ok_or_else(|| Error::Farm("it does not say what was removed".to_owned()))
    }

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
