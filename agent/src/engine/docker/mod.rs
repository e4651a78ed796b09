//! Docker Engine. Nothing outside this folder imports bollard.
//!
//! A `cmd` costs four calls: create (its volumes come into being with it), attach, start, wait. Each part of the work is
//! a file that adds to [`Docker`]; `blame`, `container`, `layers`, `ports` and `failure` are
//! pure.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking"))]

mod bare;
mod blame;
pub mod buildkit;
pub mod classic;
mod container;
mod failure;
mod files;
mod held;
mod images;
mod info;
mod labeled;
mod layers;
mod local;
mod networks;
mod output;
mod pipe;
mod ports;
mod trial;
mod windows;
mod workspace;

pub use local::LocalEngine;

use crate::engine::{
    Asked, Bare, Builder, ContainerSpec, EngineError, EngineInfo, Found, Held, Labels, LocalImage, Logins, Running,
    Runtime, SandboxSpec, Saying, Seen,
};
use acre_model::{digest::Digest, plan::Network, platform::Platform, reference::Reference};
use bollard::query_parameters::StopContainerOptions;
use buildkit::BuildKit;
use bytes::Bytes;
use classic::Classic;
use container::Layout;
use futures::{FutureExt as _, future::BoxFuture, stream::BoxStream};
use std::{io, sync::Arc, time::Duration};

/// The oldest Engine API spoken: that of Docker Engine 20.10, the first whose create call takes a platform.
const OLDEST_API: (usize, usize) = (1, 41);

/// How long an ordinary call may take to be answered.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a call may take that moves files or waits for a container: as long as the longest step.
const LONG_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// A connection to a Docker Engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docker {
    client: bollard::Docker,
    /// For calls that rightly take long.
    patient: bollard::Docker,
    /// `unix:///path` or `tcp://host:port`.
    host: String,
    /// What its programs are compiled for.
    native: Platform,
    layout: Layout,
    /// Held while something is made that must not be made twice.
    making: Arc<tokio::sync::Mutex<()>>,
    /// What it told of itself when it was first asked over this connection.
    told: Arc<tokio::sync::OnceCell<EngineInfo>>,
}

impl Docker {
    /// Connects to the engine at `host` (`unix:///path`, `npipe:////./pipe/name` or `tcp://host:port`) and agrees on a
    /// version of its API. [`EngineError::Unreachable`] if nothing answers there.
    pub async fn connect(host: &str) -> Result<Self, EngineError> {
        let failed = |error| failure::of_call(host, error);
        let client = bollard::Docker::connect_with_host(host).map_err(failed)?.with_timeout(PATIENCE);
        let client = client.with_request_modifier(logins_for_url);
        let client = client.negotiate_version().await.map_err(failed)?;
        let version = client.client_version();
        if (version.major_version, version.minor_version) < OLDEST_API {
            return Err(EngineError::Refused(format!(
                "the engine at {host} speaks version {version} of the Engine API; acre needs {}.{} or newer (Docker 20.10)",
                OLDEST_API.0, OLDEST_API.1
            )));
        }
        let told = client.version().await.map_err(failed)?;
        let (os, arch) = (told.os.unwrap_or_default(), told.arch.unwrap_or_default());
        let native: Platform = format!("{os}/{arch}").parse().map_err(|why| {
            EngineError::Refused(format!("the engine at {host} is for a platform acre does not know: {why}"))
        })?;
        let patient = client.clone().with_timeout(LONG_PATIENCE);
        let layout = Layout::of(native.os());
        Ok(Self {
            client,
            patient,
            host: host.to_owned(),
            native,
            layout,
            making: Arc::default(),
            told: Arc::default(),
        })
    }

    /// What builds images on this engine, which has told this of itself.
    pub fn builder(&self, info: &EngineInfo) -> Arc<dyn Builder> {
        if info.buildkit { Arc::new(BuildKit::new(self.clone())) } else { Arc::new(Classic::new(self.clone())) }
    }

    /// What the engine is. It is asked once: the answer is good for the engine's life, and dear (20.10 starts two programs
    /// for it).
    async fn told(&self) -> Result<&EngineInfo, EngineError> {
        self.told.get_or_try_init(|| self.info()).await
    }

    /// Whether its BuildKit has the exporter `image`, which comes with containerd's image store.
    async fn exports_images(&self) -> Result<bool, EngineError> {
        self.told().await.map(|info| info.buildkit && info.containerd_store)
    }

    fn is_windows(&self) -> bool {
        self.native.os() == "windows"
    }

    /// The engine's socket on its own machine. One that is reached over the network has it where engines have it.
    fn socket(&self) -> &str {
        let usual = if self.is_windows() { container::PIPE } else { "/var/run/docker.sock" };
        self.host.strip_prefix("unix://").filter(|_| !self.is_windows()).unwrap_or(usual)
    }

