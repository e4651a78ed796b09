//! `Runs`: submit, get, list, watch, cancel.

use super::{
    Services,
    errors::{DISK_FULL, status},
};
use crate::{
    blobs::digest_of,
    compile::{self, Compiled, Known, To},
    driver::IdempotencyKey,
    farm::{AliasFiles, NewRun},
    store::{self, Order, keys},
};
use acre_model::{
    ids::{ProjectName, RunId},
    plan::{Plan, ResolvedSource},
    run::RunView,
    secret::{Confidential, Nonce},
    submission::{Source, Submission, TaskSource},
};
use acre_proto::{
    convert::{parsed, parsed_or_default, parsed_or_none},
    v1::{self, runs_server::Runs},
};
use acre_task::address::{self, Sealed};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use std::{path::Path, sync::Arc};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

/// Below this, no run is accepted: its logs would have no room. In bytes.
const ROOM: u64 = 64 * 1024 * 1024;
/// Runs in one answer, at most.
const LIST_LIMIT: u32 = 1000;

#[tonic::async_trait]
impl Runs for Services {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        self.board.note_asked();
        check_room(&self.data)?;
        let (submission, given): (Submission, Confidential) = request.into_inner().try_into()?;
        let run = self.accept(submission, given).await?;
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
        let v1::ListRunsRequest { project, limit, before } = request.into_inner();
        let project: ProjectName = parsed_or_default("project", &project)?;
        let before: Option<RunId> = parsed_or_none("before", &before)?;
        if limit > LIST_LIMIT {
            return Err(Status::invalid_argument(format!("limit: {limit} is more than {LIST_LIMIT}")));
        }
        let limit = if limit == 0 { 50 } else { limit as usize };
        let runs = self.newest(&project, before.as_ref(), limit).await?;
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

/// What is planned of a run when it is handed in.
struct Planned {
    task_shown: String,
    resolved: Option<ResolvedSource>,
    /// Addresses of files of aliases, which are fetched first.
    aliases: Vec<String>,
    plan: Plan,
    /// It is not only what is fetched first.
    is_whole: bool,
    sealed: Option<Bytes>,
}

impl Services {
    /// Compiles what can be compiled now, finds its secrets, stores texts and plan, and hands the run to the driver.
    async fn accept(&self, submission: Submission, given: Confidential) -> Result<RunView, Status> {
        let encoded = store::encode(&submission);
        let key = submission.idempotency_key.as_ref().map(|key| IdempotencyKey {
            stored_under: keys::idempotency(&submission.project, &digest_of(key.as_bytes()).hex()),
            body: self.secrets.fingerprint(&encoded, &given),
        });
        let given = self.secrets.given(&submission.project, given).await.map_err(status)?;
        let now = self.clock.now().wall;
        let known = Known { run: self.ids.next(now), submitted_at: now, nonce: self.secrets.nonce() };
        let (id, project) = (known.run.clone(), submission.project.clone());
        let (submission, given) = with_sealed_address(submission, given, &known.nonce)?;
        let (run, sealed) = self.new_run(submission, given, known).await?;
        match self.driver.submit(run, sealed, key).await.map_err(status)? {
            Some(view) => Ok(view),
            None => self.view(&project, &id).await,
        }
    }

    /// A run as the driver takes it, and what it keeps secret.
    async fn new_run(
        &self,
        submission: Submission,
        given: Confidential,
        known: Known,
    ) -> Result<(NewRun, Option<Bytes>), Status> {
        let submission = Arc::new(submission);
        let planned = self.plan(&submission, given, &known).await?;
        let Planned { task_shown, resolved, aliases, plan, is_whole, sealed } = planned;
        let plan_digest = match is_whole {
            true => Some(self.blobs.put_bytes(store::encode(&plan)).await.map_err(status)?),
            false => None,
        };
        let run = NewRun {
            id: known.run,
            project: submission.project.clone(),
            submission: self.blobs.put_bytes(store::encode(&*submission)).await.map_err(status)?,
            source_shown: submission.source_shown.clone(),
            task_shown,
            pool: submission.pool.clone(),
            emulation: submission.emulation,
            timeout_ms: submission.timeout_ms,
            nonce: known.nonce,
            resolved,
            aliases,
            plan: Arc::new(plan),
            plan_digest,
        };
        Ok((run, sealed))
    }

