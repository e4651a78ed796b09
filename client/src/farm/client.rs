//! A connection to a farm in the model's words: protobuf types and gRPC's status codes end here.

mod graph;
mod joining;
mod notifications;
mod projects;
mod tasks;

pub use graph::{Graph, GraphEdge, StaleKnown, StaleTask, StaleWhy, WaveState, WouldStart};
pub use joining::NewToken;
pub use projects::{ProjectView, StoredLogin, StoredSecret};
pub use tasks::{Expected, TaskSecrets};

use super::{
    Address, both, deepest,
    local::{LocalFarm, Wanted},
};
use crate::{error::Error, system, trace};
use acre_model::{
    digest::Digest,
    fleet::AgentView,
    ids::{ProjectName, RunId, TaskName, UnitId},
    log::{Cursor, Followed},
    reference::Reference,
    report::Report,
    run::{RunStatus, RunView},
    secret::Confidential,
    submission::Submission,
};
use acre_proto::{
    Invalid, MESSAGE_LIMIT,
    v1::{
        self, blobs_client::BlobsClient, fleet_client::FleetClient, logs_client::LogsClient,
        notifications_client::NotificationsClient, projects_client::ProjectsClient, runs_client::RunsClient,
        tasks_client::TasksClient,
    },
};
use futures::{Stream, StreamExt, future, stream::BoxStream};
use hyper_util::rt::TokioIo;
use std::{path::Path, time::Duration};
use tonic::{
    Code, Request, Response, Status, Streaming,
    transport::{Channel, Endpoint, Uri},
};
use tracing::Instrument as _;

/// The state of a run, now and after every change.
pub type RunStream = BoxStream<'static, Result<RunView, Error>>;
/// The log of a run, piece by piece.
pub type LogStream = BoxStream<'static, Result<Followed, Error>>;

/// How long a farm may take to answer a plain question.
const ANSWER: Duration = Duration::from_secs(60);
/// How long it may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a silent connection is tried; a farm that hangs is noticed after this and [`CONNECT`].
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Largest report that is read, in bytes.
const LARGEST_REPORT: usize = 64 * 1024 * 1024;

/// A connection to a farm, for one project.
#[derive(Clone, Debug)]
pub struct FarmClient {
    name: String,
    project: ProjectName,
    channel: Channel,
    local: Option<LocalFarm>,
}

/// Which runs are wanted: all that meet what is said here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsWanted {
    /// Of this task.
    pub task: Option<TaskName>,
    /// That built this image.
    pub image: Option<Reference>,
    /// That stand so.
    pub status: Option<RunStatus>,
}

/// The fleet, and the scheduler before it.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The scheduler's version.
    pub version: String,
    /// By id.
    pub agents: Vec<AgentView>,
}

impl FarmClient {
    /// A farm over this connection, which the user knows as `name`.
    pub const fn over(channel: Channel, name: String, project: ProjectName) -> Self {
        Self { name, project, channel, local: None }
    }

