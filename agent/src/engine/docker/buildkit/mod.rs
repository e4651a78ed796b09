//! Builds by the BuildKit inside the engine, over its gRPC endpoint: one code path for Docker Engine 20.10 to 28, with
//! either image store.
//!
//! A build is three calls that run side by side: `Control.Session` (over which files, logins, secrets and ssh keys are
//! asked for), `Control.Solve` (the build) and `Control.Status` (its progress). Dropping the connection cancels them all.

mod cache;
pub(super) mod channel;
mod context;
mod failed;
mod progress;
mod request;
mod secrets;
mod services;
mod session;
mod socket;
mod ssh;
mod stat;
mod syntax;
mod transfer;
mod used;

pub(super) use cache::images as cache_images;
pub(super) use context::choose;
pub(super) use used::is_of;

use super::{Docker, blame::Dockerfile};
use crate::engine::{Asked, BuildRequest, Builder, Built, EngineError, Output, Said, Saying};
use acre_model::{digest::Digest, log::Stream};
use bollard_buildkit_proto::moby::buildkit::v1::{
    SolveRequest, SolveResponse, StatusRequest, StatusResponse, control_client::ControlClient,
};
use cache::{Caches, Store};
use futures::{FutureExt as _, StreamExt as _, TryFutureExt as _};
use progress::Progress;
use secrets::Secrets;
use services::{Auth, Fault, Files};
use session::{Served, Session};
use ssh::Keys;
use std::{sync::Arc, time::Duration};
use tonic::{Response, Status, transport::Channel};

/// Bytes of the largest status taken.
const LARGEST_STATUS: usize = 64 << 20;

/// How long the rest of the progress is waited for when a build is over. It ends by itself, ordinarily at once, since
/// BuildKit ends it with the build.
const GRACE: Duration = Duration::from_secs(3);

/// The same for a build that failed before anything began: then the progress is of a build that is not known, and
/// would wait for it for seconds.
const GRACE_BEFORE_ANYTHING: Duration = Duration::from_millis(200);

/// The BuildKit of an engine.
#[derive(Clone, Debug)]
pub struct BuildKit {
    docker: Docker,
}

impl BuildKit {
    /// The BuildKit of this engine, which must have one ([`crate::engine::EngineInfo::buildkit`]).
    pub const fn new(docker: Docker) -> Self {
        Self { docker }
    }

    /// The build's caches as far as the engine has them; what it has not is told.
    async fn caches(&self, request: &BuildRequest, say: &Saying) -> Result<Caches, EngineError> {
        let caches = Caches::of(&request.build)?;
        if !caches.depends_on_store() {
            return Ok(caches);
        }
        let store = if self.docker.told().await?.containerd_store { Store::Containerd } else { Store::Docker };
        let (caches, line) = caches.on(store);
        if let Some(line) = line {
            say.send(Said::Output(Stream::Stdout, format!("{line}\n").into())).await.ok();
        }
        Ok(caches)
    }

    async fn run(&self, request: &BuildRequest, say: &Saying) -> Result<Built, EngineError> {
        // Before anything is begun: they may be wrong.
        syntax::check(request)?;
        let caches = self.caches(request, say).await?;
        let (secrets, keys) = (Secrets::new(&request.build.secrets)?, Keys::new(&request.build.ssh)?);
        let mut control =
            ControlClient::new(channel::dial(&self.docker.host).await?).max_decoding_message_size(LARGEST_STATUS);
        let fault = Fault::default();
        let files = Files {
            context: Arc::clone(&request.context),
            dockerfile: request.dockerfile.clone(),
            fault: Arc::clone(&fault),
        };
        let served = Served { files, auth: Auth(request.logins.clone()), secrets, keys };
        let mut session = Session::open(&mut control, served, &request.shared_key).await?;
        let solve = request::solve(request, &caches, &session::token(), session.id())?;
        let mut progress = Progress::default();
        let solved = tokio::select! {
            solved = solve_and_tell(control, solve, &mut progress, say) => solved,
            // A `RUN` would go on without its session; dropping the call stops it.
            () = session.ended() => Err(Status::unavailable("it closed the session of the build")),
        };
        if let Some(rest) = progress.rest() {
            say.send(rest).await.ok();
        }
        match solved {
            Ok(response) => self.built(request, &response, &progress).await,
            Err(status) => Err(self.why(request, &status, &fault, &progress)),
        }
    }

