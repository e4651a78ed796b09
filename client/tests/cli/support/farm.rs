//! A farm in this process that plays a scenario over a Unix socket.

mod notifications;
mod projects;

use super::views;
use acre_model::{
    fleet::AgentView,
    log::Followed,
    notification::Notification,
    report::Report,
    run::{RunStatus, RunView},
    secret::{Confidential, Login},
    submission::Submission,
};
use acre_proto::v1::{
    self, blobs_server, fleet_server, logs_server, notifications_server, projects_server, runs_server,
};
use futures::{StreamExt, stream, stream::BoxStream};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::{
    net::UnixListener,
    runtime::{Builder, Runtime},
    sync::watch,
};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status, Streaming, codec::CompressionEncoding, transport::Server};

/// What the farm plays.
#[derive(Clone)]
pub struct Scenario {
    /// The run as it is while it lasts.
    pub running: RunView,
    /// The run once it is over.
    pub over: RunView,
    /// Whether it is over without anybody's doing.
    pub ends: bool,
    /// Its log.
    pub log: Vec<Followed>,
    /// Its report.
    pub report: Option<Report>,
    /// The connection of a follower breaks after this many frames.
    pub cut_after: Option<usize>,
    /// What submitting is answered with instead.
    pub refusal: Option<Status>,
    /// The fleet.
    pub agents: Vec<AgentView>,
    /// The scheduler's version.
    pub version: String,
}

impl Scenario {
    /// A run that ends so, and says nothing.
    pub fn ending(status: RunStatus) -> Self {
        let over = views::run(status);
        Self {
            running: RunView { report: None, ended_at: None, error: None, ..views::run(RunStatus::Running) },
            report: Some(views::report(&over)),
            over,
            ends: true,
            log: Vec::new(),
            cut_after: None,
            refusal: None,
            agents: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// What the farm was asked.
#[derive(Default)]
pub struct Asked {
    pub submissions: Vec<Submission>,
    /// What came with each submission.
    pub confidential: Vec<Confidential>,
    /// Secrets of projects.
    pub secrets: BTreeMap<(String, String), Vec<u8>>,
    /// Logins of projects, by project and registry.
    pub logins: BTreeMap<(String, String), Login>,
    /// Whom projects notify, by project and name.
    pub notifications: BTreeMap<(String, String), Notification>,
    pub followed: Vec<v1::FollowRequest>,
    pub blobs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub blobs_put: usize,
    pub canceled: usize,
    pub stopped: Vec<bool>,
}

/// The farm; it ends with this value, and every connection with it.
pub struct Farm {
    state: Arc<State>,
    runtime: Option<Runtime>,
}

struct State {
    scenario: Scenario,
    asked: Mutex<Asked>,
    run: watch::Sender<RunView>,
}

impl Farm {
    /// Plays `scenario` on a socket at this path, in place of what was there.
    pub fn listen(socket: &Path, scenario: Scenario) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let run = if scenario.ends { scenario.over.clone() } else { scenario.running.clone() };
        let state = Arc::new(State { scenario, asked: Mutex::default(), run: watch::Sender::new(run) });
        let service = Service(Arc::clone(&state));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = UnixListenerStream::new(UnixListener::from_std(listener).unwrap());
            let blobs = blobs_server::BlobsServer::new(service.clone()).accept_compressed(CompressionEncoding::Zstd);
            let server = Server::builder()
                .add_service(runs_server::RunsServer::new(service.clone()))
                .add_service(logs_server::LogsServer::new(service.clone()))
                .add_service(projects_server::ProjectsServer::new(service.clone()))
                .add_service(notifications_server::NotificationsServer::new(service.clone()))
                .add_service(fleet_server::FleetServer::new(service))
                .add_service(blobs)
                .serve_with_incoming(listener);
            server.await.unwrap();
        });
        Self { state, runtime: Some(runtime) }
    }