    fn failed(&self, error: bollard::errors::Error) -> EngineError {
        failure::of_call(&self.host, error)
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let (options, body) = container::request(spec, self.layout, self.socket())?;
        let created = self.client.create_container(Some(options), body).await;
        created.map(|created| created.id).map_err(|error| failure::of_create(&self.host, &spec.image, error))
    }

    async fn stop_container(&self, id: &str, grace_ms: u64) -> Result<(), EngineError> {
        // The engine counts whole seconds.
        let seconds = i32::try_from(grace_ms.div_ceil(1000)).unwrap_or(i32::MAX);
        let options = StopContainerOptions { signal: None, t: Some(seconds) };
        match self.patient.stop_container(id, Some(options)).await {
            Err(error) if !failure::is_absent(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}

/// Logins go in a header as base64 with the alphabet for URLs (Engine API, "Authentication"). bollard writes it with the
/// ordinary one, upon which the engine drops every login that has a `+` or `/` in it, without a word.
fn logins_for_url(mut request: bollard::BollardRequest) -> bollard::BollardRequest {
    for name in ["x-registry-auth", "x-registry-config"] {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        let value = value.and_then(|value| value.replace('+', "-").replace('/', "_").try_into().ok());
        if let Some(value) = value {
            request.headers_mut().insert(name, value);
        }
    }
    request
}

impl Runtime for Docker {
    fn info(&self) -> Asked<'_, EngineInfo> {
        self.ask_info().boxed()
    }

    fn gone(&self) -> BoxFuture<'_, EngineError> {
        self.hang_up().boxed()
    }

    fn make_network<'a>(&'a self, network: &'a Network, labels: &'a Labels) -> Asked<'a, ()> {
        self.ensure_network(network, labels).boxed()
    }

    fn hold<'a>(&'a self, sandbox: &'a SandboxSpec, held: &'a Held) -> Asked<'a, ()> {
        self.hold_volumes(sandbox, held).boxed()
    }

    fn fill_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Asked<'a, ()> {
        self.put_files(sandbox, tar).boxed()
    }

    fn read_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        path: &'a str,
    ) -> Asked<'a, Option<BoxStream<'static, Result<Bytes, EngineError>>>> {
        self.get_files(sandbox, path).boxed()
    }

    fn remove_labeled<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()> {
        self.remove_all(labels).boxed()
    }

    fn find_containers<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Found>> {
        self.containers(labels).boxed()
    }

    fn find_labels<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Labels>> {
        self.label_sets(labels).boxed()
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Asked<'a, String> {
        self.create_container(spec).boxed()
    }

    fn start<'a>(&'a self, id: &'a str) -> Asked<'a, Running> {
        self.attach_and_start(id)
    }

    fn reattach<'a>(&'a self, id: &'a str, seen: Seen) -> Asked<'a, Running> {
        async move { Ok(self.attach_again(id, seen)) }.boxed()
    }

    fn stop<'a>(&'a self, id: &'a str, grace_ms: u64) -> Asked<'a, ()> {
        self.stop_container(id, grace_ms).boxed()
    }

    fn remove<'a>(&'a self, id: &'a str) -> Asked<'a, ()> {
        self.remove_container(id).boxed()
    }

    fn image<'a>(&'a self, reference: &'a str) -> Asked<'a, Option<LocalImage>> {
        self.look_up(reference).boxed()
    }

    fn pull<'a>(
        &'a self,
        reference: &'a Reference,
        platform: Option<&'a Platform>,
        logins: &'a Logins,
        say: &'a Saying,
    ) -> Asked<'a, ()> {
        self.pull_image(reference, platform, logins, say).boxed()
    }

    fn tag<'a>(&'a self, id: &'a str, reference: &'a Reference) -> Asked<'a, ()> {
        self.tag_image(id, reference).boxed()
    }

    fn untag<'a>(&'a self, name: &'a Reference) -> Asked<'a, ()> {
        self.untag_image(name).boxed()
    }

    fn push<'a>(&'a self, reference: &'a Reference, logins: &'a Logins, say: &'a Saying) -> Asked<'a, Digest> {
        self.push_image(reference, logins, say).boxed()
    }

    fn make_programs<'a>(&'a self, bare: &'a Bare) -> Asked<'a, ()> {
        self.make_bare(bare).boxed()
    }

    fn try_program<'a>(&'a self, bare: &'a Bare, program: &'a str) -> Asked<'a, i64> {
        self.try_bare(bare, program).boxed()
    }

    fn forget_programs<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()> {
        self.forget_bare(labels).boxed()
    }
}
