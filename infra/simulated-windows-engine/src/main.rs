//! `simulated-windows-engine`: answers Docker's Engine API as an engine on Windows does, for tests on machines without
//! Windows. **There is no Windows in it.** Builds that run nothing (`FROM`, `COPY`, `ENV` and the like) are done by a real
//! BuildKit for windows/amd64, and images are pulled from and pushed to real registries; a `RUN` is refused, and a container
//! ends at once with an output that says that nothing was run.
//!
//! Only what acre's agent calls is here, as the API documents it; of registries only those on this machine, without TLS.

mod about;
mod answer;
mod api;
mod build;
mod containers;
mod events;
mod host_config;
mod images;
mod networks;
mod registry;
mod store;
mod volumes;

use acre_model::windows::{Isolation, OsVersion};
use anyhow::{Context as _, bail};
use clap::Parser;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{path::PathBuf, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};

/// What goes before every text that a person could take for that of a real Windows engine.
pub(crate) const SIMULATED: &str = "simulated-windows-engine: no Windows here";

/// A Docker Engine on Windows, simulated: no Windows is in it, and nothing is run
#[derive(Parser, Debug)]
#[command(version, about)]
pub(crate) struct Arguments {
    /// Where it listens: tcp://ADDRESS:PORT or unix:///PATH
    #[arg(long, value_name = "ADDRESS", default_value = "tcp://127.0.0.1:2375")]
    listen: String,
    /// The real Docker Engine, with the containerd image store, whose BuildKit builds
    #[arg(long, value_name = "ADDRESS", env = "ACRE_TEST_BUILDKIT")]
    builder: String,
    /// The program docker-buildx, which brings builds to it
    #[arg(long, value_name = "PATH", env = "ACRE_TEST_BUILDX")]
    buildx: PathBuf,
    /// Folder for images and volumes; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The Windows that it pretends to be on
    #[arg(long, value_name = "VERSION", default_value = "10.0.20348.2227")]
    os_version: OsVersion,
    /// How it pretends to keep containers apart, its default first
    #[arg(long, value_name = "MODE", value_delimiter = ',', default_value = "process")]
    isolation: Vec<Isolation>,
    /// How an agent that sees this machine's files elsewhere finds them: what comes before a path, whose slashes are turned
    /// then; `Z:` under wine
    #[arg(long, value_name = "PREFIX")]
    drive: Option<String>,
}

/// The engine.
pub(crate) struct Engine {
    pub(crate) arguments: Arguments,
    pub(crate) store: store::Store,
    pub(crate) containers: containers::Containers,
    pub(crate) networks: networks::Networks,
    pub(crate) volumes: volumes::Volumes,
    pub(crate) events: events::Events,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    if arguments.isolation.is_empty() {
        bail!("--isolation: write process, hyperv or both");
    }
    std::fs::create_dir_all(&arguments.data).with_context(|| format!("cannot make {}", arguments.data.display()))?;
    let data = arguments.data.canonicalize()?;
    let engine = Arc::new(Engine {
        store: store::Store::open(data.join("images"))?,
        containers: containers::Containers::default(),
        networks: networks::Networks::default(),
        volumes: volumes::Volumes::new(data.join("volumes"), arguments.drive.clone()),
        events: events::Events::default(),
        arguments: Arguments { data, ..arguments },
    });
    listen(engine).await
}

async fn listen(engine: Arc<Engine>) -> anyhow::Result<()> {
    let address = engine.arguments.listen.clone();
    let shown = |address: &str| tracing::info!("{SIMULATED}: listening at {address}");
    if let Some(path) = address.strip_prefix("unix://") {
        // One that was killed leaves it.
        drop(std::fs::remove_file(path));
        let listener = UnixListener::bind(path).with_context(|| format!("cannot listen at {address}"))?;
        shown(&address);
        loop {
            attend(listener.accept().await?.0, engine.clone());
        }
    }
    let Some(at) = address.strip_prefix("tcp://") else { bail!("--listen: write tcp://ADDRESS:PORT or unix:///PATH") };
    let listener = TcpListener::bind(at).await.with_context(|| format!("cannot listen at {address}"))?;
    shown(&format!("tcp://{}", listener.local_addr()?));
    loop {
        attend(listener.accept().await?.0, engine.clone());
    }
}

/// One connection, which may become one of another protocol.
fn attend(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, engine: Arc<Engine>) {
    let service = service_fn(move |request| {
        let engine = engine.clone();
        async move { Ok::<_, std::convert::Infallible>(api::answer(engine, request).await) }
    });
    tokio::spawn(async move {
        // Who hangs up is not served.
        drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await);
    });
}