    /// What it was asked by now.
    pub fn asked<T>(&self, look: impl FnOnce(&Asked) -> T) -> T {
        look(&self.state.asked.lock().unwrap())
    }

    /// Has these blobs.
    pub fn store(&self, blobs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) {
        self.state.asked.lock().unwrap().blobs.extend(blobs);
    }

    /// Ends the run.
    pub fn end(&self) {
        self.state.run.send_replace(self.state.scenario.over.clone());
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

#[derive(Clone)]
struct Service(Arc<State>);

impl Service {
    fn run(&self) -> v1::Run {
        self.0.run.borrow().clone().into()
    }

    fn note(&self, note: impl FnOnce(&mut Asked)) {
        note(&mut self.0.asked.lock().unwrap());
    }
}

#[tonic::async_trait]
impl runs_server::Runs for Service {
    type WatchStream = BoxStream<'static, Result<v1::Run, Status>>;

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        let (submission, confidential): (Submission, Confidential) = request.into_inner().try_into()?;
        self.note(|asked| {
            asked.submissions.push(submission);
            asked.confidential.push(confidential);
        });
        if let Some(refusal) = &self.0.scenario.refusal {
            return Err(refusal.clone());
        }
        let run = RunView { status: RunStatus::Queued, ..self.0.scenario.running.clone() };
        Ok(Response::new(v1::SubmitResponse { run: Some(run.into()) }))
    }

    async fn get(&self, request: Request<v1::GetRunRequest>) -> Result<Response<v1::Run>, Status> {
        let request = request.into_inner();
        if request.run != views::run_id().as_str() {
            return Err(Status::not_found(format!("no run {} in project {}", request.run, request.project)));
        }
        Ok(Response::new(self.run()))
    }

    async fn list(&self, _: Request<v1::ListRunsRequest>) -> Result<Response<v1::ListRunsResponse>, Status> {
        let run = v1::Run { units: Vec::new(), ..self.run() };
        Ok(Response::new(v1::ListRunsResponse { runs: vec![run] }))
    }

    async fn update(&self, request: Request<v1::UpdateRunRequest>) -> Result<Response<v1::Run>, Status> {
        let is_archive_enabled = request.into_inner().is_archive_enabled;
        Ok(Response::new(v1::Run { is_archive_enabled, ..self.run() }))
    }

    async fn watch(&self, _: Request<v1::WatchRunRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let changes = stream::unfold(Some(self.0.run.subscribe()), |changes| async move {
            let mut changes = changes?;
            let run = changes.borrow_and_update().clone();
            let over = run.status.is_final();
            let next = if over || changes.changed().await.is_err() { None } else { Some(changes) };
            Some((Ok(run.into()), next))
        });
        Ok(Response::new(changes.boxed()))
    }

    async fn cancel(&self, _: Request<v1::CancelRunRequest>) -> Result<Response<v1::CancelRunResponse>, Status> {
        self.note(|asked| asked.canceled += 1);
        self.0.run.send_replace(self.0.scenario.over.clone());
        Ok(Response::new(v1::CancelRunResponse { run: Some(self.run()) }))
    }
}

#[tonic::async_trait]
impl logs_server::Logs for Service {
    type FollowStream = BoxStream<'static, Result<v1::FollowResponse, Status>>;

