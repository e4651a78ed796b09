//! `Tasks`: what a project keeps to be run again. Values of secrets go in and never come out.

use super::{Services, errors::status};
use crate::{
    graph::{Edge, Graph, Made, Stale, StepState, Wave, Why, WhyKind},
    intake::Accepted,
    store::{self, keys},
    stored_tasks::{Expected, Given},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, RunId, TaskName},
    origin::Start,
    run::RunView,
    secret::{Confidential, SecretValue},
    stored_task::{Overrides, StoredTask},
};
use acre_proto::{
    Invalid,
    convert::{parsed, parsed_or_default, parsed_or_none, secret},
    v1::{self, graph_response, put_task_request, tasks_server::Tasks},
};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use tonic::{Request, Response, Status};

/// Records that are read at one time.
const PARALLEL: usize = 16;

#[tonic::async_trait]
impl Tasks for Services {
    async fn put(&self, request: Request<v1::PutTaskRequest>) -> Result<Response<v1::StoredTask>, Status> {
        self.board.note_asked();
        let v1::PutTaskRequest { task, expected, secrets, logins, git_token, dry_run } = request.into_inner();
        let task: StoredTask = task.ok_or_else(|| Invalid::missing("task"))?.try_into()?;
        let expected = match expected {
            None => Expected::Any,
            Some(put_task_request::Expected::Absent(_)) => Expected::Absent,
            Some(put_task_request::Expected::UpdatedAt(at)) => Expected::Version(at.into()),
        };
        let logins = logins.into_iter().map(Into::into).collect();
        let confidential = Confidential { logins, ..confidential(secrets)? };
        let git_token = (!git_token.is_empty()).then(|| SecretValue::new(git_token));
        let given = Given { confidential, git_token };
        let stored = match dry_run {
            true => self.stored_tasks.would_put(task, expected, given).await,
            false => self.stored_tasks.put(task, expected, given).await,
        };
        Ok(Response::new(self.stored_tasks.with_next(stored.map_err(status)?).into()))
    }

    async fn get(&self, request: Request<v1::GetTaskRequest>) -> Result<Response<v1::StoredTask>, Status> {
        self.board.note_asked();
        let v1::GetTaskRequest { project, name } = request.into_inner();
        let (project, name) = named(&project, &name)?;
        let task = self.stored_tasks.get(&project, &name).await.map_err(status)?;
        Ok(Response::new(self.stored_tasks.with_next(task).into()))
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
        let stale = self.stale(&project, &graph).await?.into_iter().map(wire_stale).collect();
        Ok(Response::new(v1::GraphResponse { edges, would_start, stale }))
    }
}

fn edge(edge: Edge) -> graph_response::Edge {
    let Edge { from, image, to } = edge;
    let from = from.map(|from| from.to_string()).unwrap_or_default();
    graph_response::Edge { from, image, to: to.to_string() }
}

fn wire_stale(Stale { task, why }: Stale) -> graph_response::Stale {
    let why = why.into_iter().map(|Why { image, digest, kind }| {
        let kind = match kind {
            WhyKind::Made(run) => graph_response::why::Kind::Run(run.to_string()),
            WhyKind::OnItsWay(state) => graph_response::why::Kind::Progress(progress(&state).into()),
            WhyKind::Told => graph_response::why::Kind::Told(graph_response::Told {}),
        };
        graph_response::Why { image, digest: digest.to_string(), kind: Some(kind) }
    });
    graph_response::Stale { task: task.to_string(), why: why.collect() }
}

/// What was told of images, as far as the waves that go on know; of an image of which they disagree it is not known what
/// is the newest.
fn told(waves: &[Wave]) -> BTreeMap<String, Digest> {
    let is_one = |wave: &&Wave| waves.iter().all(|other| other.image != wave.image || other.digest == wave.digest);
    waves.iter().filter(is_one).map(|wave| (wave.image.clone(), wave.digest)).collect()
}

const fn progress(state: &StepState) -> graph_response::Progress {
    match state {
        // What has succeeded is not stale.
        StepState::Succeeded => graph_response::Progress::Unspecified,
        StepState::Waiting => graph_response::Progress::Waiting,
        StepState::Started(_) => graph_response::Progress::Started,
        StepState::Failed => graph_response::Progress::Failed,
        StepState::Skipped => graph_response::Progress::Skipped,
    }
}

impl Services {
    /// The tasks of a project that are not built on what their images are now.
    async fn stale(&self, project: &ProjectName, graph: &Graph) -> Result<Vec<Stale>, Status> {
        let last = |task: TaskName, run: RunId| async move {
            let stored = self.store.get(&keys::ended(project, &run)).await.map_err(status)?;
            let view = stored.and_then(|stored| store::decode::<RunView>(&stored.value).ok());
            Ok::<_, Status>(view.and_then(|view| Made::of(task, &view)))
        };
        let makers: Vec<_> = graph.makers_in_use().map(|last| (last.task.clone(), last.run.clone())).collect();
        let made = futures::stream::iter(makers).map(|(task, run)| last(task, run)).buffered(PARALLEL);
        let made: Vec<Option<Made>> = made.try_collect().await?;
        let waves = self.waves.going_on(project).await.map_err(status)?;
        let made: Vec<Made> = made.into_iter().flatten().collect();
        Ok(graph.stale(&made, &waves, &told(&waves)))
    }

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
