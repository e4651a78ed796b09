//! The engine of this agent, whether it answers now or not: a connection is made when it is first needed, and anew
//! after the engine was gone (it may have come back as another version). Each call of it is watched here.

use super::{Docker, buildkit::BuildKit, classic::Classic};
use crate::engine::{
    Asked, Bare, BuildRequest, Builder, Built, ContainerSpec, EngineError, EngineInfo, Found, Held, Labels, LocalImage,
    Logins, Running, Runtime, SandboxSpec, Saying, Seen, Watch, observed::observed,
};
use acre_model::{digest::Digest, plan::Network, platform::Platform, reference::Reference};
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture, stream::BoxStream};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// The engine of this agent. Builds by BuildKit where the engine has it, else by the classic builder.
pub struct LocalEngine {
    host: String,
    connected: Mutex<Option<Docker>>,
    watch: Arc<dyn Watch>,
}

impl LocalEngine {
    /// The engine at this address (see [`Docker::connect`]). Nothing is asked of it yet.
    pub fn new(host: String, watch: Arc<dyn Watch>) -> Self {
        Self { host, connected: Mutex::new(None), watch }
    }

    async fn docker(&self) -> Result<Docker, EngineError> {
        if let Some(docker) = self.connected.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(docker);
        }
        let docker = Docker::connect(&self.host).await?;
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(docker.clone());
        Ok(docker)
    }

    fn forget(&self) {
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Each call of [`Runtime`] goes to the engine that answers now.
macro_rules! on_docker {
    ($self:ident . $call:ident ( $($argument:expr),* )) => {
        observed(stringify!($call), &*$self.watch, async move { $self.docker().await?.$call($($argument),*).await }).boxed()
    };
}

impl Runtime for LocalEngine {
    fn info(&self) -> Asked<'_, EngineInfo> {
        observed("info", &*self.watch, async move { self.docker().await?.told().await.cloned() }).boxed()
    }

    fn gone(&self) -> BoxFuture<'_, EngineError> {
        async move {
            let why = match self.docker().await {
                Ok(docker) => docker.gone().await,
                Err(why) => why,
            };
            self.forget();
            why
        }
        .boxed()
    }

    fn make_network<'a>(&'a self, network: &'a Network, labels: &'a Labels) -> Asked<'a, ()> {
        on_docker!(self.make_network(network, labels))
    }

    fn hold<'a>(&'a self, sandbox: &'a SandboxSpec, held: &'a Held) -> Asked<'a, ()> {
        on_docker!(self.hold(sandbox, held))
    }

    fn fill_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Asked<'a, ()> {
        on_docker!(self.fill_workspace(sandbox, tar))
    }

    fn read_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        path: &'a str,
    ) -> Asked<'a, Option<BoxStream<'static, Result<Bytes, EngineError>>>> {
        on_docker!(self.read_workspace(sandbox, path))
    }

    fn remove_labeled<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()> {
        on_docker!(self.remove_labeled(labels))
    }

    fn find_containers<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Found>> {
        on_docker!(self.find_containers(labels))
    }

    fn find_labels<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Labels>> {
        on_docker!(self.find_labels(labels))
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Asked<'a, String> {
        on_docker!(self.create(spec))
    }

    fn start<'a>(&'a self, id: &'a str) -> Asked<'a, Running> {
        on_docker!(self.start(id))
    }

    fn reattach<'a>(&'a self, id: &'a str, seen: Seen) -> Asked<'a, Running> {
        on_docker!(self.reattach(id, seen))
    }

    fn stop<'a>(&'a self, id: &'a str, grace_ms: u64) -> Asked<'a, ()> {
        on_docker!(self.stop(id, grace_ms))
    }

    fn remove<'a>(&'a self, id: &'a str) -> Asked<'a, ()> {
        on_docker!(self.remove(id))
    }

    fn image<'a>(&'a self, reference: &'a str) -> Asked<'a, Option<LocalImage>> {
        on_docker!(self.image(reference))
    }

    fn pull<'a>(
        &'a self,
        reference: &'a Reference,
        platform: Option<&'a Platform>,
        logins: &'a Logins,
        say: &'a Saying,
    ) -> Asked<'a, ()> {
        on_docker!(self.pull(reference, platform, logins, say))
    }

    fn tag<'a>(&'a self, id: &'a str, reference: &'a Reference) -> Asked<'a, ()> {
        on_docker!(self.tag(id, reference))
    }

    fn untag<'a>(&'a self, name: &'a Reference) -> Asked<'a, ()> {
        on_docker!(self.untag(name))
    }

    fn push<'a>(&'a self, reference: &'a Reference, logins: &'a Logins, say: &'a Saying) -> Asked<'a, Digest> {
        on_docker!(self.push(reference, logins, say))
    }

    fn make_programs<'a>(&'a self, bare: &'a Bare) -> Asked<'a, ()> {
        on_docker!(self.make_programs(bare))
    }

    fn try_program<'a>(&'a self, bare: &'a Bare, program: &'a str) -> Asked<'a, i64> {
        on_docker!(self.try_program(bare, program))
    }

    fn forget_programs<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()> {
        on_docker!(self.forget_programs(labels))
    }
}

impl Builder for LocalEngine {
    fn exports(&self) -> Asked<'_, bool> {
        observed("exports", &*self.watch, async move { self.docker().await?.exports_images().await }).boxed()
    }

    fn build<'a>(&'a self, request: &'a BuildRequest, say: &'a Saying) -> Asked<'a, Built> {
        let build = async move {
            let docker = self.docker().await?;
            if docker.told().await?.buildkit {
                BuildKit::new(docker).build(request, say).await
            } else {
                Classic::new(docker).build(request, say).await
            }
        };
        observed("build", &*self.watch, build).boxed()
    }
}
