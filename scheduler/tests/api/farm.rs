//! A farm in this process, spoken to over its socket: what clients ask, and agents that tests play.

use acre_model::{
    attempt::{Ended, Progress, UnitResult},
    capability::{Capability, Engine, Mode, Privileges, Served},
    digest::Digest,
    outcome::Outcome,
    report::Report,
    run::RunView,
    secret::{Confidential, Login, SecretValue},
    session::{AgentState, AttemptState, Desired, DesiredAttempt, Hello},
    submission::{NamedText, Submission, TaskSource},
    time::Timestamp,
};
use acre_proto::v1::{
    self, agent_message, agents_client::AgentsClient, blobs_client::BlobsClient, projects_client::ProjectsClient,
    runs_client::RunsClient, scheduler_message,
};
use acre_scheduler::{
    Config, Parts,
    parts::{SystemClock, SystemRandom},
    secrets::SecretKey,
    store::{Embedded, Store},
};
use object_store::local::LocalFileSystem;
use std::{fs, path::Path, sync::Arc, time::Duration};
use tokio::{
    net::UnixListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

/// Nothing takes longer than this.
const LIMIT: Duration = Duration::from_secs(30);

/// What a farm refuses with.
pub(crate) type Refusal = (Code, String);

/// A farm that works.
pub(crate) struct Farm {
    /// Its records.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) channel: Channel,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl Farm {
    /// A farm whose data lies in this folder, new or taken up again.
    pub(crate) async fn start(folder: &Path) -> Self {
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&folder.join("farm.redb")).unwrap());
        let random = Arc::new(SystemRandom::open().unwrap());
        let parts = Parts {
            store: store.clone(),
            objects: Arc::new(LocalFileSystem::new_with_prefix(folder).unwrap()),
            clock: Arc::new(SystemClock::start()),
            key: SecretKey::load_or_make(&folder.join("secret.key"), random.as_ref()).unwrap(),
            random,
            authority: None,
            vault: None,
            mailer: None,
            identity: 7,
            hooks: None,
            metrics: None,
            spans: None,
        };
        let socket = folder.join("socket");
        drop(fs::remove_file(&socket));
        let listener = acre_scheduler::listen::here(UnixListener::bind(&socket).unwrap());
        let (shutdown, (tell, ready)) = (CancellationToken::new(), oneshot::channel());
        let (config, stop) = (Config::new(folder.to_owned()), shutdown.clone());
        let serving = tokio::spawn(async move {
            acre_scheduler::run(config, parts, listener, || tell.send(()).unwrap(), stop).await.unwrap();
        });
        ready.await.unwrap();
        let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display())).unwrap();
        Self { store, channel: endpoint.timeout(LIMIT).connect().await.unwrap(), shutdown, serving }
    }

    /// Stops it as a signal does; its data stays.
    pub(crate) async fn stop(self) {
        let Self { store, channel, shutdown, serving } = self;
        drop(channel);
        shutdown.cancel();
        tokio::time::timeout(LIMIT, serving).await.expect("it stops").unwrap();
        drop(store);
    }

    fn projects(&self) -> ProjectsClient<Channel> {
        ProjectsClient::new(self.channel.clone())
    }

    fn runs(&self) -> RunsClient<Channel> {
        RunsClient::new(self.channel.clone())
    }

    pub(crate) async fn set_secret(&self, project: &str, id: &str, value: &[u8]) -> Result<(), Refusal> {
        let secret = Some(v1::Secret { id: id.to_owned(), value: value.to_vec() });
        let request = v1::SetSecretRequest { project: project.to_owned(), secret };
        self.projects().set_secret(request).await.map(drop).map_err(refusal)
    }

    /// The ids of a project's secrets; each says when it was set.
    pub(crate) async fn secrets(&self, project: &str) -> Result<Vec<String>, Refusal> {
        let request = v1::ListSecretsRequest { project: project.to_owned() };
        let answer = self.projects().list_secrets(request).await.map_err(refusal)?.into_inner();
        let id = |view: v1::SecretView| {
            assert!(view.set_at.is_some_and(|at| at.unix_ms > 0), "{view:?}");
            view.id
        };
        Ok(answer.secrets.into_iter().map(id).collect())
    }

    pub(crate) async fn delete_secret(&self, project: &str, id: &str) -> Result<(), Refusal> {
        let request = v1::DeleteSecretRequest { project: project.to_owned(), id: id.to_owned() };
        self.projects().delete_secret(request).await.map(drop).map_err(refusal)
    }

    pub(crate) async fn set_login(&self, project: &str, login: Login) -> Result<(), Refusal> {
        let request = v1::SetLoginRequest { project: project.to_owned(), login: Some(login.into()) };
        self.projects().set_login(request).await.map(drop).map_err(refusal)
    }

    /// `user@registry` of a project's logins.
    pub(crate) async fn logins(&self, project: &str) -> Result<Vec<String>, Refusal> {
        let request = v1::ListLoginsRequest { project: project.to_owned() };
        let answer = self.projects().list_logins(request).await.map_err(refusal)?.into_inner();
        Ok(answer.logins.into_iter().map(|view| format!("{}@{}", view.username, view.registry)).collect())
    }

    pub(crate) async fn delete_login(&self, project: &str, registry: &str) -> Result<(), Refusal> {
        let request = v1::DeleteLoginRequest { project: project.to_owned(), registry: registry.to_owned() };
        self.projects().delete_login(request).await.map(drop).map_err(refusal)
    }

    /// A request without the secret, or without the login, that it is about.
    pub(crate) async fn set_nothing(&self) -> [Refusal; 2] {
        let secret = self.projects().set_secret(v1::SetSecretRequest::default()).await;
        let login = self.projects().set_login(v1::SetLoginRequest::default()).await;
        [refusal(secret.unwrap_err()), refusal(login.unwrap_err())]
    }

    /// Hands in a task of the project `default` that came as text.
    pub(crate) async fn submit(&self, task: &str, given: Confidential) -> Result<RunView, Refusal> {
        let text = NamedText { name: "acb.yaml".to_owned(), text: task.to_owned() };
        let submission = Submission { task: TaskSource::Text(text), ..Submission::default() };
        let answer = self.runs().submit(v1::SubmitRequest::from((submission, given))).await.map_err(refusal)?;
        Ok(answer.into_inner().run.unwrap().try_into().unwrap())
    }

    /// Wants a run to end.
    pub(crate) async fn cancel(&self, run: &RunView) {
        let request = v1::CancelRunRequest { project: String::new(), run: run.id.to_string() };
        self.runs().cancel(request).await.unwrap();
    }

    /// A run once it is over.
    pub(crate) async fn over(&self, run: &RunView) -> RunView {
        let request = v1::WatchRunRequest { project: String::new(), run: run.id.to_string() };
        let mut shown = self.runs().watch(request).await.unwrap().into_inner();
        let mut last = None;
        while let Some(view) = shown.message().await.unwrap() {
            last = Some(view);
        }
        let last: RunView = last.expect("it is shown").try_into().unwrap();
        assert!(last.status.is_final(), "{last:?}");
        last
    }

    /// The report of a run that is over.
    pub(crate) async fn report(&self, run: &RunView) -> Report {
        serde_json::from_slice(&self.blob(&run.report.expect("a run that is over has a report")).await).unwrap()
    }

    async fn blob(&self, digest: &Digest) -> Vec<u8> {
        let request = v1::GetRequest { project: String::new(), digests: vec![digest.as_bytes().to_vec()] };
        let mut pieces = BlobsClient::new(self.channel.clone()).get(request).await.unwrap().into_inner();
        let mut blob = Vec::new();
        while let Some(message) = pieces.message().await.unwrap() {
            message.chunks.iter().for_each(|chunk| blob.extend_from_slice(&chunk.data));
        }
        blob
    }

    /// An agent with a session, which serves linux/amd64.
    pub(crate) async fn agent(&self) -> Agent {
        let (up, messages) = mpsc::channel(8);
        let hello = Hello { agent: "a1".parse().unwrap(), epoch: 1, capability: capability() };
        let agent = Agent::say(&up, agent_message::Kind::Hello(hello.into()));
        agent.await;
        // A session has no limit of time.
        let down = AgentsClient::new(self.channel.clone()).session(ReceiverStream::new(messages)).await;
        Agent { up, down: down.unwrap().into_inner() }
    }
}

