//! A scheduler on the network: who may call what over real connections, and who gets none.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use acre_link::{FarmAddress, JoinError, Membership};
use acre_model::{
    ids::{AgentId, PersonName},
    joining::{Joiner, Token},
    time::Timestamp,
};
use acre_proto::v1::{
    self, agents_client::AgentsClient, blobs_client::BlobsClient, create_token_request, fleet_client::FleetClient,
    joining_client::JoiningClient, runs_client::RunsClient,
};
use acre_scheduler::{
    Config, Parts,
    ca::Authority,
    listen,
    parts::{Clock, SystemClock, SystemRandom},
    secrets::SecretKey,
    store::Embedded,
};
use hyper_util::rt::TokioIo;
use object_store::local::LocalFileSystem;
use rustls::{ClientConfig, RootCertStore, crypto::ring, sign::SingleCertAndKey};
use std::{io, path::PathBuf, sync::Arc};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Uri},
};

/// A scheduler that serves until it is dropped.
struct Farm {
    folder: TempDir,
    authority: Arc<Authority>,
    address: FarmAddress,
    shutdown: CancellationToken,
}

impl Farm {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let authority = Arc::new(Authority::init(&folder.path().join("ca"), clock.as_ref()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let tls = Arc::new(listen::tls(authority.clone(), names, clock.clone()).unwrap());
        let socket = UnixListener::bind(folder.path().join("farm.sock")).unwrap();
        let incoming = listen::all(vec![listen::here(socket), listen::network(listener, tls, clock.clone())]);
        let parts = Parts {
            store: Arc::new(Embedded::open(&folder.path().join("farm.redb")).unwrap()),
            objects: Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()),
            clock,
            random: Arc::new(SystemRandom::open().unwrap()),
            key: SecretKey::new([7; 32]),
            authority: Some(authority.clone()),
            vault: None,
            mailer: None,
            identity: 1,
            hooks: None,
            metrics: None,
            spans: None,
        };
        let shutdown = CancellationToken::new();
        let config = Config::new(folder.path().to_owned());
        tokio::spawn(acre_scheduler::run(config, parts, incoming, || (), shutdown.clone()));
        let address = format!("https://localhost:{port}").parse().unwrap();
        Self { folder, authority, address, shutdown }
    }

    /// Whoever may open the socket.
    fn here(&self) -> Channel {
        let socket = self.folder.path().join("farm.sock").display().to_string();
        Endpoint::from_shared(format!("unix:{socket}")).unwrap().connect_lazy()
    }

    async fn token(&self, admits: create_token_request::Admits) -> Token {
        let request = v1::CreateTokenRequest { project: String::new(), ttl_ms: 60_000, admits: Some(admits) };
        let made = JoiningClient::new(self.here()).create_token(request).await.unwrap().into_inner();
        made.token.parse().unwrap()
    }

    async fn agents_token(&self) -> Token {
        self.token(create_token_request::Admits::Agent(create_token_request::AgentOf { pool: "arm".to_owned() })).await
    }

    async fn persons_token(&self) -> Token {
        self.token(create_token_request::Admits::Person(create_token_request::PersonOf { name: String::new() })).await
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.json"))
    }

    async fn join(&self, token: &Token, joiner: Joiner) -> Result<Membership, JoinError> {
        let now = || Timestamp::from_millis(0);
        Membership::join(&self.kept(&format!("{joiner:?}")), &self.address, token, joiner, now).await
    }

    async fn agent(&self, id: &str) -> Membership {
        self.join(&self.agents_token().await, agent(id)).await.unwrap()
    }

    async fn person(&self, name: &str) -> Membership {
        self.join(&self.persons_token().await, person(name)).await.unwrap()
    }