    async fn follow(&self, request: Request<v1::FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let request = request.into_inner();
        self.note(|asked| asked.followed.push(request.clone()));
        let wanted = self.0.scenario.log.iter().filter(|piece| is_wanted(piece, &request));
        let pieces: Vec<_> = wanted.cloned().map(|piece| Ok(piece.into())).collect();
        if let Some(cut) = self.0.scenario.cut_after.filter(|cut| *cut < pieces.len()) {
            let cut = stream::iter(pieces).take(cut).chain(stream::iter([Err(Status::unavailable("cut"))]));
            return Ok(Response::new(cut.boxed()));
        }
        let mut run = self.0.run.subscribe();
        let rest = stream::once(async move {
            if request.follow {
                drop(run.wait_for(|run| run.status.is_final()).await);
            }
            stream::empty()
        });
        Ok(Response::new(stream::iter(pieces).chain(rest.flatten()).boxed()))
    }
}

/// Whether a reader who has read so far still wants this piece.
fn is_wanted(piece: &Followed, request: &v1::FollowRequest) -> bool {
    let Followed::Frame { unit, frame, .. } = piece else { return true };
    let read = request.cursors.iter().find(|cursor| cursor.unit == unit.0).map_or(0, |cursor| cursor.offset);
    (request.units.is_empty() || request.units.contains(&unit.0)) && frame.end() > read
}

#[tonic::async_trait]
impl fleet_server::Fleet for Service {
    async fn list(&self, _: Request<v1::ListAgentsRequest>) -> Result<Response<v1::ListAgentsResponse>, Status> {
        let agents = self.0.scenario.agents.iter().cloned().map(Into::into).collect();
        Ok(Response::new(v1::ListAgentsResponse { agents, version: self.0.scenario.version.clone() }))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainResponse>, Status> {
        Err(Status::not_found(format!("no agent {}", request.into_inner().agent)))
    }

    async fn stop(&self, request: Request<v1::StopFarmRequest>) -> Result<Response<v1::StopFarmResponse>, Status> {
        let now = request.into_inner().now;
        self.note(|asked| asked.stopped.push(now));
        Ok(Response::new(v1::StopFarmResponse { canceled: u32::from(now) }))
    }
}

#[tonic::async_trait]
impl blobs_server::Blobs for Service {
    type GetStream = BoxStream<'static, Result<v1::GetResponse, Status>>;

    async fn find_missing(
        &self,
        request: Request<v1::FindMissingRequest>,
    ) -> Result<Response<v1::FindMissingResponse>, Status> {
        let digests = request.into_inner().digests;
        let missing =
            |asked: &Asked| digests.iter().filter(|digest| !asked.blobs.contains_key(*digest)).cloned().collect();
        let digests = missing(&self.0.asked.lock().unwrap());
        Ok(Response::new(v1::FindMissingResponse { digests }))
    }

    async fn put(&self, request: Request<Streaming<v1::PutRequest>>) -> Result<Response<v1::PutResponse>, Status> {
        let mut messages = request.into_inner();
        let (mut blob, mut digest, mut stored) = (Vec::new(), Vec::new(), 0);
        while let Some(message) = messages.message().await? {
            for chunk in message.chunks {
                if !chunk.digest.is_empty() {
                    digest = chunk.digest;
                }
                blob.extend(chunk.data);
                if chunk.last {
                    stored += 1;
                    let (digest, blob) = (std::mem::take(&mut digest), std::mem::take(&mut blob));
                    self.note(|asked| drop(asked.blobs.insert(digest, blob)));
                }
            }
        }
        self.note(|asked| asked.blobs_put += stored);
        Ok(Response::new(v1::PutResponse { stored: stored as u64 }))
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<Self::GetStream>, Status> {
        let digests = request.into_inner().digests;
        let mut chunks = Vec::new();
        for digest in digests {
            let blob = self.0.asked.lock().unwrap().blobs.get(&digest).cloned();
            let blob = match (blob, &self.0.scenario.report) {
                (Some(blob), _) => blob,
                (None, Some(report)) if digest == views::digest(0xee).as_bytes() => serde_json::to_vec(report).unwrap(),
                _ => return Err(Status::not_found("no such blob")),
            };
            let size = blob.len() as u64;
            chunks.push(v1::Chunk { digest, size, data: blob.into(), last: true, ..v1::Chunk::default() });
        }
        Ok(Response::new(stream::iter([Ok(v1::GetResponse { chunks })]).boxed()))
    }
}