    /// Connects to the farm at this socket, which the user knows as `name`; `local` is the farm of this machine, if it is
    /// that one and may be brought up again when it dies.
    pub async fn connect(
        name: String,
        socket: &Path,
        project: ProjectName,
        local: Option<LocalFarm>,
    ) -> Result<Self, Error> {
        let (address, socket) = (Address::Unix(socket.to_owned()), socket.to_owned());
        let connector = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { system::connect(&socket).await.map(TokioIo::new) }
        });
        // The URI is never resolved; HTTP/2 wants one for its `:authority`.
        let endpoint = Endpoint::from_static("http://farm.invalid")
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(CONNECT)
            .keep_alive_while_idle(true);
        let channel = endpoint
            .connect_with_connector(connector)
            .await
            .map_err(|why| Error::Unreachable { farm: both(&name, &address.to_string()), why: deepest(&why) })?;
        Ok(Self { name, project, channel, local })
    }

    /// The farm as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The project that every question is asked for.
    pub const fn project(&self) -> &ProjectName {
        &self.project
    }

    /// If this is the farm of this machine: brings up what died of it; its runs go on where they were. Returns lines
    /// for the user that say what was done.
    pub async fn revive(&self) -> Result<Vec<String>, Error> {
        let Some(local) = &self.local else { return Ok(Vec::new()) };
        Ok(local.clone().ensure_up(Wanted::default()).await?.1)
    }

    /// Hands in a run. Faults of the task file are [`Error::Task`].
    pub async fn submit(&self, submission: Submission, confidential: Confidential) -> Result<RunView, Error> {
        let span = trace::of_call("acre.v1.Runs", "Submit");
        let mut request = limited((submission, confidential).into(), ANSWER);
        trace::tell(&mut request, &span);
        let answer = self.ask(self.runs().submit(request)).instrument(span).await;
        let answer = answer.map_err(|error| match error {
            Error::Refused(diagnostics) if diagnostics.contains('\n') => Error::Task(diagnostics),
            error => error,
        })?;
        self.run(answer.run)
    }

    /// One run with its units; with `explain`, also why units wait for an agent.
    pub async fn get(&self, run: &RunId, explain: bool) -> Result<RunView, Error> {
        let request = v1::GetRunRequest { project: self.project.to_string(), run: run.to_string(), explain };
        let run = self.ask(self.runs().get(limited(request, ANSWER))).await?;
        self.run(Some(run))
    }

    /// At most `limit` runs, newest first, without their units.
    pub async fn list(&self, limit: u32) -> Result<Vec<RunView>, Error> {
        self.some_runs(&RunsWanted::default(), limit).await
    }

    /// The same of those that are wanted.
    pub async fn some_runs(&self, wanted: &RunsWanted, limit: u32) -> Result<Vec<RunView>, Error> {
        let request = v1::ListRunsRequest {
            project: self.project.to_string(),
            limit,
            before: String::new(),
            stored_task: wanted.task.as_ref().map(ToString::to_string).unwrap_or_default(),
            image: wanted.image.as_ref().map(ToString::to_string).unwrap_or_default(),
            status: wanted.status.map_or(v1::RunStatus::Unspecified, Into::into).into(),
        };
        let answer = self.ask(self.runs().list(limited(request, ANSWER))).await?;
        answer.runs.into_iter().map(|run| self.run(Some(run))).collect()
    }

    /// Says of a run whether it is kept, whatever its age.
    pub async fn archive(&self, run: &RunId, is_archive_enabled: bool) -> Result<RunView, Error> {
        let (project, run) = (self.project.to_string(), run.to_string());
        let request = v1::UpdateRunRequest { project, run, is_archive_enabled };
        let run = self.ask(self.runs().update(limited(request, ANSWER))).await?;
        self.run(Some(run))
    }

    /// Asks for the end of a run.
    pub async fn cancel(&self, run: &RunId) -> Result<RunView, Error> {
        let request = v1::CancelRunRequest { project: self.project.to_string(), run: run.to_string() };
        let answer = self.ask(self.runs().cancel(limited(request, ANSWER))).await?;
        self.run(answer.run)
    }

    /// The run, now and after every change, until it is over.
    pub async fn watch(&self, run: &RunId) -> Result<RunStream, Error> {
        let request = v1::WatchRunRequest { project: self.project.to_string(), run: run.to_string() };
        let stream = self.ask(self.runs().watch(request)).await?;
        Ok(self.converted(stream))
    }

    /// The log of a run from these cursors on, of these units (none: all); with `follow`, also what comes.
    pub async fn logs(
        &self,
        run: &RunId,
        follow: bool,
        cursors: Vec<Cursor>,
        units: &[UnitId],
    ) -> Result<LogStream, Error> {
        let request = v1::FollowRequest {
            project: self.project.to_string(),
            run: run.to_string(),
            follow,
            cursors: cursors.into_iter().map(Into::into).collect(),
            units: units.iter().map(|unit| unit.0).collect(),
        };
        let stream = self.ask(self.logs_client().follow(request)).await?;
        Ok(self.converted(stream))
    }

    /// The report of a run, by its digest.
    pub async fn report(&self, digest: &Digest) -> Result<Report, Error> {
        let request = v1::GetRequest { project: self.project.to_string(), digests: vec![digest.as_bytes().to_vec()] };
        let mut stream = self.ask(self.blobs().get(limited(request, ANSWER))).await?;
        let mut json = Vec::new();
        while let Some(answer) = stream.message().await.map_err(|status| self.failed(&status))? {
            answer.chunks.into_iter().for_each(|chunk| json.extend(chunk.data));
            if json.len() > LARGEST_REPORT {
                return Err(Error::Farm("the report of the run is larger than 64 MiB".to_owned()));
            }
        }
        serde_json::from_slice(&json).map_err(|why| Error::Farm(format!("the report of the run is damaged: {why}")))
    }

    /// The agents and the scheduler's version.
    pub async fn fleet(&self) -> Result<Fleet, Error> {
        let request = v1::ListAgentsRequest { project: self.project.to_string() };
        let answer = self.ask(self.fleet_client().list(limited(request, CONNECT))).await?;
        let agents = answer.agents.into_iter().map(|agent| agent.try_into().map_err(nonsense));
        let mut agents: Vec<AgentView> = agents.collect::<Result<_, Error>>()?;
        agents.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Fleet { version: answer.version, agents })
    }

    /// Gives an agent no new work, or (with `undo`) work again.
    pub async fn drain(&self, agent: &str, undo: bool) -> Result<AgentView, Error> {
        let request = v1::DrainRequest { project: self.project.to_string(), agent: agent.to_owned(), undo };
        let answer = self.ask(self.fleet_client().drain(limited(request, ANSWER))).await?;
        answer.agent.ok_or_else(|| nonsense(Invalid::missing("agent")))?.try_into().map_err(nonsense)
    }

    /// Asks the farm to finish, with `now` by cancelling what runs; answers when nothing runs, however long that takes.
    /// Returns how many runs were canceled.
    pub async fn stop(&self, now: bool) -> Result<u32, Error> {
        let request = v1::StopFarmRequest { project: self.project.to_string(), now };
        Ok(self.ask(self.fleet_client().stop(request)).await?.canceled)
    }

    fn runs(&self) -> RunsClient<Channel> {
        RunsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn logs_client(&self) -> LogsClient<Channel> {
        LogsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    /// The service of blobs, for transfers of source trees.
    pub(crate) fn blobs(&self) -> BlobsClient<Channel> {
        BlobsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn projects(&self) -> ProjectsClient<Channel> {
        ProjectsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn notifications_client(&self) -> NotificationsClient<Channel> {
        NotificationsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn tasks(&self) -> TasksClient<Channel> {
        TasksClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn fleet_client(&self) -> FleetClient<Channel> {
        FleetClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    /// The answer to a question, or why there is none.
    async fn ask<T>(&self, answer: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Error> {
        answer.await.map(Response::into_inner).map_err(|status| self.failed(&status))
    }

    fn run(&self, run: Option<v1::Run>) -> Result<RunView, Error> {
        run.ok_or_else(|| nonsense(Invalid::missing("run")))?.try_into().map_err(nonsense)
    }

    /// A stream in the model's words, which ends at its first error.
    fn converted<W, M>(&self, stream: Streaming<W>) -> BoxStream<'static, Result<M, Error>>
    where
        W: Send + 'static,
        M: TryFrom<W, Error = Invalid> + Send + 'static,
    {
        let farm = self.name.clone();
        until_error(stream.map(move |item| match item {
            Ok(message) => M::try_from(message).map_err(nonsense),
            Err(status) => Err(error_of(&farm, &status)),
        }))
        .boxed()
    }

    /// What a status of one of its services means.
    pub(crate) fn failed(&self, status: &Status) -> Error {
        error_of(&self.name, status)
    }
}

/// The items of a stream up to and including its first error.
fn until_error<T, E>(stream: impl Stream<Item = Result<T, E>>) -> impl Stream<Item = Result<T, E>> {
    stream.scan(false, |over, item| {
        let last = std::mem::replace(over, item.is_err());
        future::ready((!last).then_some(item))
    })
}

/// A request that must be answered in time.
fn limited<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

/// A message of the farm that makes no sense.
fn nonsense(invalid: Invalid) -> Error {
    Error::Farm(format!("its answer makes no sense: {invalid}"))
}

/// The table from gRPC's status codes to errors.
fn error_of(farm: &str, status: &Status) -> Error {
    use std::error::Error as _;
    let message = || status.message().to_owned();
    // A status with a source was not sent by the farm: the connection broke, whatever its code says.
    if let Some(source) = status.source() {
        return Error::Unreachable { farm: farm.to_owned(), why: deepest(source) };
    }
    if status.metadata().get(acre_proto::FAULT).is_some() {
        return Error::Farm(message());
    }
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled | Code::Aborted => {
            Error::Unreachable { farm: farm.to_owned(), why: message() }
        }
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange => Error::Refused(message()),
        Code::Unimplemented => Error::Refused(format!("farm {farm} is too old for this: {}", status.message())),
        Code::Ok | Code::Internal | Code::DataLoss => Error::Farm(message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::ExitCode;

    #[test]
    fn every_status_has_its_exit_code() {
        let table = [
            (Code::Unavailable, ExitCode::Unreachable),
            (Code::DeadlineExceeded, ExitCode::Unreachable),
            (Code::InvalidArgument, ExitCode::Usage),
            (Code::NotFound, ExitCode::Usage),
            (Code::ResourceExhausted, ExitCode::Usage),
            (Code::Internal, ExitCode::Farm),
        ];
        for (code, expected) in table {
            let error = error_of("ci", &Status::new(code, "because"));
            assert_eq!(error.exit_code(), expected, "{code:?}");
            assert!(error.to_string().contains("because"), "{code:?}: {error}");
        }
        let mut full = Status::new(Code::ResourceExhausted, "disk full");
        full.metadata_mut().insert(acre_proto::FAULT, tonic::metadata::MetadataValue::from_static("farm"));
        assert_eq!(error_of("ci", &full).exit_code(), ExitCode::Farm);
    }

    #[test]
    fn a_broken_connection_is_no_answer_of_the_farm() {
        let mut status = Status::internal("h2 protocol error");
        status.set_source(std::sync::Arc::new(std::io::Error::other("broken pipe")));
        assert_eq!(error_of("ci", &status).to_string(), "farm ci does not answer: broken pipe");
    }
}
