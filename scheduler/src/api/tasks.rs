//! `Tasks`: what a project keeps to be run again. Values of secrets go in and never come out.

use super::{Services, errors::status};
use crate::{
    graph::{Edge, Graph, Wave},
    intake::Accepted,
    stored_tasks::{Expected, Given},
};
use acre_model::{
    ids::{ProjectName, TaskName},
    origin::Start,
    secret::{Confidential, SecretValue},
    stored_task::{Overrides, StoredTask},
};
use acre_proto::{
    Invalid,
    convert::{parsed, parsed_or_default, parsed_or_none, secret},
    v1::{self, graph_response, put_task_request, tasks_server::Tasks},
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Tasks for Services {
    async fn put(&self, request: Request<v1::PutTaskRequest>) -> Result<Response<v1::StoredTask>, Status> {
        self.board.note_asked();
        let v1::PutTaskRequest { task, expected, secrets, logins, git_token } = request.into_inner();
        let task: StoredTask = task.ok_or_else(|| Invalid::missing("task"))?.try_into()?;
        let expected = match expected {
            None => Expected::Any,
            Some(put_task_request::Expected::Absent(_)) => Expected::Absent,
            Some(put_task_request::Expected::UpdatedAt(at)) => Expected::Version(at.into()),
        };
        let logins = logins.into_iter().map(Into::into).collect();
        let confidential = Confidential { logins, ..confidential(secrets)? };
        let git_token = (!git_token.is_empty()).then(|| SecretValue::new(git_token));
        let stored = self.stored_tasks.put(task, expected, Given { confidential, git_token }).await.map_err(status)?;
        Ok(Response::new(stored.into()))
    }

    async fn get(&self, request: Request<v1::GetTaskRequest>) -> Result<Response<v1::StoredTask>, Status> {
        self.board.note_asked();
        let v1::GetTaskRequest { project, name } = request.into_inner();
        let (project, name) = named(&project, &name)?;
        Ok(Response::new(self.stored_tasks.get(&project, &name).await.map_err(status)?.into()))
    }

    async fn list(&self, request: Request<v1::ListTasksRequest>) -> Result<Response<v1::ListTasksResponse>, Status> {
        self.board.note_asked();
        let project: ProjectName = parsed_or_default("project", &request.into_inner().project)?;
        let tasks = self.stored_tasks.list(&project).await.map_err(status)?;
        Ok(Response::new(v1::ListTasksResponse { tasks: tasks.into_iter().map(Into::into).collect() }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteTaskRequest>,
    ) -> Result<Response<v1::DeleteTaskResponse>, Status> {
        self.board.note_asked();
        let v1::DeleteTaskRequest { project, name } = request.into_inner();
        let (project, name) = named(&project, &name)?;
        self.stored_tasks.delete(&project, &name).await.map_err(status)?;
        Ok(Response::new(v1::DeleteTaskResponse {}))
    }

    async fn run(&self, request: Request<v1::RunTaskRequest>) -> Result<Response<v1::Run>, Status> {
        self.board.note_asked();
        let v1::RunTaskRequest { project, name, overrides, secrets, idempotency_key } = request.into_inner();
        let (project, name) = named(&project, &name)?;
        let overrides: Overrides = overrides.unwrap_or_default().try_into()?;
        let given = confidential(secrets)?;
        let key = (!idempotency_key.is_empty()).then_some(idempotency_key);
        let task = self.stored_tasks.get(&project, &name).await.map_err(status)?;
        let accepted = self.stored_tasks.run(&task, Start::Manual, (overrides, given), key).await.map_err(status)?;
        Ok(Response::new(self.accepted(accepted).await?.into()))
    }

    async fn hook(&self, request: Request<v1::HookRequest>) -> Result<Response<v1::HookResponse>, Status> {
        self.board.note_asked();
        let v1::HookRequest { project, name, anew } = request.into_inner();
        let project: ProjectName = parsed_or_default("project", &project)?;
        let secret = match parsed_or_none::<TaskName>("name", &name)? {
            Some(name) => self.stored_tasks.hook(&project, &name, anew).await,
            None => self.stored_tasks.registry_hook(&project, anew).await,
        };
        Ok(Response::new(v1::HookResponse { secret: secret.map_err(status)?.expose().to_vec() }))
    }

    async fn graph(&self, request: Request<v1::GraphRequest>) -> Result<Response<v1::GraphResponse>, Status> {
        self.board.note_asked();
        let v1::GraphRequest { project, if_image } = request.into_inner();
        let project: ProjectName = parsed_or_default("project", &project)?;
        let tasks = self.stored_tasks.list(&project).await.map_err(status)?;
        let graph = Graph::new(&tasks, self.stored_tasks.lineages(&project).await.map_err(status)?);
        let wave = (!if_image.is_empty()).then(|| graph.wave_of_any(&if_image)).flatten();
        let would_start = wave.as_ref().map(Wave::in_order).unwrap_or_default().into_iter().map(|(task, after)| {
            let after = after.iter().map(ToString::to_string).collect();
            graph_response::WouldStart { task: task.to_string(), after }
        });
        let would_start = would_start.collect();
        let edges = graph.edges().into_iter().map(edge).collect();
        Ok(Response::new(v1::GraphResponse { edges, would_start }))
    }
}

fn edge(edge: Edge) -> graph_response::Edge {
    let Edge { from, image, to } = edge;
    let from = from.map(|from| from.to_string()).unwrap_or_default();
    graph_response::Edge { from, image, to: to.to_string() }
}

impl Services {
    /// The run that a submission became.
    pub(super) async fn accepted(&self, accepted: Accepted) -> Result<acre_model::run::RunView, Status> {
        match accepted {
            Accepted::Live(view) => Ok(*view),
            Accepted::Ended(project, run) => self.view(&project, &run).await,
        }
    }
}

fn named(project: &str, name: &str) -> Result<(ProjectName, TaskName), Invalid> {
    Ok((parsed_or_default("project", project)?, parsed("name", name)?))
}

fn confidential(secrets: Vec<v1::Secret>) -> Result<Confidential, Invalid> {
    let secrets = secrets.into_iter().map(|one| secret(one, ["secrets.id", "secrets.value"]));
    Ok(Confidential { secrets: secrets.collect::<Result<_, _>>()?, logins: Vec::new() })
}
