//! `Projects`: what is in them, and secrets and logins that their runs may use. Values go in and never come out.

use super::{Services, errors::status};
use crate::{
    projects::{self, ProjectView},
    secrets::{LoginView, SecretView},
};
use acre_model::{
    ids::{ProjectName, SecretId},
    secret::Login,
};
use acre_proto::{
    Invalid,
    convert::{parsed, parsed_or_default, secret},
    v1::{self, projects_server::Projects},
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Projects for Services {
    async fn list(&self, _: Request<v1::ListProjectsRequest>) -> Result<Response<v1::ListProjectsResponse>, Status> {
        self.board.note_asked();
        let projects = self.all_projects().list().await.map_err(status)?;
        Ok(Response::new(v1::ListProjectsResponse { projects: projects.into_iter().map(wire).collect() }))
    }

    async fn get(&self, request: Request<v1::GetProjectRequest>) -> Result<Response<v1::Project>, Status> {
        let project = self.asked_of(&request.into_inner().project)?;
        let view = self.all_projects().get(&project).await.map_err(status)?;
        Ok(Response::new(wire(view)))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteProjectRequest>,
    ) -> Result<Response<v1::DeleteProjectResponse>, Status> {
        // What goes for ever is named in full.
        let project: ProjectName = parsed("project", &request.into_inner().project)?;
        self.board.note_asked();
        let was = self.all_projects().delete(&project).await.map_err(status)?;
        Ok(Response::new(v1::DeleteProjectResponse { project: Some(wire(was)) }))
    }

    async fn set_secret(
        &self,
        request: Request<v1::SetSecretRequest>,
    ) -> Result<Response<v1::SetSecretResponse>, Status> {
        let v1::SetSecretRequest { project, secret: wire } = request.into_inner();
        let project = self.asked_of(&project)?;
        let wire = wire.ok_or_else(|| Invalid::missing("secret"))?;
        let (id, value) = secret(wire, ["secret.id", "secret.value"])?;
        let change = self.secrets.set_secret(&project, id, value, self.clock.now().wall).await.map_err(status)?;
        self.driver.record(change).await.map_err(status)?;
        Ok(Response::new(v1::SetSecretResponse {}))
    }

    async fn list_secrets(
        &self,
        request: Request<v1::ListSecretsRequest>,
    ) -> Result<Response<v1::ListSecretsResponse>, Status> {
        let project = self.asked_of(&request.into_inner().project)?;
        let secrets = self.secrets.secrets(&project).await.map_err(status)?;
        let shown = |SecretView { id, set_at }| v1::SecretView { id: id.to_string(), set_at: Some(set_at.into()) };
        Ok(Response::new(v1::ListSecretsResponse { secrets: secrets.into_iter().map(shown).collect() }))
    }

    async fn delete_secret(
        &self,
        request: Request<v1::DeleteSecretRequest>,
    ) -> Result<Response<v1::DeleteSecretResponse>, Status> {
        let v1::DeleteSecretRequest { project, id } = request.into_inner();
        let project = self.asked_of(&project)?;
        let id: SecretId = parsed("id", &id)?;
        let change = self.secrets.delete_secret(&project, &id).await.map_err(status)?;
        self.driver.record(change).await.map_err(status)?;
        Ok(Response::new(v1::DeleteSecretResponse {}))
    }

    async fn set_login(&self, request: Request<v1::SetLoginRequest>) -> Result<Response<v1::SetLoginResponse>, Status> {
        let v1::SetLoginRequest { project, login } = request.into_inner();
        let project = self.asked_of(&project)?;
        let login: Login = login.ok_or_else(|| Invalid::missing("login"))?.into();
        let change = self.secrets.set_login(&project, login, self.clock.now().wall).await.map_err(status)?;
        self.driver.record(change).await.map_err(status)?;
        Ok(Response::new(v1::SetLoginResponse {}))
    }

    async fn list_logins(
        &self,
        request: Request<v1::ListLoginsRequest>,
    ) -> Result<Response<v1::ListLoginsResponse>, Status> {
        let project = self.asked_of(&request.into_inner().project)?;
        let logins = self.secrets.logins(&project).await.map_err(status)?;
        let shown = |LoginView { registry, username, set_at }| v1::LoginView {
            registry,
            username,
            set_at: Some(set_at.into()),
        };
        Ok(Response::new(v1::ListLoginsResponse { logins: logins.into_iter().map(shown).collect() }))
    }

    async fn delete_login(
        &self,
        request: Request<v1::DeleteLoginRequest>,
    ) -> Result<Response<v1::DeleteLoginResponse>, Status> {
        let v1::DeleteLoginRequest { project, registry } = request.into_inner();
        let project = self.asked_of(&project)?;
        let change = self.secrets.delete_login(&project, &registry).await.map_err(status)?;
        self.driver.record(change).await.map_err(status)?;
        Ok(Response::new(v1::DeleteLoginResponse {}))
    }
}

fn wire(view: ProjectView) -> v1::Project {
    let ProjectView { name, tasks, going_on, ended, archived, secrets, logins } = view;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    v1::Project {
        name: name.to_string(),
        tasks: count(tasks),
        runs: count(going_on + ended),
        runs_going_on: count(going_on),
        runs_archived: count(archived),
        secrets,
        logins,
    }
}

impl Services {
    fn all_projects(&self) -> projects::Projects {
        projects::Projects {
            store: self.store.clone(),
            driver: self.driver.clone(),
            board: self.board.clone(),
            logs: self.logs.clone(),
            secrets: self.secrets.clone(),
            stored_tasks: self.stored_tasks.clone(),
        }
    }

    /// The project that a client asks something of.
    fn asked_of(&self, project: &str) -> Result<ProjectName, Invalid> {
        self.board.note_asked();
        parsed_or_default("project", project)
    }
}
