//! `Runs`: submit, get, list, watch, cancel, keep.

use super::{Services, errors::status};
use crate::store::{self, Change, Order, keys};
use acre_model::{
    ids::{ProjectName, RunId, TaskName},
    reference::Reference,
    run::{RunStatus, RunView},
    secret::Confidential,
    submission::Submission,
    trace::TraceParent,
};
use acre_proto::{
    convert::{parsed, parsed_or_default, parsed_or_none},
    v1::{self, runs_server::Runs},
};
use futures::{StreamExt, stream::BoxStream};
use std::{collections::BTreeSet, sync::Arc};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status, metadata::MetadataMap};

/// Runs in one answer, at most.
const LIST_LIMIT: u32 = 1000;
/// Runs of one project that are kept whatever their age, at most.
const ARCHIVED: usize = 10_000;

#[tonic::async_trait]
impl Runs for Services {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        self.board.note_asked();
        let parent = parent_of(request.metadata());
        let (submission, given): (Submission, Confidential) = request.into_inner().try_into()?;
        let accepted = self.intake.accept(submission, given, parent).await.map_err(status)?;
        let run = self.accepted(accepted).await?;
        Ok(Response::new(v1::SubmitResponse { run: Some(run.into()) }))
    }

    async fn get(&self, request: Request<v1::GetRunRequest>) -> Result<Response<v1::Run>, Status> {
        self.board.note_asked();
        let v1::GetRunRequest { project, run, explain } = request.into_inner();
        let (project, run) = named(&project, &run)?;
        let explained = if explain { self.driver.explain(run.clone()).await.map_err(status)? } else { None };
        let view = match explained.filter(|view| view.project == project) {
            Some(view) => self.with_archive(view).await?,
            None => self.view(&project, &run).await?,
        };
        Ok(Response::new(view.into()))
    }

    async fn list(&self, request: Request<v1::ListRunsRequest>) -> Result<Response<v1::ListRunsResponse>, Status> {
        self.board.note_asked();
        let request = request.into_inner();
        let wanted = Wanted::try_from(&request)?;
        let v1::ListRunsRequest { project, limit, before, .. } = request;
        let project: ProjectName = parsed_or_default("project", &project)?;
        let before: Option<RunId> = parsed_or_none("before", &before)?;
        if limit > LIST_LIMIT {
            return Err(Status::invalid_argument(format!("limit: {limit} is more than {LIST_LIMIT}")));
        }
        let limit = if limit == 0 { 50 } else { limit as usize };
        let runs = self.newest(&project, before.as_ref(), &wanted, limit).await?;
        Ok(Response::new(v1::ListRunsResponse { runs: runs.into_iter().map(Into::into).collect() }))
    }

    type WatchStream = BoxStream<'static, Result<v1::Run, Status>>;

    async fn watch(&self, request: Request<v1::WatchRunRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.board.note_asked();
        let v1::WatchRunRequest { project, run } = request.into_inner();
        let (project, run) = named(&project, &run)?;
        if let Some(shown) = self.board.watch(&run).filter(|shown| shown.borrow().project == project) {
            let is_archive_enabled = self.is_archived(&project, &run).await?;
            let views = WatchStream::new(shown)
                .map(move |view: Arc<RunView>| Ok(RunView { is_archive_enabled, ..RunView::clone(&view) }.into()));
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

    async fn update(&self, request: Request<v1::UpdateRunRequest>) -> Result<Response<v1::Run>, Status> {
        self.board.note_asked();
        let v1::UpdateRunRequest { project, run, is_archive_enabled } = request.into_inner();
        let (project, run) = named(&project, &run)?;
        let view = self.view(&project, &run).await?;
        if view.is_archive_enabled != is_archive_enabled {
            let change = self.archive_change(&project, &run, is_archive_enabled).await?;
            self.driver.record(change).await.map_err(status)?;
        }
        Ok(Response::new(RunView { is_archive_enabled, ..view }.into()))
    }
}

/// What a request is part of. A context that cannot be read is none, as the standard asks.
fn parent_of(metadata: &MetadataMap) -> Option<TraceParent> {
    metadata.get(acre_trace::HEADER)?.to_str().ok()?.parse().ok()
}

/// Which runs are asked for.
#[derive(Default)]
struct Wanted {
    task: Option<TaskName>,
    image: Option<Reference>,
    status: Option<RunStatus>,
}

impl TryFrom<&v1::ListRunsRequest> for Wanted {
    type Error = Status;

    fn try_from(request: &v1::ListRunsRequest) -> Result<Self, Status> {
        let status = match request.status() {
            v1::RunStatus::Unspecified => None,
            status => Some(status.try_into()?),
        };
        let task = parsed_or_none("stored_task", &request.stored_task)?;
        Ok(Self { task, image: parsed_or_none("image", &request.image)?, status })
    }
}

impl Wanted {
    /// Whether every run is.
    const fn is_all(&self) -> bool {
        self.task.is_none() && self.image.is_none() && self.status.is_none()
    }

    fn is_met(&self, run: &RunView) -> bool {
        let is_of = |task: &TaskName| run.origin.task.as_ref() == Some(task);
        let built = |image: &Reference| run.output_images.iter().any(|output| output.is_named(image));
        self.task.as_ref().is_none_or(is_of)
            && self.image.as_ref().is_none_or(built)
            && self.status.is_none_or(|status| run.status == status)
    }
}

impl Services {
    /// A run, whether it goes on or has ended.
    pub(super) async fn view(&self, project: &ProjectName, run: &RunId) -> Result<RunView, Status> {
        if let Some(shown) = self.board.watch(run) {
            let view = RunView::clone(&shown.borrow());
            if view.project == *project {
                return self.with_archive(view).await;
            }
        }
        let stored = self.store.get(&keys::ended(project, run)).await.map_err(status)?;
        let stored = stored.ok_or_else(|| Status::not_found(format!("no run {run} in project {project}")))?;
        let view = store::decode(&stored.value)
            .map_err(|why| Status::data_loss(format!("the record of run {run} cannot be read: {why}")))?;
        self.with_archive(view).await
    }

    async fn with_archive(&self, view: RunView) -> Result<RunView, Status> {
        Ok(RunView { is_archive_enabled: self.is_archived(&view.project, &view.id).await?, ..view })
    }

    async fn is_archived(&self, project: &ProjectName, run: &RunId) -> Result<bool, Status> {
        Ok(self.store.get(&keys::archived(project, run)).await.map_err(status)?.is_some())
    }

    /// The keys of a project's runs that are kept whatever their age.
    async fn archived(&self, project: &ProjectName) -> Result<BTreeSet<String>, Status> {
        let all = self.store.range(keys::all_archived(project), Order::Ascending, ARCHIVED).await.map_err(status)?;
        Ok(all.into_iter().map(|record| record.key).collect())
    }

    async fn archive_change(&self, project: &ProjectName, run: &RunId, is_kept: bool) -> Result<Change, Status> {
        let key = keys::archived(project, run);
        if !is_kept {
            return Ok(Change::Delete(key));
        }
        if self.archived(project).await?.len() >= ARCHIVED {
            return Err(Status::resource_exhausted(format!(
                "a project keeps at most {ARCHIVED} runs whatever their age"
            )));
        }
        Ok(Change::Put(key, store::encode(&self.clock.now().wall)))
    }

    /// Runs of a project, newest first, without their units.
    async fn newest(
        &self,
        project: &ProjectName,
        before: Option<&RunId>,
        wanted: &Wanted,
        limit: usize,
    ) -> Result<Vec<RunView>, Status> {
        let is_older = |run: &RunView| before.is_none_or(|before| run.id < *before);
        let live = self.board.runs().into_iter().map(|view| RunView::clone(&view));
        let mut runs: Vec<RunView> =
            live.filter(|run| run.project == *project && is_older(run) && wanted.is_met(run)).collect();
        // Some of them are few among many: all are looked at, which is as much as is kept.
        let read = if wanted.is_all() { limit } else { usize::MAX };
        let stored = self.store.range(keys::all_ended(project, before), Order::Descending, read).await;
        for record in stored.map_err(status)? {
            match store::decode::<RunView>(&record.value) {
                Ok(view) => runs.extend(wanted.is_met(&view).then_some(view)),
                Err(why) => tracing::warn!(key = record.key, %why, "a record cannot be read"),
            }
        }
        runs.sort_by(|a, b| b.id.cmp(&a.id));
        runs.dedup_by(|a, b| a.id == b.id);
        runs.truncate(limit);
        let archived = self.archived(project).await?;
        for run in &mut runs {
            run.units.clear();
            run.is_archive_enabled = archived.contains(&keys::archived(project, &run.id));
        }
        Ok(runs)
    }
}

fn named(project: &str, run: &str) -> Result<(ProjectName, RunId), Status> {
    Ok((parsed_or_default("project", project)?, parsed("run", run)?))
}
