//! `acre-agent`: carries out on one engine what a scheduler assigns.

mod place;
mod system;

use acre_agent::{Clock, Config, Ending, Metrics, Parts, Settings, SystemClock, engine::docker::LocalEngine};
use acre_daemon::{LogArguments, Options, Reloads, Starter, host_and_port};
use acre_link::{FarmAddress, Membership, close_folder};
use acre_model::{
    capability::Privileges,
    ids::{AgentId, PoolName},
    windows::Isolation,
};
use anyhow::{Context, bail};
use clap::Parser;
use place::{Place, Wish, place};
use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use system::{ENGINE, Stops};
use tokio::sync::watch;

/// The agent of an acre farm
#[derive(Parser)]
#[command(version, about, after_help = "Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage.")]
struct Arguments {
    /// File of variables, one ACRE_AGENT_OPTION=VALUE on a line, that says of options what is not on the command line;
    /// read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The farm's address: https://HOST:PORT, or unix:PATH on its own machine
    #[arg(long, value_name = "ADDRESS", value_parser = farm)]
    farm: String,
    /// File with a token of `acre agents token`, or - for standard input; needed once, to join a farm on the network
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Folder for logs on their way and source files; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Name of this agent, unique in its farm [default: the name that it has joined by, else the machine's]
    #[arg(long, value_name = "NAME")]
    id: Option<AgentId>,
    /// Pool it belongs to; on the network the token says it [default: default]
    #[arg(long, value_name = "POOL")]
    pool: Option<PoolName>,
    /// Where the engine listens: unix:///PATH, tcp://HOST:PORT, or npipe:////./pipe/NAME on Windows
    #[arg(long, value_name = "ADDRESS", env = "DOCKER_HOST", default_value = ENGINE, value_parser = engine)]
    engine: String,
    /// Groups that may work at one time [default: cores of the engine's machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    /// Cores that steps may ask for altogether [default: cores of the engine's machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cpus: Option<u32>,
    /// Memory that steps may ask for altogether, for example 12g [default: memory of the engine's machine]
    #[arg(long, value_name = "SIZE", value_parser = acre_model::size::parse)]
    memory: Option<u64>,
    /// Something that people should know of this agent; may be given several times, in the environment one a line
    #[arg(long = "label", value_name = "KEY=VALUE", value_delimiter = '\n', value_parser = acre_agent::label::parse)]
    labels: Vec<(String, String)>,
    /// Stop when the farm stops
    #[arg(long)]
    exit_with_farm: bool,
    /// Stop what runs after this long without a word from the farm
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = acre_model::duration::parse)]
    stop_after: u64,
    /// How long what runs may take after the first SIGTERM or Ctrl-C; nothing new is taken then, and a second one stops at once
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = acre_model::duration::parse)]
    drain_timeout: u64,
    /// Most that a step may have changed of a workspace that goes to other platforms, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(..=1 << 20))]
    hand_over_limit: u64,
    /// Give privileges to steps that ask for them; such a step can do to this machine whatever root can
    #[arg(long)]
    allow_privileged: bool,
    /// How a Windows engine's machine can keep containers apart: process, hyperv, or both [default: as the engine does]
    #[arg(long, value_name = "MODE", value_delimiter = ',')]
    isolation: Vec<Isolation>,
    /// Whether steps that ask for it get the engine's socket, with which they can do whatever root can
    #[arg(long, value_name = "WHETHER", value_enum, default_value = "deny")]
    engine_socket: Given,
    /// Where Prometheus may ask for metrics (`/metrics`), as 127.0.0.1:9465: plain HTTP, for whoever can reach it
    #[arg(long, value_name = "HOST:PORT", env = "ACRE_AGENT_METRICS", value_parser = host_and_port)]
    metrics: Option<String>,
    #[command(flatten)]
    logs: LogArguments,
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

/// Reads where a farm is.
fn farm(text: &str) -> Result<String, String> {
    match text.strip_prefix("unix:") {
        Some("") => Err("write unix:PATH".to_owned()),
        Some(_) => Ok(text.to_owned()),
        None => text.parse::<FarmAddress>().map(|_| text.to_owned()).map_err(|why| why.to_string()),
    }
}

/// Reads where an engine is.
fn engine(text: &str) -> Result<String, String> {
    let is_place = |scheme: &str| text.strip_prefix(scheme).is_some_and(|place| !place.is_empty());
    match ["unix://", "tcp://", "npipe://"].into_iter().any(is_place) {
        true => Ok(text.to_owned()),
        false => Err("write unix:///PATH, tcp://HOST:PORT, or npipe:////./pipe/NAME".to_owned()),
    }
}

