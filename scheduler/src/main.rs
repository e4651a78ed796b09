//! `acre-scheduler`: takes runs, places their units on agents, remembers how it went.

use acre_daemon::{LogArguments, Options, Reloads, Starter, host_and_port};
use acre_model::{poll::PollInterval, reference::Reference, secret::SecretValue};
use acre_scheduler::{
    Config, Parts, RunError,
    ca::Authority,
    config::Keep,
    listen::{self, Incoming},
    outbox::{Mailer, SmtpAddress},
    parts::{Clock, Random, SystemClock, SystemRandom},
    secrets::{SecretKey, Vault, VaultConfig},
    store::{self, Embedded, Etcd, EtcdAddress, Node, Store, StoreError},
};
use acre_task::Presets;
use acre_trace::{Exporter, Recorder};
use anyhow::{Context, bail};
use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use object_store::local::LocalFileSystem;
use rustix::{
    fs::{FlockOperation, Mode, flock},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use rustls::ServerConfig;
use std::{
    fs::{self, File, OpenOptions},
    net::IpAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

/// The scheduler of an acre farm
#[derive(Parser)]
#[command(version, about, after_help = "Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage.")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// File of variables, one ACRE_SCHEDULER_OPTION=VALUE on a line, that says of options what is not on the command line;
    /// read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for records, blobs, logs and the farm's CA; made if it is missing
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,
    /// Where to listen, several by comma if wanted: unix:PATH (mode 0600), or HOST:PORT (needs the CA that `init` makes)
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', required = true, value_parser = place)]
    listen: Vec<String>,
    /// Name or IP address by which agents and people reach this scheduler, several by comma if wanted; its certificate is
    /// for these [default: the HOST of --listen]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = server_name)]
    name: Vec<String>,
    #[command(flatten)]
    store: StoreArguments,
    /// Where to listen for webhooks, as 127.0.0.1:8070: plain HTTP on this machine's own address, behind a proxy with TLS
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    hooks: Option<String>,
    /// Where Prometheus may ask for metrics (`/metrics`), as 127.0.0.1:9464: plain HTTP, for whoever can reach it
    #[arg(long, value_name = "HOST:PORT", env = "ACRE_SCHEDULER_METRICS", value_parser = host_and_port)]
    metrics: Option<String>,
    /// How often registries are asked for images that start tasks, for example 10m, or `never`
    #[arg(long, value_name = "DURATION", default_value_t)]
    poll: PollInterval,
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
    /// Image that a preset of the task language (acr, az, bash, cssc, curl) stands for here, several by comma if wanted
    /// [default: ACR's public images]
    #[arg(long = "preset", value_name = "NAME=IMAGE", value_delimiter = ',', value_parser = preset)]
    presets: Vec<(String, Reference)>,
    /// Vault that runs may name secrets of (`from: vault:PATH#FIELD`; KV engine, version 2); needs --vault-token-file
    #[arg(long, value_name = "URL", requires = "vault_token_file")]
    vault_addr: Option<String>,
    /// File with the token for Vault, of mode 0600; read anew for every run, so that it may be renewed
    #[arg(long, value_name = "FILE", requires = "vault_addr")]
    vault_token_file: Option<PathBuf>,
    #[command(flatten)]
    mail: MailArguments,
    #[command(flatten)]
    logs: LogArguments,
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
    /// Go on from what etcd holds although it has gone back, to this revision or a later one, as after it was restored; for
    /// one start of a scheduler that refuses to, which says what to give
    #[arg(long, value_name = "REVISION", requires = "store")]
    adopt_revision: Option<u64>,
}

impl StoreArguments {
    /// What does not go together.
    fn fault(&self) -> Option<String> {
        let address = self.store.as_ref()?;
        match (address.is_tls(), &self.store_ca) {
            (true, None) => {
                Some(format!("--store {address}: name the authorities of etcd's certificate with --store-ca FILE"))
            }
            (false, Some(_)) => {
                Some(format!("--store {address} speaks no TLS, but --store-ca is given; write etcds://"))
            }
            (true, Some(_)) | (false, None) => None,
        }
    }
}

/// How e-mail is sent.
#[derive(clap::Args)]
struct MailArguments {
    /// Mail server that notifications go by: smtps://[USER@]HOST[:465], or smtp://[USER@]HOST[:587], which must take
    /// STARTTLS unless it is this machine
    #[arg(long, value_name = "URL", requires = "mail_from")]
    smtp: Option<SmtpAddress>,
    /// File with the password of the mail server's user, of mode 0600
    #[arg(long, value_name = "FILE", requires = "smtp")]
    smtp_password_file: Option<PathBuf>,
    /// Certificate (PEM) of the authority that the mail server's own must come from [default: those that this machine
    /// trusts]
    #[arg(long, value_name = "FILE", requires = "smtp")]
    smtp_ca: Option<PathBuf>,
    /// Address that e-mail is from
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    mail_from: Option<String>,
}

/// Reads `NAME=IMAGE` of a preset that there is.
fn preset(text: &str) -> Result<(String, Reference), String> {
    let (name, image) = text.split_once('=').ok_or("write NAME=IMAGE, as in bash=registry.example/bash:5")?;
    let image = image.parse::<Reference>().map_err(|why| why.to_string())?;
    Presets::default().set(name, &image)?;
    Ok((name.to_owned(), image))
}

/// Reads where to listen.
fn place(text: &str) -> Result<String, String> {
    match text.strip_prefix("unix:") {
        Some(path) if !path.is_empty() => Ok(text.to_owned()),
        None if host_and_port(text).is_ok() => Ok(text.to_owned()),
        _ => Err("write unix:PATH or HOST:PORT".to_owned()),
    }
}

/// Reads what a certificate can be for.
fn server_name(text: &str) -> Result<String, String> {
    match rustls::pki_types::ServerName::try_from(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("write a host name or an IP address".to_owned()),
    }
}

#[derive(Subcommand)]
enum Command {
    /// Make the CA of a farm that is reached over the network, once; whoever has its key can join
    Init {
        /// Folder of the scheduler's data; the CA is in its folder `ca`
        #[arg(long, alias = "state", value_name = "DIR")]
        data: PathBuf,
    },
}

fn main() -> ExitCode {
    let (arguments, options) = Options::of_process::<Arguments>("ACRE_SCHEDULER");
    if let Some(fault) = arguments.store.fault() {
        Arguments::command().error(ErrorKind::ArgumentConflict, fault).exit();
    }
    let starter = Starter::new(arguments.ready_fd);
    let done = match arguments.command {
        Some(Command::Init { data }) => {
            arguments.logs.begin();
            init(&data)
        }
        None => serve(arguments, options, starter.clone()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            starter.tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Where the farm's CA is.
fn ca_folder(data: &Path) -> PathBuf {
    data.join("ca")
}

fn init(data: &Path) -> anyhow::Result<()> {
    make_data(data)?;
    let folder = ca_folder(data);
    Authority::init(&folder, &SystemClock::start())?;
    tracing::info!(folder = %folder.display(), "made the farm's CA; start the scheduler with --listen HOST:PORT");
    Ok(())
}

fn make_data(data: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    Ok(fs::set_permissions(data, fs::Permissions::from_mode(0o700))?)
}

/// Bytes of a thread's stack: the deepest task file that is allowed needs about 2 MiB to compile.
const STACK: usize = 8 * 1024 * 1024;

/// Two workers do: blocking work has threads of its own, and everything else waits.
fn serve(arguments: Arguments, options: Options, starter: Starter) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).thread_stack_size(STACK).enable_all().build()?;
    runtime.block_on(async {
        let exporter = arguments.logs.begin_traced("acre-scheduler", env!("CARGO_PKG_VERSION"))?;
        let done = work(arguments, options, exporter.as_ref().map(Exporter::recorder), starter).await;
        if let Some(exporter) = exporter {
            exporter.finish().await;
        }
        done
    })
}

async fn work(arguments: Arguments, options: Options, spans: Option<Recorder>, starter: Starter) -> anyhow::Result<()> {
    let data = arguments.data.clone().context("--data is missing")?;
    allow_many_files();
    let (sockets, addresses): (Vec<String>, Vec<String>) =
        arguments.listen.iter().cloned().partition(|address| address.starts_with("unix:"));
    make_data(&data)?;
    let _lock = lock(&data)?;
    let random = Arc::new(SystemRandom::open().context("no randomness to be had")?);
    let store = store(&arguments.store, &data, random.as_ref()).await?;
    let objects = LocalFileSystem::new_with_prefix(&data).context("cannot open the blob folder")?;
    let key = SecretKey::load_or_make(&data.join("secret.key"), random.as_ref())?;
    let vault = vault(arguments.vault_addr.clone(), arguments.vault_token_file.clone())?;
    let mailer = mailer(&arguments.mail)?;
    let identity = random.number();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let mut places = Places::default();
    sockets.iter().try_for_each(|socket| places.add_socket(Path::new(socket.trim_start_matches("unix:"))))?;
    let authority = match addresses.is_empty() {
        true => None,
        false => Some(Arc::new(Authority::load(&ca_folder(&data))?)),
    };
    let identified = match &authority {
        Some(authority) => Some(Identified::new(&arguments, addresses.clone(), authority.clone(), clock.clone())?),
        None => None,
    };
    for (address, identified) in addresses.iter().zip(identified.iter().cycle()) {
        places.add_address(address, identified.tls.subscribe(), clock.clone()).await?;
    }
    let hooks = match &arguments.hooks {
        Some(address) => Some(hooks(address).await?),
        None => None,
    };
    let metrics = acre_daemon::metrics::listen(arguments.metrics.as_deref()).await?;
    let folder = data.clone();
    let mut config = Config::new(data);
    config.patience.placement_ms = arguments.placement_grace;
    config.idle_stop_ms = arguments.idle_stop;
    config.poll = arguments.poll;
    let (change, keep) = watch::channel(keep_of(&arguments));
    config.keep = keep;
    for (name, image) in &arguments.presets {
        config.presets.set(name, image).map_err(|why| anyhow::anyhow!("--preset: {why}"))?;
    }
    let objects = Arc::new(objects);
    let parts = Parts { store, objects, clock, random, key, authority, vault, mailer, identity, hooks, metrics, spans };
    let shutdown = stop_signal()?;
    let ready = move || {
        tracing::info!("ready");
        starter.ready();
    };
    let reloads = Reloads::listen()?;
    let take = |arguments: &Arguments| {
        change.send_replace(keep_of(arguments));
        let renewed = identified.as_ref().map_or(Ok(()), |identified| identified.renew(arguments, &ca_folder(&folder)));
        renewed.map_err(|why| why.to_string())
    };
    let served = tokio::select! {
        served = acre_scheduler::run(config, parts, listen::all(places.incoming), ready, shutdown) => served,
        () = reloads.serve(options, &TAKEN, |arguments: &Arguments| &arguments.logs, take) => Ok(()),
    };
    places.sockets.iter().for_each(|socket| drop(fs::remove_file(socket)));
    match served {
        Ok(()) => Ok(()),
        Err(RunError::Store(StoreError::InUse { place })) => bail!("{place} is in use by another scheduler"),
        Err(error) => Err(error.into()),
    }
}

/// Options that take effect while the scheduler works; the CA's files are read again, too.
const TAKEN: [&str; 3] = ["--keep", "--keep-runs", "--name"];

fn keep_of(arguments: &Arguments) -> Keep {
    Keep { ms: arguments.keep, runs: arguments.keep_runs }
}

/// How the farm shows who it is: by the CA of its folder, under names that may be given anew.
struct Identified {
    authority: Arc<Authority>,
    addresses: Vec<String>,
    clock: Arc<dyn Clock>,
    tls: watch::Sender<Arc<ServerConfig>>,
}

impl Identified {
    fn new(
        arguments: &Arguments,
        addresses: Vec<String>,
        authority: Arc<Authority>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let tls = listen::tls(authority.clone(), names(arguments.name.clone(), &addresses)?, clock.clone())?;
        Ok(Self { authority, addresses, clock, tls: watch::Sender::new(Arc::new(tls)) })
    }

    /// Connections that are opened from now on are as files and names say now.
    fn renew(&self, arguments: &Arguments, folder: &Path) -> anyhow::Result<()> {
        self.authority.reload(folder)?;
        let names = names(arguments.name.clone(), &self.addresses)?;
        self.tls.send_replace(Arc::new(listen::tls(self.authority.clone(), names, self.clock.clone())?));
        Ok(())
    }
}

/// Each agent is a connection, and a farm has more of them than a process may open files by default. (The default is low
/// for the sake of select(2), which nothing here uses.)
fn allow_many_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(why) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%why, ?current, "the limit of open files stays as it is");
    }
}

