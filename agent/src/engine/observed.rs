//! An engine whose calls are watched: each is a span of the trace that it is part of, and is measured.

use super::{
    Asked, Bare, BuildRequest, Builder, Built, ContainerSpec, EngineError, EngineInfo, Found, Held, Labels, LocalImage,
    Logins, Running, Runtime, SandboxSpec, Saying, Seen,
};
use acre_model::{digest::Digest, plan::Network, platform::Platform, reference::Reference};
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture, stream::BoxStream};
use std::{io, sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field::Empty};

/// Who is told of calls that are over.
pub trait Watch: Send + Sync + 'static {
    /// How long the call of this name took, and what it failed with.
    fn called(&self, call: &'static str, took: Duration, error: Option<&EngineError>);
}

/// An engine, or a builder, whose calls are watched.
pub struct Observed<E: ?Sized> {
    engine: Arc<E>,
    watch: Arc<dyn Watch>,
}

impl<E: ?Sized> Observed<E> {
    /// This one, watched.
    pub fn new(engine: Arc<E>, watch: Arc<dyn Watch>) -> Self {
        Self { engine, watch }
    }

    async fn observe<T>(
        &self,
        call: &'static str,
        calling: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let span = span(call);
        let began = Instant::now();
        let answer = calling.instrument(span.clone()).await;
        let error = answer.as_ref().err();
        if let Some(error) = error {
            span.record("error.type", error.kind());
        }
        self.watch.called(call, began.elapsed(), error);
        answer
    }
}

/// The span of a call that is part of something.
fn span(call: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!("engine", otel.name = format!("engine {call}"), otel.kind = "client", error.type = Empty)
}

/// Each call goes to the engine.
macro_rules! observed {
    ($self:ident . $call:ident ( $($argument:expr),* )) => {
        $self.observe(stringify!($call), $self.engine.$call($($argument),*)).boxed()
    };
}

impl Runtime for Observed<dyn Runtime> {
    fn info(&self) -> Asked<'_, EngineInfo> {
        observed!(self.info())
    }

    /// Waits, for as long as all is well: nothing to measure.
    fn gone(&self) -> BoxFuture<'_, EngineError> {
        self.engine.gone()
    }

    fn make_network<'a>(&'a self, network: &'a Network, labels: &'a Labels) -> Asked<'a, ()> {
        observed!(self.make_network(network, labels))
    }

    fn hold<'a>(&'a self, sandbox: &'a SandboxSpec, held: &'a Held) -> Asked<'a, ()> {
        observed!(self.hold(sandbox, held))
    }

    fn fill_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Asked<'a, ()> {
        observed!(self.fill_workspace(sandbox, tar))
    }

    fn read_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        path: &'a str,
    ) -> Asked<'a, Option<BoxStream<'static, Result<Bytes, EngineError>>>> {
        observed!(self.read_workspace(sandbox, path))
    }

    fn remove_labeled<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()> {
        observed!(self.remove_labeled(labels))
    }

    fn find_containers<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Found>> {
        observed!(self.find_containers(labels))
    }

    fn find_labels<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Labels>> {
        observed!(self.find_labels(labels))
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Asked<'a, String> {
        observed!(self.create(spec))
    }

    fn start<'a>(&'a self, id: &'a str) -> Asked<'a, Running> {
        observed!(self.start(id))
    }

    fn reattach<'a>(&'a self, id: &'a str, seen: Seen) -> Asked<'a, Running> {
        observed!(self.reattach(id, seen))
    }

    fn stop<'a>(&'a self, id: &'a str, grace_ms: u64) -> Asked<'a, ()> {
        observed!(self.stop(id, grace_ms))
    }

    fn remove<'a>(&'a self, id: &'a str) -> Asked<'a, ()> {
        observed!(self.remove(id))
    }

    fn image<'a>(&'a self, reference: &'a str) -> Asked<'a, Option<LocalImage>> {
        observed!(self.image(reference))
    }

    fn pull<'a>(
        &'a self,
        reference: &'a Reference,
        platform: Option<&'a Platform>,
        logins: &'a Logins,
        say: &'a Saying,
    ) -> Asked<'a, ()> {
        observed!(self.pull(reference, platform, logins, say))
    }

    fn tag<'a>(&'a self, id: &'a str, reference: &'a Reference) -> Asked<'a, ()> {
        observed!(self.tag(id, reference))
    }

    fn untag<'a>(&'a self, name: &'a Reference) -> Asked<'a, ()> {
        observed!(self.untag(name))
    }

    fn push<'a>(&'a self, reference: &'a Reference, logins: &'a Logins, say: &'a Saying) -> Asked<'a, Digest> {
        observed!(self.push(reference, logins, say))
    }

    fn make_programs<'a>(&'a self, bare: &'a Bare) -> Asked<'a, ()> {
        observed!(self.make_programs(bare))
    }

    fn try_program<'a>(&'a self, bare: &'a Bare, program: &'a str) -> Asked<'a, i64> {
        observed!(self.try_program(bare, program))
    }

    fn forget_programs<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()> {
        observed!(self.forget_programs(labels))
    }
}

impl Builder for Observed<dyn Builder> {
    fn exports(&self) -> Asked<'_, bool> {
        observed!(self.exports())
    }

    fn build<'a>(&'a self, request: &'a BuildRequest, say: &'a Saying) -> Asked<'a, Built> {
        observed!(self.build(request, say))
    }
}
