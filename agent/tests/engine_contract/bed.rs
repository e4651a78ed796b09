//! The test bed: an engine, a sandbox of the test's own, and what most tests do with them.

use crate::simulated::Simulated;
use acre_agent::engine::{
    Builder, ContainerSpec, EngineError, Labels, Logins, Running, Runtime, Said, SandboxSpec, Saying,
    docker::{Docker, buildkit::BuildKit, classic::Classic},
};
use acre_model::{capability::Privileges, log::Stream, plan::Cmd, platform::Platform, reference::Reference};
use futures::{FutureExt as _, StreamExt as _};
use std::{
    collections::BTreeSet,
    env,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::mpsc,
};

/// No test waits for longer.
const LIMIT: Duration = Duration::from_secs(120);

/// An engine and a sandbox on it.
pub(crate) struct Bed {
    pub(crate) host: String,
    pub(crate) docker: Docker,
    pub(crate) sandbox: SandboxSpec,
    /// The image containers are run from.
    pub(crate) base: Reference,
    /// `host:port` of a registry.
    pub(crate) registry: String,
    /// What the engine builds for.
    pub(crate) platform: Platform,
    /// A Windows engine of the test's own, if it is on one.
    _simulated: Option<Simulated>,
    created: AtomicU32,
    images: Mutex<Vec<String>>,
}

/// What a container left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) exit: i64,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Runs a test on the engine of this machine, with and without success cleaning up after it.
pub(crate) async fn on_docker(name: &str, test: impl AsyncFnOnce(&Bed)) {
    on(Bed::open(name).await, name, test).await;
}

/// Runs a test on a Windows engine that is simulated.
pub(crate) async fn on_simulated_windows(name: &str, test: impl AsyncFnOnce(&Bed)) {
    on(Bed::open_windows(name).await, name, test).await;
}

async fn on(bed: Bed, name: &str, test: impl AsyncFnOnce(&Bed)) {
    let ended = tokio::time::timeout(LIMIT, AssertUnwindSafe(test(&bed)).catch_unwind()).await;
    bed.runtime().remove_labeled(&bed.sandbox.labels).await.expect("clean up");
    bed.remove_images().await;
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("{name} has not ended within {LIMIT:?}"),
    }
}