/// The store of the farm's records.
async fn store(wanted: &StoreArguments, data: &Path, random: &dyn Random) -> anyhow::Result<Arc<dyn Store>> {
    let Some(address) = &wanted.store else {
        return Ok(Arc::new(Embedded::open(&data.join("farm.redb"))?));
    };
    let identity = wanted.store_cert.as_deref().zip(wanted.store_key.as_deref());
    let tls = wanted.store_ca.as_ref().map(|ca| store::Tls::read(ca, identity)).transpose()?;
    if tls.is_none() && !address.is_local() {
        tracing::warn!(
            "{address} is reached without TLS: whoever is on the way can read and change the farm's records"
        );
    }
    let node = Node::of(data, random)?.adopting(wanted.adopt_revision);
    Ok(Arc::new(Etcd::open(address, tls.as_ref(), node).await?))
}

/// How long a predecessor may take to be gone.
const LOCK: std::time::Duration = std::time::Duration::from_secs(2);

/// One scheduler per data folder. The lock goes with the process, however it ends.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    // One that was just killed may not be gone yet.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        if flock(&file, FlockOperation::LockExclusive).is_ok() {
            drop(tell.send(file));
        }
    });
    match told.recv_timeout(LOCK) {
        Ok(file) => Ok(file),
        Err(_) => {
            bail!("{} is in use by another scheduler; stop that one, or give this one another --data", data.display())
        }
    }
}