/// An agent that a test plays.
pub(crate) struct Agent {
    up: mpsc::Sender<v1::AgentMessage>,
    down: Streaming<v1::SchedulerMessage>,
}

impl Agent {
    async fn say(up: &mpsc::Sender<v1::AgentMessage>, kind: agent_message::Kind) {
        up.send(v1::AgentMessage { kind: Some(kind) }).await.unwrap();
    }

    /// The first of what it should have from now on that is so.
    pub(crate) async fn wanted(&mut self, is_it: impl Fn(&Desired) -> bool) -> Desired {
        loop {
            let message = tokio::time::timeout(LIMIT, self.down.message()).await.expect("a message").unwrap();
            let Some(scheduler_message::Kind::Desired(desired)) = message.expect("it goes on").kind else { continue };
            let desired: Desired = desired.try_into().unwrap();
            if is_it(&desired) {
                return desired;
            }
        }
    }

    /// The attempts that it should have, once there is one that runs a unit of this name.
    pub(crate) async fn wanted_unit(&mut self, name: &str) -> (Desired, DesiredAttempt) {
        let find = |desired: &Desired| {
            let mut attempts = desired.groups.iter().flat_map(|group| &group.attempts);
            attempts.find(|attempt| attempt.unit.name == name).cloned()
        };
        let desired = self.wanted(|desired| find(desired).is_some()).await;
        let attempt = find(&desired).unwrap();
        (desired, attempt)
    }

    /// Tells that an attempt has ended so, and nothing else.
    pub(crate) async fn ended(&self, attempt: &DesiredAttempt, outcome: Outcome, result: UnitResult) {
        let at = Timestamp::from_millis(1_800_000_000_000);
        let ended = Ended { started_at: Some(at), at, outcome, result, log_bytes: 0 };
        let (id, fence) = (attempt.attempt.clone(), attempt.fence);
        let attempts = vec![AttemptState { attempt: id, fence, progress: Progress::Ended(ended) }];
        let state = AgentState { capability: capability(), attempts, groups: Vec::new(), leaving: false };
        Self::say(&self.up, agent_message::Kind::State(state.into())).await;
    }
}

fn capability() -> Capability {
    Capability {
        platforms: vec![Served { platform: "linux/amd64".parse().unwrap(), mode: Mode::Native }],
        pool: Default::default(),
        slots: 2,
        cpus: 2,
        memory: 1 << 30,
        engine: Engine::Ready {
            name: "simulated".to_owned(),
            version: "1".to_owned(),
            buildkit: false,
            containerd_store: false,
        },
        version: "1".to_owned(),
        allows: Privileges::default(),
        labels: Default::default(),
        disk_free: 1 << 40,
        disk_size: 1 << 41,
        windows: None,
    }
}

pub(crate) fn refusal(status: Status) -> Refusal {
    (status.code(), status.message().to_owned())
}

/// A login of `me`.
pub(crate) fn login(registry: &str, password: &str) -> Login {
    let password = SecretValue::new(password.as_bytes().to_vec());
    Login { registry: registry.to_owned(), username: "me".to_owned(), password }
}