    /// Why a build did not succeed.
    fn why(&self, request: &BuildRequest, status: &Status, fault: &Fault, progress: &Progress) -> EngineError {
        match (fault.get(), progress.emulator_crash()) {
            (Some(fault), _) => return fault.clone(),
            // Only where there is an emulator: anybody may print what it prints.
            (None, Some(crash)) if !self.docker.native.runs_natively(&request.platform) => {
                return EngineError::Emulator(crash.to_owned());
            }
            _ => {}
        }
        match (failed::why(status, progress.failed(), Dockerfile::of(request)), &request.output) {
            (why @ EngineError::DiskFull(_), _) => why,
            (_, Output::Repository(_)) if failed::is_export(progress.failed()) => {
                EngineError::NotExported(status.message().trim().to_owned())
            }
            (why, _) => why,
        }
    }

    /// What the answer of a build that succeeded says.
    async fn built(
        &self,
        request: &BuildRequest,
        response: &SolveResponse,
        progress: &Progress,
    ) -> Result<Built, EngineError> {
        // The key says manifest; an engine with its own image store puts the image's id there.
        let digest = response.exporter_response.get("containerimage.digest").map(|text| text.parse::<Digest>());
        let Some(Ok(image)) = digest else {
            return Err(EngineError::BrokenOff("it did not tell the id of the image it built".to_owned()));
        };
        let dockerfile = String::from_utf8_lossy(&request.dockerfile.text);
        let arguments = request.build.arguments.iter().map(|(_, value)| value.as_str());
        let written: Vec<&str> = std::iter::once(&*dockerfile).chain(arguments).collect();
        let used = used::images(request.build.dependencies.as_deref(), &progress.names(), &written);
        Ok(Built { image, used: self.docker.with_digests(used).await })
    }
}

impl Builder for BuildKit {
    fn exports(&self) -> Asked<'_, bool> {
        self.docker.exports_images().boxed()
    }

    fn build<'a>(&'a self, request: &'a BuildRequest, say: &'a Saying) -> Asked<'a, Built> {
        self.run(request, say).boxed()
    }
}

/// Solves, and tells what is heard of it meanwhile and, for as long as the grace allows, afterwards.
async fn solve_and_tell(
    control: ControlClient<Channel>,
    solve: SolveRequest,
    progress: &mut Progress,
    say: &Saying,
) -> Result<SolveResponse, Status> {
    let (mut of_status, mut of_solve) = (control.clone(), control);
    let asked = StatusRequest { r#ref: solve.r#ref.clone() };
    let events = async move { of_status.status(asked).await.map(Response::into_inner) };
    let mut events = std::pin::pin!(events.try_flatten_stream());
    let mut solving = std::pin::pin!(of_solve.solve(solve));
    let mut more = true;
    let solved = loop {
        tokio::select! {
            biased;
            event = events.next(), if more => more = hear(event, progress, say).await,
            solved = &mut solving => break solved.map(Response::into_inner),
        }
    };
    let grace = if solved.is_ok() || progress.has_begun() { GRACE } else { GRACE_BEFORE_ANYTHING };
    while more && let Ok(event) = tokio::time::timeout(grace, events.next()).await {
        more = hear(event, progress, say).await;
    }
    solved
}

/// Takes in an event and tells it; whether there may be more.
async fn hear(event: Option<Result<StatusResponse, Status>>, progress: &mut Progress, say: &Saying) -> bool {
    let Some(Ok(event)) = event else { return false };
    for said in progress.take(event) {
        // Nobody listening is no reason to stop.
        say.send(said).await.ok();
    }
    true
}

/// The connection to BuildKit failed, whatever it was used for.
fn broken_off(status: &Status) -> EngineError {
    EngineError::BrokenOff(status.message().to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use acre_model::plan::{Build, Context};

    /// A build that asks for nothing.
    pub(in super::super) fn build() -> Build {
        Build { context: Context::Empty, dockerfile: "d/Dockerfile.prod".to_owned(), ..Build::default() }
    }
}