    /// Somebody who trusts the farm, and shows what this makes of a configuration.
    fn with(&self, config: impl FnOnce(Builder) -> ClientConfig) -> Channel {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = config(builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (config, port) = (Arc::new(config), self.address.port());
        let connector = tower::service_fn(move |_: Uri| {
            let config = config.clone();
            async move {
                let stream = TcpStream::connect(("127.0.0.1", port)).await?;
                let secured = TlsConnector::from(config).connect("localhost".try_into().unwrap(), stream).await?;
                Ok::<_, io::Error>(TokioIo::new(secured))
            }
        });
        Endpoint::from_static("http://farm.invalid").connect_with_connector_lazy(connector)
    }

    fn nobody(&self) -> Channel {
        self.with(|builder| builder.with_no_client_auth())
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

impl Drop for Farm {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn agent(id: &str) -> Joiner {
    Joiner::Agent(id.parse::<AgentId>().unwrap())
}

fn person(name: &str) -> Joiner {
    Joiner::Person(name.parse::<PersonName>().unwrap())
}

/// Both ends of a session that lasts.
type Session = (tokio::sync::mpsc::Sender<v1::AgentMessage>, tonic::Streaming<v1::SchedulerMessage>);

/// Introduces itself as this agent of this pool; waits for the welcome.
async fn session(channel: Channel, agent: &str, pool: &str) -> Result<Session, Status> {
    let (up, receiver) = tokio::sync::mpsc::channel(4);
    let hello = v1::Hello { agent: agent.to_owned(), epoch: 1, capability: Some(capability(pool)) };
    up.send(v1::AgentMessage { kind: Some(v1::agent_message::Kind::Hello(hello)) }).await.unwrap();
    let mut down = AgentsClient::new(channel).session(ReceiverStream::new(receiver)).await?.into_inner();
    match down.message().await? {
        Some(_) => Ok((up, down)),
        None => Err(Status::aborted("no welcome")),
    }
}

fn capability(pool: &str) -> v1::Capability {
    let engine = v1::Engine { kind: Some(v1::engine::Kind::Down("not there".to_owned())) };
    v1::Capability { pool: pool.to_owned(), engine: Some(engine), ..Default::default() }
}

async fn permit(channel: Channel, agent: &str) -> Result<(), Status> {
    let attempt = v1::AttemptId { run: "0000000000".to_owned(), unit: 0, number: 1 };
    let request = v1::PermitRequest { agent: agent.to_owned(), attempt: Some(attempt), fence: 1 };
    AgentsClient::new(channel).permit(request).await.map(drop)
}

async fn list(channel: Channel) -> Result<(), Status> {
    RunsClient::new(channel).list(v1::ListRunsRequest { limit: 1, ..Default::default() }).await.map(drop)
}

async fn blobs(channel: Channel) -> Result<(), Status> {
    BlobsClient::new(channel).find_missing(v1::FindMissingRequest::default()).await.map(drop)
}

async fn stop(channel: Channel) -> Result<(), Status> {
    FleetClient::new(channel).stop(v1::StopFarmRequest::default()).await.map(drop)
}

fn code<T>(result: Result<T, Status>) -> Code {
    result.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn who_may_call_what() {
    let farm = Farm::start().await;
    let (m1, ann) = (farm.agent("m1").await.channel(), farm.person("ann").await.channel());
    let (here, nobody) = (farm.here(), farm.nobody());
    let (yes, no, who) = (Code::Ok, Code::PermissionDenied, Code::Unauthenticated);
    for (caller, channel, may) in [
        // List runs, find blobs, a session as m1 of pool arm, as m2, as m1 of another pool.
        ("here", &here, [yes, yes, yes, yes, yes]),
        ("nobody", &nobody, [who, who, who, who, who]),
        ("agent m1", &m1, [no, yes, yes, no, no]),
        ("ann", &ann, [yes, yes, no, no, no]),
    ] {
        let found = [
            code(list(channel.clone()).await),
            code(blobs(channel.clone()).await),
            code(session(channel.clone(), "m1", "arm").await),
            code(session(channel.clone(), "m2", "arm").await),
            code(session(channel.clone(), "m1", "gpu").await),
        ];
        assert_eq!(found, may, "{caller}");
    }
    for (caller, channel) in [("agent m1", m1.clone()), ("ann", ann), ("nobody", nobody)] {
        assert_ne!(code(stop(channel).await), Code::Ok, "{caller} stops the farm");
    }
    let other = permit(m1.clone(), "m2").await.unwrap_err();
    assert!(other.message().contains("of agent `m1`, which cannot speak as agent `m2`"), "{other}");
    // Its own attempt would do; there is none.
    assert_eq!(code(permit(m1, "m1").await), Code::FailedPrecondition);
}

#[tokio::test]
async fn of_two_who_show_one_token_one_joins() {
    let farm = Farm::start().await;
    let token = farm.persons_token().await;
    let (ann, bob) = tokio::join!(farm.join(&token, person("ann")), farm.join(&token, person("bob")));
    let refused: Vec<String> =
        [ann, bob].into_iter().filter_map(|joined| joined.err()).map(|why| why.to_string()).collect();
    assert!(refused.len() == 1 && refused[0].contains("used already, by person:"), "{refused:?}");
}

#[tokio::test]
async fn the_place_of_an_agent_that_is_there_is_not_given_away() {
    let farm = Farm::start().await;
    let _session = session(farm.here(), "m1", "arm").await.unwrap();
    let token = farm.agents_token().await;
    let refused = farm.join(&token, agent("m1")).await.unwrap_err().to_string();
    assert!(refused.contains("an agent `m1` is connected already"), "{refused}");
    farm.join(&token, agent("m2")).await.unwrap();
}

#[tokio::test]
async fn certificates_of_servers_and_of_other_farms_let_nobody_in() {
    let (farm, other) = (Farm::start().await, Farm::start().await);
    let now = SystemClock::start().now().wall;
    for (whose, authority) in [("a server's", &farm.authority), ("another farm's", &other.authority)] {
        let key = Arc::new(authority.server(&["localhost".to_owned()], now).unwrap());
        let channel = farm.with(|builder| builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))));
        let refused = list(channel).await.expect_err(whose);
        assert!(std::error::Error::source(&refused).is_some(), "{whose}: the connection breaks: {refused:?}");
    }
    let ann = other.person("ann").await;
    ann.moved_to(farm.address.clone()).unwrap();
    let refused = format!("{:?}", list(ann.channel()).await.unwrap_err());
    assert!(refused.contains("NotTheFarm"), "{refused}");
}

#[tokio::test]
async fn a_certificate_is_renewed_for_who_has_one() {
    let farm = Farm::start().await;
    let ann = farm.person("ann").await;
    let before = ann.credentials();
    // It joined at zero on its clock, and has a certificate for 30 days.
    assert_eq!(before.expires_at.as_millis(), 30 * 86_400_000);
    assert!(ann.is_due(Timestamp::from_millis(15 * 86_400_000)) && !ann.has_expired(Timestamp::from_millis(1)));
    ann.renew(Timestamp::from_millis(5)).await.unwrap();
    let after = ann.credentials();
    assert_ne!(before, after);
    assert_eq!((&after.identity, after.expires_at.as_millis()), (&before.identity, 30 * 86_400_000 + 5));
    let kept = Membership::load(&farm.kept(&format!("{:?}", person("ann")))).unwrap().unwrap();
    assert_eq!(*kept.credentials(), *after);
    list(ann.channel()).await.unwrap();
    let m1 = farm.agent("m1").await;
    assert_eq!(m1.credentials().expires_at.as_millis(), 86_400_000);
    let request = v1::RenewRequest { signing_request: Vec::new() };
    assert_eq!(JoiningClient::new(farm.nobody()).renew(request).await.unwrap_err().code(), Code::Unauthenticated);
}
