//! `Runs`: submit, get, list, watch, cancel.

use super::{Services, errors::status};
use crate::store::{self, Order, keys};
use acre_model::{
    ids::{ProjectName, RunId, TaskName},
    run::RunView,
    secret::Confidential,
    submission::Submission,
};
use acre_proto::{
    convert::{parsed, parsed_or_default, parsed_or_none},
    v1::{self, runs_server::Runs},
};
use futures::{StreamExt, stream::BoxStream};
use std::sync::Arc;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

/// Runs in one answer, at most.
const LIST_LIMIT: u32 = 1000;

#[tonic::async_trait]
impl Runs for Services {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        self.board.note_asked();
        let (submission, given): (Submission, Confidential) = request.into_inner().try_into()?;
        let accepted = self.intake.accept(submission, given).await.map_err(status)?;
        let run = self.accepted(accepted).await?;
        Ok(Response::new(v1::SubmitResponse { run: Some(run.into()) }))
    }

    async fn get(&self, request: Request<v1::GetRunRequest>) -> Result<Response<v1::Run>, Status> {
        self.board.note_asked();
        let v1::GetRunRequest { project, run, explain } = request.into_inner();
        let (project, run) = named(&project, &run)?;
        let explained = if explain { self.driver.explain(run.clone()).await.map_err(status)? } else { None };
        let view = match explained.filter(|view| view.project == project) {
            Some(view) => view,
            None => self.view(&project, &run).await?,
        };
        Ok(Response::new(view.into()))
    }

    async fn list(&self, request: Request<v1::ListRunsRequest>) -> Result<Response<v1::ListRunsResponse>, Status> {
        self.board.note_asked();
        let v1::ListRunsRequest { project, limit, before, stored_task } = request.into_inner();
        let project: ProjectName = parsed_or_default("project", &project)?;
        let before: Option<RunId> = parsed_or_none("before", &before)?;
        if limit > LIST_LIMIT {
            return Err(Status::invalid_argument(format!("limit: {limit} is more than {LIST_LIMIT}")));
        }
        let limit = if limit == 0 { 50 } else { limit as usize };
        let task: Option<TaskName> = parsed_or_none("stored_task", &stored_task)?;
        let runs = self.newest(&project, (before.as_ref(), task.as_ref()), limit).await?;
        Ok(Response::new(v1::ListRunsResponse { runs: runs.into_iter().map(Into::into).collect() }))
    }

    type WatchStream = BoxStream<'static, Result<v1::Run, Status>>;

    async fn watch(&self, request: Request<v1::WatchRunRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.board.note_asked();
        let v1::WatchRunRequest { project, run } = request.into_inner();
        let (project, run) = named(&project, &run)?;
        if let Some(shown) = self.board.watch(&run).filter(|shown| shown.borrow().project == project) {
            let views = WatchStream::new(shown).map(|view: Arc<RunView>| Ok(RunView::clone(&view).into()));
            return Ok(Response::new(views.boxed()));
        }
        let last = self.view(&project, &run).await?;
        Ok(Response::new(futures::stream::iter([Ok(last.into())]).boxed()))
    }

    async fn cancel(&self, request: Request<v1::CancelRunRequest>) -> Result<Response<v1::CancelRunResponse>, Status> {
        self.board.note_asked();
        let v1::CancelRunRequest { project, run } = request.into_inner();
        let (project, run) = named(&project, &run)?;
        let view = self.view(&project, &run).await?;
        let canceled =
            if view.status.is_final() { None } else { self.driver.cancel(run.clone()).await.map_err(status)? };
        let view = match canceled {
            Some(view) => view,
            None => self.view(&project, &run).await?,
        };
        Ok(Response::new(v1::CancelRunResponse { run: Some(view.into()) }))
    }
}

impl Services {
    /// A run, whether it goes on or has ended.
    pub(super) async fn view(&self, project: &ProjectName, run: &RunId) -> Result<RunView, Status> {
        if let Some(shown) = self.board.watch(run) {
            let view = RunView::clone(&shown.borrow());
            if view.project == *project {
                return Ok(view);
            }
        }
        let stored = self.store.get(&keys::ended(project, run)).await.map_err(status)?;
        let stored = stored.ok_or_else(|| Status::not_found(format!("no run {run} in project {project}")))?;
        store::decode(&stored.value)
            .map_err(|why| Status::data_loss(format!("the record of run {run} cannot be read: {why}")))
    }

    /// Runs of a project (of one of its tasks), newest first, without their units.
    async fn newest(
        &self,
        project: &ProjectName,
        (before, task): (Option<&RunId>, Option<&TaskName>),
        limit: usize,
    ) -> Result<Vec<RunView>, Status> {
        let is_asked = |run: &RunView| task.is_none_or(|task| run.origin.task.as_ref() == Some(task));
        let is_older = |run: &RunView| before.is_none_or(|before| run.id < *before);
        let live = self.board.runs().into_iter().map(|view| RunView::clone(&view));
        let mut runs: Vec<RunView> =
            live.filter(|run| run.project == *project && is_older(run) && is_asked(run)).collect();
        // Of one task they are few among many: all are looked at, which is as much as is kept.
        let read = if task.is_some() { usize::MAX } else { limit };
        let stored = self.store.range(keys::all_ended(project, before), Order::Descending, read).await;
        for record in stored.map_err(status)? {
            match store::decode::<RunView>(&record.value) {
                Ok(view) => runs.extend(is_asked(&view).then_some(view)),
                Err(why) => tracing::warn!(key = record.key, %why, "a record cannot be read"),
            }
        }
        runs.sort_by(|a, b| b.id.cmp(&a.id));
        runs.dedup_by(|a, b| a.id == b.id);
        runs.truncate(limit);
        runs.iter_mut().for_each(|run| run.units.clear());
        Ok(runs)
    }
}

fn named(project: &str, run: &str) -> Result<(ProjectName, RunId), Status> {
    Ok((parsed_or_default("project", project)?, parsed("run", run)?))
}