/// Where the farm is asked.
#[derive(Default)]
struct Places {
    incoming: Vec<Incoming>,
    sockets: Vec<PathBuf>,
}

impl Places {
    fn add_socket(&mut self, socket: &Path) -> anyhow::Result<()> {
        self.incoming.push(listen::here(bind(socket)?));
        self.sockets.push(socket.to_owned());
        tracing::info!(socket = %socket.display(), "listening");
        Ok(())
    }

    async fn add_address(
        &mut self,
        address: &str,
        tls: watch::Receiver<Arc<ServerConfig>>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<()> {
        let bound = TcpListener::bind(address).await;
        let listener = bound.with_context(|| format!("--listen {address}: cannot listen there"))?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        self.incoming.push(listen::network(listener, tls, clock));
        Ok(())
    }
}

/// Where webhooks are heard. They are plain HTTP, some with a password in them: from other machines they come through a
/// proxy that speaks TLS.
async fn hooks(address: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    let listener = bound.with_context(|| format!("--hooks {address}: cannot listen there"))?;
    let local = listener.local_addr()?;
    if !local.ip().is_loopback() {
        bail!(
            "--hooks {address}: webhooks are heard on this machine's own address (127.0.0.1:PORT); put a proxy with TLS before it"
        );
    }
    tracing::info!(address = %local, "listening for webhooks");
    Ok(listener)
}

/// The names that the server's certificate is for: those that were given, else the hosts that are listened on.
fn names(given: Vec<String>, addresses: &[String]) -> anyhow::Result<Vec<String>> {
    if !given.is_empty() {
        return Ok(given);
    }
    let mut names = Vec::new();
    for address in addresses {
        // Its form was looked at when it was read.
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
            bail!(
                "--listen {address} is every address of this machine; say with --name what agents and people call it"
            );
        }
        names.push(host.to_owned());
    }
    Ok(names)
}

