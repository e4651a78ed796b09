//! What a project keeps: in memory, for as long as the farm.

use super::{Service, views};
use acre_model::secret::Login;
use acre_proto::v1::{self, projects_server};
use tonic::{Request, Response, Status};

/// A project with one run.
fn project(name: &str) -> v1::Project {
    v1::Project { name: name.to_owned(), runs: 1, ..v1::Project::default() }
}

#[tonic::async_trait]
impl projects_server::Projects for Service {
    async fn list(&self, _: Request<v1::ListProjectsRequest>) -> Result<Response<v1::ListProjectsResponse>, Status> {
        Ok(Response::new(v1::ListProjectsResponse { projects: vec![project("default")] }))
    }

    async fn get(&self, request: Request<v1::GetProjectRequest>) -> Result<Response<v1::Project>, Status> {
        Ok(Response::new(project(&request.into_inner().project)))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteProjectRequest>,
    ) -> Result<Response<v1::DeleteProjectResponse>, Status> {
        Ok(Response::new(v1::DeleteProjectResponse { project: Some(project(&request.into_inner().project)) }))
    }

    async fn set_secret(
        &self,
        request: Request<v1::SetSecretRequest>,
    ) -> Result<Response<v1::SetSecretResponse>, Status> {
        let v1::SetSecretRequest { project, secret } = request.into_inner();
        let v1::Secret { id, value } = secret.unwrap();
        self.note(|asked| drop(asked.secrets.insert((project, id), value)));
        Ok(Response::new(v1::SetSecretResponse {}))
    }

    async fn list_secrets(
        &self,
        request: Request<v1::ListSecretsRequest>,
    ) -> Result<Response<v1::ListSecretsResponse>, Status> {
        let wanted = request.into_inner().project;
        let set_at = Some(v1::Instant { unix_ms: views::START.as_millis() });
        let asked = self.0.asked.lock().unwrap();
        let of_project = asked.secrets.keys().filter(|(project, _)| *project == wanted);
        let secrets = of_project.map(|(_, id)| v1::SecretView { id: id.clone(), set_at }).collect();
        Ok(Response::new(v1::ListSecretsResponse { secrets }))
    }

    async fn delete_secret(
        &self,
        request: Request<v1::DeleteSecretRequest>,
    ) -> Result<Response<v1::DeleteSecretResponse>, Status> {
        let v1::DeleteSecretRequest { project, id } = request.into_inner();
        let none = Status::not_found(format!("no secret {id} in project {project}"));
        self.0.asked.lock().unwrap().secrets.remove(&(project, id)).ok_or(none)?;
        Ok(Response::new(v1::DeleteSecretResponse {}))
    }

    async fn set_login(&self, request: Request<v1::SetLoginRequest>) -> Result<Response<v1::SetLoginResponse>, Status> {
        let v1::SetLoginRequest { project, login } = request.into_inner();
        let login: Login = login.unwrap().into();
        self.note(|asked| drop(asked.logins.insert((project, login.registry.clone()), login)));
        Ok(Response::new(v1::SetLoginResponse {}))
    }

    async fn list_logins(
        &self,
        request: Request<v1::ListLoginsRequest>,
    ) -> Result<Response<v1::ListLoginsResponse>, Status> {
        let wanted = request.into_inner().project;
        let set_at = Some(v1::Instant { unix_ms: views::START.as_millis() });
        let asked = self.0.asked.lock().unwrap();
        let of_project = asked.logins.iter().filter(|((project, _), _)| *project == wanted);
        let view = |login: &Login| v1::LoginView {
            registry: login.registry.clone(),
            username: login.username.clone(),
            set_at,
        };
        let logins = of_project.map(|(_, login)| view(login)).collect();
        Ok(Response::new(v1::ListLoginsResponse { logins }))
    }

    async fn delete_login(
        &self,
        request: Request<v1::DeleteLoginRequest>,
    ) -> Result<Response<v1::DeleteLoginResponse>, Status> {
        let v1::DeleteLoginRequest { project, registry } = request.into_inner();
        let none = Status::not_found(format!("no login to {registry} in project {project}"));
        self.0.asked.lock().unwrap().logins.remove(&(project, registry)).ok_or(none)?;
        Ok(Response::new(v1::DeleteLoginResponse {}))
    }
}