    /// What can be planned now: all of the run, or what is fetched before its task is compiled.
    async fn plan(&self, submission: &Arc<Submission>, given: Confidential, known: &Known) -> Result<Planned, Status> {
        if let Source::Address(_) = &submission.source {
            let (task_shown, aliases) = match &submission.task {
                TaskSource::Text(text) => (text.name.clone(), acre_task::alias_addresses(text)),
                TaskSource::File(name) => {
                    (name.clone().unwrap_or_else(|| acre_task::DEFAULT_NAMES[0].to_owned()), Vec::new())
                }
            };
            return self.first(submission, &given, known, (task_shown, None, aliases));
        }
        let tree = self.stored_tree(&submission.source).await?;
        let resolved = Some(ResolvedSource { tree, commit: None, reference: None });
        let work = self.compiler.compile(submission.clone(), known.clone(), resolved.clone(), AliasFiles::default());
        let Compiled { task_shown, to } = work.await.map_err(status)?;
        let plan = match to {
            To::Plan(plan) => plan,
            To::Aliases(aliases) => return self.first(submission, &given, known, (task_shown, resolved, aliases)),
        };
        let confidential = self.secrets.resolve(&submission.project, &plan, given).await.map_err(status)?;
        let sealed = self.secrets.seal_resolved(&known.run, confidential, &plan);
        Ok(Planned { task_shown, resolved, aliases: Vec::new(), plan, is_whole: true, sealed })
    }

    /// A run for which something is fetched before its task is compiled.
    fn first(
        &self,
        submission: &Submission,
        given: &Confidential,
        known: &Known,
        (task_shown, resolved, aliases): (String, Option<ResolvedSource>, Vec<String>),
    ) -> Result<Planned, Status> {
        let plan = compile::first_plan(submission, &aliases).map_err(status)?;
        let sealed = self.secrets.seal_given(&known.run, given, &known.nonce);
        Ok(Planned { task_shown, resolved, aliases, plan, is_whole: false, sealed })
    }

    /// The tree of a source, which must be complete; having its root means having all of it.
    async fn stored_tree(&self, source: &Source) -> Result<Option<acre_model::digest::Digest>, Status> {
        let Source::Tree(tree) = source else { return Ok(None) };
        if self.blobs.has(tree).await.map_err(status)? {
            return Ok(Some(*tree));
        }
        Err(Status::failed_precondition(format!("source: tree {tree} is not stored; put it first")))
    }

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

    /// Runs of a project, newest first, without their units.
    async fn newest(
        &self,
        project: &ProjectName,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<RunView>, Status> {
        let is_older = |run: &RunView| before.is_none_or(|before| run.id < *before);
        let live = self.board.runs().into_iter().map(|view| RunView::clone(&view));
        let mut runs: Vec<RunView> = live.filter(|run| run.project == *project && is_older(run)).collect();
        let stored = self.store.range(keys::all_ended(project, before), Order::Descending, limit).await;
        for record in stored.map_err(status)? {
            match store::decode::<RunView>(&record.value) {
                Ok(view) => runs.push(view),
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

/// A submission that may be stored: what is secret of its source's address goes to the other secrets.
fn with_sealed_address(
    mut submission: Submission,
    mut given: Confidential,
    nonce: &Nonce,
) -> Result<(Submission, Confidential), Status> {
    if let Source::Address(text) = &mut submission.source {
        address::parse(text).map_err(|why| Status::invalid_argument(format!("source: {why}")))?;
        submission.source_shown = address::shown(text);
        let Sealed { address, secrets } = address::seal(text, nonce);
        *text = address;
        given.secrets.extend(secrets);
    }
    Ok((submission, given))
}

/// A full disk is told before anything is lost on it.
fn check_room(data: &Path) -> Result<(), Status> {
    let Ok(disk) = rustix::fs::statvfs(data) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= ROOM {
        return Ok(());
    }
    Err(DISK_FULL.with(format!(
        "no run is accepted: {} has {} MiB left, and {} MiB are needed; free some",
        data.display(),
        free / (1024 * 1024),
        ROOM / (1024 * 1024)
    )))
}
