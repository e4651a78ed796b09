//! `Projects`: secrets and logins that runs of a project may use. Values go in and never come out.

use super::{Services, errors::status};
use crate::secrets::{LoginView, SecretView};
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

impl Services {
    /// The project that a client asks something of.
    fn asked_of(&self, project: &str) -> Result<ProjectName, Invalid> {
        self.board.note_asked();
        parsed_or_default("project", project)
    }
}
