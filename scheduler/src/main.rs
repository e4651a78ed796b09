//! `acre-scheduler`: takes runs, places their units on agents, remembers how it went.

use acre_scheduler::{
    Config, Parts, RunError,
    parts::{Random, SystemClock, SystemRandom},
    secrets::{SecretKey, Vault, VaultConfig},
    store::{self, Embedded, Etcd, EtcdAddress, Store, StoreError},
};
use anyhow::{Context, bail};
use clap::Parser;
use object_store::local::LocalFileSystem;
use rustix::fs::{FlockOperation, Mode, flock};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::{fd::FromRawFd, unix::fs::OpenOptionsExt, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;

/// The scheduler of an acre farm
#[derive(Parser)]
#[command(version, about, after_help = "Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage.")]
struct Arguments {
    /// Folder for records, blobs and logs; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to listen: unix:PATH (mode 0600)
    #[arg(long, value_name = "ADDRESS")]
    listen: String,
    #[command(flatten)]
    store: StoreArguments,
    /// Stop after this long without a run or a request, for example 30m
    #[arg(long, value_name = "DURATION", value_parser = acre_model::duration::parse)]
    idle_stop: Option<u64>,
    /// How long a unit waits when no agent of the fleet could take it
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = acre_model::duration::parse)]
    placement_grace: u64,
    /// How long ended runs are kept
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = acre_model::duration::parse)]
    keep: u64,
    /// How many ended runs are kept
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    keep_runs: usize,
    /// Vault that runs may name secrets of (`from: vault:PATH#FIELD`; KV engine, version 2); needs --vault-token-file
    #[arg(long, value_name = "URL", requires = "vault_token_file")]
    vault_addr: Option<String>,
    /// File with the token for Vault, of mode 0600; read anew for every run, so that it may be renewed
    #[arg(long, value_name = "FILE", requires = "vault_addr")]
    vault_token_file: Option<PathBuf>,
    /// File descriptor that gets one line `ready` once requests are taken
    #[arg(long, value_name = "N", hide = true)]
    ready_fd: Option<i32>,
}

/// Where records are kept.
#[derive(clap::Args)]
struct StoreArguments {
    /// etcd for the farm's records: etcd://HOST[:PORT][,HOST[:PORT]...][/PREFIX], or etcds:// for TLS
    /// [default: a file in --data]
    #[arg(long, value_name = "URL")]
    store: Option<EtcdAddress>,
    /// Certificates (PEM) of the authorities that etcd's own must come from; needed for etcds://
    #[arg(long, value_name = "FILE", requires = "store")]
    store_ca: Option<PathBuf>,
    /// Certificate (PEM) by which etcd knows this scheduler; needs --store-key
    #[arg(long, value_name = "FILE", requires_all = ["store_ca", "store_key"])]
    store_cert: Option<PathBuf>,
    /// Key (PEM) of that certificate
    #[arg(long, value_name = "FILE", requires = "store_cert")]
    store_key: Option<PathBuf>,
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

/// Bytes of a thread's stack: the deepest task file that is allowed needs about 2 MiB to compile.
const STACK: usize = 8 * 1024 * 1024;

/// Two workers do: blocking work has threads of its own, and everything else waits.
fn serve(arguments: Arguments, starter: Starter) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).thread_stack_size(STACK).enable_all().build()?.block_on(work(arguments, starter))
}

