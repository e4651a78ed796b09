//! `acre-agent`: carries out on one engine what a scheduler assigns.

use acre_agent::{Config, Parts, SystemClock, connect, engine::docker::LocalEngine};
use acre_model::{
    capability::Privileges,
    ids::{AgentId, PoolName},
};
use anyhow::{Context, anyhow, bail};
use clap::Parser;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::{
        fd::FromRawFd,
        unix::fs::{OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The agent of an acre farm
#[derive(Parser)]
#[command(version, about, after_help = "Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage.")]
struct Arguments {
    /// The farm's address: unix:PATH
    #[arg(long, value_name = "ADDRESS")]
    farm: String,
    /// Folder for logs on their way and source files; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Name of this agent, unique in its farm [default: the machine's name]
    #[arg(long, value_name = "NAME")]
    id: Option<AgentId>,
    /// Pool it belongs to
    #[arg(long, value_name = "POOL", default_value = "default")]
    pool: PoolName,
    /// The engine's socket: unix:///PATH
    #[arg(long, value_name = "ADDRESS", env = "DOCKER_HOST", default_value = "unix:///var/run/docker.sock")]
    engine: String,
    /// Groups that may work at one time [default: cores of the engine's machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    /// Stop when the farm stops
    #[arg(long)]
    exit_with_farm: bool,
    /// Stop what runs after this long without a word from the farm
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = acre_model::duration::parse)]
    stop_after: u64,
    /// Most that a step may have changed of a workspace that goes to other platforms, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(..=1 << 20))]
    hand_over_limit: u64,
    /// Give privileges to steps that ask for them; such a step can do to this machine whatever root can
    #[arg(long)]
    allow_privileged: bool,
    /// Whether steps that ask for it get the engine's socket, with which they can do whatever root can
    #[arg(long, value_name = "WHETHER", value_enum, default_value = "deny")]
    engine_socket: Given,
    /// File descriptor that gets one line `ready` once the farm has welcomed the agent
    #[arg(long, value_name = "N", hide = true)]
    ready_fd: Option<i32>,
}

/// Whether something is given to steps.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Given {
    /// To those that ask for it
    Allow,
    /// To none
    Deny,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("ACRE_LOG").unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let starter = Starter::new(arguments.ready_fd);
    match serve(arguments, starter.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            starter.tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Who started this program and waits to hear, in one line, that it is ready or why it is not.
#[derive(Clone)]
struct Starter(Arc<Mutex<Option<File>>>);

impl Starter {
    #[allow(unsafe_code, reason = "the starter hands over a descriptor by number, and nobody else uses it")]
    fn new(ready_fd: Option<i32>) -> Self {
        Self(Arc::new(Mutex::new(ready_fd.map(|fd| unsafe { File::from_raw_fd(fd) }))))
    }

    /// Says one line, once. A starter that has gone does not matter.
    fn tell(&self, line: &str) {
        let pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut pipe) = pipe {
            drop(writeln!(pipe, "{line}"));
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn serve(arguments: Arguments, starter: Starter) -> anyhow::Result<()> {
    let data = &arguments.data;
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    fs::set_permissions(data, fs::Permissions::from_mode(0o700))?;
    let _lock = lock(data)?;
    let id = match arguments.id {
        Some(id) => id,
        None => machine_name().context("the machine's name cannot name an agent; give --id")?,
    };
    let mut config = Config::new(id, arguments.data);
    config.pool = arguments.pool;
    config.slots = arguments.slots;
    config.exit_with_farm = arguments.exit_with_farm;
    config.allows =
        Privileges { privileged: arguments.allow_privileged, engine_socket: arguments.engine_socket == Given::Allow };
    config.hand_over = arguments.hand_over_limit << 20;
    config.isolation.stop_after_ms = arguments.stop_after;
    let engine = Arc::new(LocalEngine::new(arguments.engine));
    let parts = Parts {
        builder: engine.clone(),
        runtime: engine,
        farm: connect(&arguments.farm).map_err(|why| anyhow!(why))?,
        clock: Arc::new(SystemClock),
    };
    let ready = move || {
        tracing::info!("ready");
        starter.tell("ready");
    };
    Ok(acre_agent::run(config, parts, ready, stop_signal()?).await?)
}

/// One agent per data folder. The lock goes with the process, however it ends.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("{} is in use by another agent; stop that one, or give this one another --data", data.display());
    }
    Ok(file)
}

fn machine_name() -> anyhow::Result<AgentId> {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy().into_owned();
    Ok(name.parse()?)
}

/// Cancelled at the first SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    Ok(stop)
}