fn variable(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// A name no other test has, in this process or another.
pub(crate) fn unique(name: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("acre-test-{}-{nanos:x}-{}", std::process::id(), name.replace('_', "-"))
}

impl Bed {
    async fn open(name: &str) -> Self {
        let host = variable("DOCKER_HOST", "unix:///var/run/docker.sock");
        let registry = variable("ACRE_TEST_REGISTRY", "127.0.0.1:5000");
        let base = variable("ACRE_TEST_BASE", &format!("{registry}/base:1"));
        Self::of(name, host, base, "linux/amd64", None).await
    }

    async fn open_windows(name: &str) -> Self {
        let (simulated, base) =
            (Simulated::start(), format!("{}/base-ltsc2022:1", variable("ACRE_TEST_REGISTRY", "127.0.0.1:5000")));
        Self::of(name, simulated.address(), base, "windows/amd64", Some(simulated)).await
    }

    async fn of(name: &str, host: String, base: String, platform: &str, simulated: Option<Simulated>) -> Self {
        let docker = Docker::connect(&host).await.unwrap_or_else(|error| {
            panic!("these tests need a Docker Engine; start one, or name it in DOCKER_HOST: {error}")
        });
        let name = unique(name);
        let bed = Self {
            host,
            docker,
            sandbox: SandboxSpec {
                labels: Labels::from([("acre.test".to_owned(), name.clone())]),
                name,
                network: None,
                networks: Vec::new(),
                memory: BTreeSet::new(),
            },
            base: base.parse().expect("ACRE_TEST_BASE is a reference"),
            registry: variable("ACRE_TEST_REGISTRY", "127.0.0.1:5000"),
            platform: platform.parse().expect("a platform"),
            _simulated: simulated,
            created: AtomicU32::new(0),
            images: Mutex::default(),
        };
        bed.have_base().await;
        bed
    }

    async fn have_base(&self) {
        if self.runtime().image(&self.base.to_string()).await.unwrap().is_none() {
            let pulled = self.runtime().pull(&self.base, None, &Logins::default(), &deaf()).await;
            pulled.unwrap_or_else(|error| {
                panic!("these tests need the image {}; push one with busybox: {error}", self.base)
            });
        }
    }

    /// Has an image removed after the test.
    pub(crate) fn forget(&self, image: impl ToString) {
        self.images.lock().unwrap().push(image.to_string());
    }

    /// The traits do not remove images, so the engine is asked over its socket.
    async fn remove_images(&self) {
        let images = std::mem::take(&mut *self.images.lock().unwrap());
        for image in images {
            self.answer("DELETE", &format!("/images/{image}?force=1")).await;
        }
    }

    async fn asked(&self, method: &str, path: &str) -> UnixStream {
        let socket = self.host.strip_prefix("unix://").expect("DOCKER_HOST is a socket");
        let mut socket = UnixStream::connect(socket).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        socket
    }

    /// Reads the engine's answer, which need not have an end, until it holds `mark`.
    pub(crate) async fn answer_until(&self, path: &str, mark: &str) {
        let mut socket = self.asked("GET", path).await;
        let mut answer = Vec::new();
        while !answer.windows(mark.len()).any(|window| window == mark.as_bytes()) {
            let read = socket.read_buf(&mut answer).await.unwrap();
            assert!(read > 0, "no {mark} in {}", String::from_utf8_lossy(&answer));
        }
    }

    /// The engine's answer to a request of its API, head and all.
    pub(crate) async fn answer(&self, method: &str, path: &str) -> String {
        let mut socket = self.asked(method, path).await;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn runtime(&self) -> &dyn Runtime {
        &self.docker
    }

    /// What builds here: BuildKit where the engine has it.
    pub(crate) fn builder(&self) -> Box<dyn Builder> {
        match self.platform.os() {
            "windows" => Box::new(Classic::new(self.docker.clone())),
            _ => Box::new(BuildKit::new(self.docker.clone())),
        }
    }

    /// A container of the base image that runs this shell script.
    pub(crate) fn shell(&self, script: &str) -> ContainerSpec {
        let arguments = ["sh", "-c", script].map(str::to_owned).to_vec();
        self.container(Cmd { arguments, ..Cmd::default() })
    }

    /// A container of the base image.
    pub(crate) fn container(&self, cmd: Cmd) -> ContainerSpec {
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        ContainerSpec {
            name: format!("{}-{number}", self.sandbox.name),
            labels: self.sandbox.labels.clone(),
            image: self.base.to_string(),
            cmd,
            platform: None,
            aliases: vec![format!("step{number}")],
            sandbox: self.sandbox.clone(),
            allows: Privileges::default(),
            docker_config: None,
        }
    }

    /// Creates and starts.
    pub(crate) async fn start(&self, spec: &ContainerSpec) -> (String, Running) {
        let id = self.runtime().create(spec).await.expect("create");
        let running = self.runtime().start(&id).await.expect("start");
        (id, running)
    }

    /// Creates, starts, and waits for the end.
    pub(crate) async fn run(&self, spec: &ContainerSpec) -> Left {
        let (_, running) = self.start(spec).await;
        left(running).await
    }

    /// Runs a shell script that must succeed, and gives its standard output.
    pub(crate) async fn said(&self, script: &str) -> String {
        let left = self.run(&self.shell(script)).await;
        assert_eq!(left.exit, 0, "{script}: {left:?}");
        String::from_utf8(left.stdout).unwrap()
    }
}

/// All that a running container says, and how it ends.
pub(crate) async fn left(running: Running) -> Left {
    let Running { mut output, exit, released: _, ailing: _ } = running;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(piece) = output.next().await {
        let (stream, bytes) = piece.expect("output");
        if stream == Stream::Stderr { &mut stderr } else { &mut stdout }.extend_from_slice(&bytes);
    }
    Left { exit: exit.await.expect("exit"), stdout, stderr }
}

/// Reads output until its standard output holds `mark`; what was read so far.
pub(crate) async fn read_until(running: &mut Running, mark: &[u8]) -> Vec<u8> {
    let mut stdout = Vec::new();
    while !stdout.windows(mark.len()).any(|window| window == mark) {
        let (_, bytes) = running.output.next().await.expect("more output").expect("output");
        stdout.extend_from_slice(&bytes);
    }
    stdout
}

/// A listener that hears nothing.
pub(crate) fn deaf() -> Saying {
    listener().0
}

/// A listener, and what it has heard.
pub(crate) fn listener() -> (Saying, tokio::task::JoinHandle<Vec<Said>>) {
    let (say, mut said) = mpsc::channel(64);
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(one) = said.recv().await {
            heard.push(one);
        }
        heard
    });
    (say, heard)
}

/// The error of what must not succeed.
pub(crate) fn failed<T>(result: Result<T, EngineError>) -> EngineError {
    match result {
        Ok(_) => panic!("succeeded, and should have failed"),
        Err(error) => error,
    }
}