fn main() -> ExitCode {
    let (arguments, options) = Options::of_process::<Arguments>("ACRE_AGENT");
    let starter = Starter::new(arguments.ready_fd);
    match serve(arguments, options, starter.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            starter.tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn serve(arguments: Arguments, options: Options, starter: Starter) -> anyhow::Result<()> {
    let exporter = arguments.logs.begin_traced("acre-agent", env!("CARGO_PKG_VERSION"))?;
    let done = work(arguments, options, starter).await;
    if let Some(exporter) = exporter {
        exporter.finish().await;
    }
    done
}

async fn work(arguments: Arguments, options: Options, starter: Starter) -> anyhow::Result<()> {
    let data = &arguments.data;
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    close_folder(data).with_context(|| format!("cannot close {} to others", data.display()))?;
    let _lock = lock(data)?;
    let ending = ending()?;
    let reloads = Reloads::listen().context("cannot listen for signals")?;
    let (change, settings) = watch::channel(settings_of(&arguments)?);
    let wish = Wish { farm: arguments.farm, token_file: arguments.token_file, id: arguments.id, pool: arguments.pool };
    let Place { id, pool, channel, membership } = place(wish, data).await?;
    let mut config = Config::new(id, arguments.data);
    config.pool = pool;
    config.settings = settings;
    config.exit_with_farm = arguments.exit_with_farm;
    config.hand_over = arguments.hand_over_limit << 20;
    config.isolation.stop_after_ms = arguments.stop_after;
    let metrics = acre_daemon::metrics::listen(arguments.metrics.as_deref()).await?;
    config.windows_isolation = arguments.isolation;
    let counted = Metrics::default();
    let engine = Arc::new(LocalEngine::new(arguments.engine, Arc::new(counted.clone())));
    let clock = Arc::new(SystemClock);
    let parts = Parts { builder: engine.clone(), runtime: engine, farm: channel, clock, metrics: counted };
    let ready = move || {
        tracing::info!("ready");
        starter.ready();
    };
    let member = membership.clone();
    let take = |arguments: &Arguments| {
        change.send_replace(settings_of(arguments).map_err(|why| why.to_string())?);
        member.as_ref().map_or(Ok(()), Membership::reload).map_err(|why| why.to_string())
    };
    let renewing = async {
        match membership {
            None => std::future::pending().await,
            Some(membership) => membership.keep(|| SystemClock.now()).await,
        }
    };
    tokio::select! {
        worked = acre_agent::run(config, parts, metrics, ready, ending) => worked?,
        () = renewing => {}
        () = reloads.serve(options, &TAKEN, |arguments: &Arguments| &arguments.logs, take) => {}
    }
    Ok(())
}

/// Options that take effect while the agent works.
const TAKEN: [&str; 7] =
    ["--slots", "--cpus", "--memory", "--label", "--allow-privileged", "--engine-socket", "--drain-timeout"];

/// What may change while the agent works.
fn settings_of(arguments: &Arguments) -> anyhow::Result<Settings> {
    Ok(Settings {
        slots: arguments.slots,
        cpus: arguments.cpus,
        memory: arguments.memory,
        labels: acre_agent::label::all(arguments.labels.clone()).map_err(|why| anyhow::anyhow!(why))?,
        allows: Privileges {
            privileged: arguments.allow_privileged,
            engine_socket: arguments.engine_socket == Given::Allow,
        },
        // Of a farm of one machine the farm itself has waited for what runs, before it lets its agent go.
        drain_timeout_ms: if arguments.exit_with_farm { 0 } else { arguments.drain_timeout },
    })
}

/// How long a predecessor may take to be gone.
const LOCK: std::time::Duration = std::time::Duration::from_secs(2);

/// One agent per data folder. The lock goes with the process, however it ends.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    // One that was just killed may not be gone yet.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        if file.lock().is_ok() {
            drop(tell.send(file));
        }
    });
    match told.recv_timeout(LOCK) {
        Ok(file) => Ok(file),
        Err(_) => {
            bail!("{} is in use by another agent; stop that one, or give this one another --data", data.display())
        }
    }
}

/// The first SIGTERM or Ctrl-C asks the agent to finish, the second tells it to stop.
fn ending() -> anyhow::Result<Ending> {
    let mut stops = Stops::listen().context("cannot listen for signals")?;
    let ending = Ending::default();
    let told = ending.clone();
    tokio::spawn(async move {
        for next in [told.drain, told.at_once] {
            stops.next().await;
            next.cancel();
        }
    });
    Ok(ending)
}