/// Listens on a socket that only this user may open. A socket that nobody answers at is a dead one's, and replaced.
fn bind(socket: &Path) -> anyhow::Result<UnixListener> {
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

fn mailer(wanted: &MailArguments) -> anyhow::Result<Option<Mailer>> {
    let (Some(server), Some(from)) = (&wanted.smtp, &wanted.mail_from) else { return Ok(None) };
    // Of several providers that may be compiled in, this one; that it is there already is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let password = wanted.smtp_password_file.as_deref().map(password).transpose()?;
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("--smtp-ca {}", path.display()));
    let authorities = wanted.smtp_ca.as_ref().map(read).transpose()?;
    Ok(Some(Mailer::new(server, password.as_ref(), from, authorities.as_deref())?))
}

/// A password in a file that nobody else may read, but for one line break at its end.
fn password(path: &Path) -> anyhow::Result<SecretValue> {
    let what = || format!("--smtp-password-file {}", path.display());
    let mode = fs::metadata(path).with_context(what)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        bail!("{} can be read by others (mode {mode:04o}); run: chmod 600 {}", what(), path.display());
    }
    let text = fs::read(path).with_context(what)?;
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    Ok(SecretValue::new(text.strip_suffix(b"\r").unwrap_or(text).to_vec()))
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