async fn work(arguments: Arguments, starter: Starter) -> anyhow::Result<()> {
    let Some(socket) = arguments.listen.strip_prefix("unix:").map(PathBuf::from) else {
        bail!("--listen {}: only unix:PATH is served; TCP comes with mTLS", arguments.listen);
    };
    fs::create_dir_all(&arguments.data).with_context(|| format!("cannot make {}", arguments.data.display()))?;
    fs::set_permissions(&arguments.data, fs::Permissions::from_mode(0o700))?;
    let _lock = lock(&arguments.data)?;
    let random = Arc::new(SystemRandom::open().context("no randomness to be had")?);
    let store = store(&arguments.store, &arguments.data, random.as_ref()).await?;
    let objects = LocalFileSystem::new_with_prefix(&arguments.data).context("cannot open the blob folder")?;
    let key = SecretKey::load_or_make(&arguments.data.join("secret.key"), random.as_ref())?;
    let vault = vault(arguments.vault_addr, arguments.vault_token_file)?;
    let identity = identity(random.as_ref());
    let listener = listen(&socket)?;
    let mut config = Config::new(arguments.data);
    config.patience.placement_ms = arguments.placement_grace;
    config.idle_stop_ms = arguments.idle_stop;
    config.keep_ms = arguments.keep;
    config.keep_runs = arguments.keep_runs;
    let parts = Parts {
        store,
        objects: Arc::new(objects),
        clock: Arc::new(SystemClock::start()),
        random,
        key,
        vault,
        identity,
    };
    let shutdown = stop_signal()?;
    let shown = socket.clone();
    let ready = move || {
        tracing::info!(socket = %shown.display(), "ready");
        starter.tell("ready");
    };
    let served = acre_scheduler::run(config, parts, UnixListenerStream::new(listener), ready, shutdown).await;
    drop(fs::remove_file(&socket));
    match served {
        Ok(()) => Ok(()),
        Err(RunError::Store(StoreError::InUse { place })) => bail!("{place} is in use by another scheduler"),
        Err(error) => Err(error.into()),
    }
}

/// The store of the farm's records.
async fn store(wanted: &StoreArguments, data: &Path, random: &dyn Random) -> anyhow::Result<Arc<dyn Store>> {
    let Some(address) = &wanted.store else {
        return Ok(Arc::new(Embedded::open(&data.join("farm.redb"))?));
    };
    let identity = wanted.store_cert.as_deref().zip(wanted.store_key.as_deref());
    let tls = match (address.is_tls(), &wanted.store_ca) {
        (true, Some(ca)) => Some(store::Tls::read(ca, identity)?),
        (true, None) => bail!("--store {address}: name the authorities of etcd's certificate with --store-ca FILE"),
        (false, Some(_)) => bail!("--store {address} speaks no TLS, but --store-ca is given; write etcds://"),
        (false, None) => None,
    };
    if tls.is_none() && !address.is_local() {
        tracing::warn!(
            "{address} is reached without TLS: whoever is on the way can read and change the farm's records"
        );
    }
    let node = store::node_of(data, random)?;
    Ok(Arc::new(Etcd::open(address, tls.as_ref(), &node).await?))
}

/// One scheduler per data folder. The lock goes with the process, however it ends.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("{} is in use by another scheduler; stop that one, or give this one another --data", data.display());
    }
    Ok(file)
}

/// Listens on a socket that only this user may open. A socket that nobody answers at is a dead one's, and replaced.
fn listen(socket: &Path) -> anyhow::Result<UnixListener> {
    if let Some(folder) = socket.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    if std::os::unix::net::UnixStream::connect(socket).is_ok() {
        bail!("{} is taken: another scheduler listens there", socket.display());
    }
    match fs::symlink_metadata(socket) {
        Ok(found) if !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            bail!("{} is there and is not a socket; remove it, or listen elsewhere", socket.display());
        }
        Ok(_) => fs::remove_file(socket)?,
        Err(_) => {}
    }
    // Made with the mode it shall have: there is no instant at which others could open it.
    let mask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(socket).with_context(|| format!("cannot listen on {}", socket.display()));
    rustix::process::umask(mask);
    listener
}

fn vault(address: Option<String>, token_file: Option<PathBuf>) -> anyhow::Result<Option<Vault>> {
    match (address, token_file) {
        (Some(address), Some(token_file)) => Ok(Some(Vault::new(VaultConfig { address, token_file })?)),
        _ => Ok(None),
    }
}

fn identity(random: &dyn Random) -> u64 {
    let drawn = random.draw();
    u64::from_le_bytes(std::array::from_fn(|index| drawn[index]))
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
