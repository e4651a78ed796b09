//! Putting the scheduler together and serving until it is told to stop.

use crate::{
    Config,
    api::{self, Services},
    blobs::{BlobError, Blobs},
    board::Board,
    ca::Authority,
    caller::Caller,
    compile::Compiler,
    driver::{Around, Driver, Handle, LoadError},
    hooks::{self, Hooks, Inbox},
    idle,
    intake::Intake,
    logs::Logs,
    metrics::{Measured, Metrics},
    outbox::{Mailer, Outbox},
    parts::Random,
    parts::{Clock, Ids, Tasks},
    polling::Polling,
    registries::Registries,
    retention::Retention,
    secrets::{SecretKey, Secrets, Vault},
    store::{self, Change, Order, Store, StoreError, Transaction, keys},
    stored_tasks::StoredTasks,
    timers::Timers,
    waves::Waves,
};
use acre_model::ids::RunId;
use acre_trace::Recorder;
use acre_web::Web;
use futures::Stream;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use serde::{Deserialize, Serialize};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Notify, watch},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::Connected};

/// What a scheduler is made of.
pub struct Parts {
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// Where blobs and logs are kept.
    pub objects: Arc<dyn ObjectStore>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The key under which secrets are sealed.
    pub key: SecretKey,
    /// Who signs certificates, in a farm that is asked over the network.
    pub authority: Option<Arc<Authority>>,
    /// The Vault that runs may name secrets of.
    pub vault: Option<Vault>,
    /// The way of e-mail; `None`: none is sent.
    pub mailer: Option<Mailer>,
    /// A random number that becomes the identity of a new farm; a farm that has one keeps it.
    pub identity: u64,
    /// Where those who host sources and images are listened to; `None`: nowhere.
    pub hooks: Option<TcpListener>,
    /// Where metrics are asked for; `None`: nowhere.
    pub metrics: Option<TcpListener>,
    /// Where spans go; `None`: nowhere.
    pub spans: Option<Recorder>,
}

/// Why a scheduler stopped working.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Stored state could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blobs here belong to another farm than the records.
    #[error(
        "the state store holds farm {farm}, whose blobs and logs are not in this data folder; start its scheduler with \
         the --data it had, or give this farm another prefix: etcd://HOST/PREFIX"
    )]
    ForeignBlobs {
        /// The farm.
        farm: String,
    },
    /// The blobs could not be reached.
    #[error("the blob folder failed: {0}")]
    Blobs(#[from] object_store::Error),
    /// What is known of the blobs could not be read.
    #[error(transparent)]
    Condemned(#[from] BlobError),
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] tonic::transport::Error),
    /// The descriptors of the wire do not load.
    #[error("the reflection service failed: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// How long a stopping farm waits for its sessions to say good-bye.
const FAREWELL: Duration = Duration::from_secs(5);

/// How often a silent connection is tried.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a farm is.
#[derive(Serialize, Deserialize)]
struct FarmRecord {
    identity: u64,
}

/// Serves until `shutdown` is cancelled or the farm is told to stop. `ready` is called once requests are taken.
pub async fn run<I>(
    config: Config,
    parts: Parts,
    incoming: impl Stream<Item = io::Result<I>> + Send,
    ready: impl FnOnce(),
    shutdown: CancellationToken,
) -> Result<(), RunError>
where
    I: AsyncRead + AsyncWrite + Connected<ConnectInfo = Caller> + Unpin + Send + 'static,
{
    let store = parts.store.clone();
    let served = serve(config, parts, incoming, ready, shutdown).await;
    // Whoever comes next need not wait until the role is seen to be free.
    store.resign().await;
    served
}

async fn serve<I>(
    config: Config,
    parts: Parts,
    incoming: impl Stream<Item = io::Result<I>> + Send,
    ready: impl FnOnce(),
    shutdown: CancellationToken,
) -> Result<(), RunError>
where
    I: AsyncRead + AsyncWrite + Connected<ConnectInfo = Caller> + Unpin + Send + 'static,
{
    let Parts { store, objects, clock, random, key, authority, vault, mailer, identity, .. } = parts;
    let (hooks_listener, metrics_listener) = (parts.hooks, parts.metrics);
    let spans = parts.spans;
    let metrics = Metrics::default();
    let store: Arc<dyn Store> = Arc::new(Measured::new(store, metrics.store.clone()));
    let (blobs, logs) = (Blobs::new(objects.clone()), Logs::new(objects.clone()));
    blobs.load_condemned().await?;
    let (board, tasks) = (Arc::new(Board::default()), Tasks::default());
    let secrets = Arc::new(Secrets::new(store.clone(), &key, random.clone(), vault));
    let compiler = Compiler::new(blobs.clone(), config.presets);
    let news = Arc::<Notify>::default();
    let around = Around {
        store: store.clone(),
        blobs: blobs.clone(),
        compiler: compiler.clone(),
        secrets: secrets.clone(),
        board: board.clone(),
        clock: clock.clone(),
        tasks: tasks.clone(),
        news: news.clone(),
        metrics: metrics.farm.clone(),
        spans: spans.clone(),
    };
    // Before runs are loaded: those without their plans would be put aside.
    if let (true, Some(known)) = (store.is_shared(), known_identity(store.as_ref()).await?) {
        own_blobs(objects.as_ref(), known, true).await?;
    }
    let (driver, handle) = Driver::start(around, config.patience).await?;
    let identity = farm_identity(store.as_ref(), objects.as_ref(), identity).await?;
    let farm_stops = watch::Sender::new(false);
    let intake = Intake {
        driver: handle.clone(),
        blobs: blobs.clone(),
        compiler,
        secrets: secrets.clone(),
        ids: Arc::new(Ids::new(identity as u16 & 0x3ff, newest_second(store.as_ref()).await?)),
        clock: clock.clone(),
        traced: spans.map(|_| random.clone()),
        data: config.data.clone(),
    };
    let stored_tasks = StoredTasks {
        store: store.clone(),
        driver: handle.clone(),
        secrets: secrets.clone(),
        intake: intake.clone(),
        clock: clock.clone(),
        changed: watch::Sender::default(),
    };
    let registries = Registries { web: Web::default(), secrets: secrets.clone() };
    let waves = Waves {
        store: store.clone(),
        driver: handle.clone(),
        stored_tasks: stored_tasks.clone(),
        registries: registries.clone(),
        board: board.clone(),
        clock: clock.clone(),
        tasks: tasks.clone(),
    };
    let inbox = Inbox {
        store: store.clone(),
        driver: handle.clone(),
        stored_tasks: stored_tasks.clone(),
        waves: waves.clone(),
        clock: clock.clone(),
        news,
    };
    let timers = Timers {
        store: store.clone(),
        driver: handle.clone(),
        stored_tasks: stored_tasks.clone(),
        clock: clock.clone(),
    };
    let hooks = Hooks { inbox: inbox.clone(), secrets: secrets.clone(), clock: clock.clone(), random: random.clone() };
    let outbox = Outbox {
        store: store.clone(),
        driver: handle.clone(),
        stored_tasks: stored_tasks.clone(),
        secrets: secrets.clone(),
        board: board.clone(),
        clock: clock.clone(),
        random: random.clone(),
        web: Web::default(),
        mailer: mailer.map(Arc::new),
        said: Arc::default(),
    };
    tasks.spawn("outbox", outbox.clone().run());
    let services = Services {
        driver: handle.clone(),
        board: board.clone(),
        store: store.clone(),
        blobs: blobs.clone(),
        intake,
        stored_tasks,
        waves: waves.clone(),
        secrets,
        logs: logs.clone(),
        outbox,
        authority,
        random,
        clock: clock.clone(),
        tasks: tasks.clone(),
        farm: format!("{identity:016x}"),
        farm_stops: farm_stops.clone(),
        metrics: metrics.clone(),
    };
    let retention = Retention { store, blobs, logs, clock, keep_ms: config.keep_ms, keep_runs: config.keep_runs };
    tasks.spawn("retention", retention.run());
    if let Some(listener) = metrics_listener {
        show_metrics(&tasks, listener, metrics, handle.clone());
    }
    let has_hooks = hooks_listener.is_some();
    if let Some(idle_ms) = config.idle_stop_ms.filter(|_| !has_hooks) {
        let idle = idle::Idle { board, driver: handle, stored_tasks: services.stored_tasks.clone() };
        tasks.spawn("idle stop", idle.stop_when_idle(idle_ms, farm_stops.clone()));
    }
    let stopping = tasks.stopping().clone();
    if let Some(interval_ms) = config.poll.millis() {
        let (stored_tasks, waves, clock, random) =
            (services.stored_tasks.clone(), waves.clone(), services.clock.clone(), services.random.clone());
        tasks.spawn(
            "polling",
            Polling { stored_tasks, waves, registries, inbox: inbox.clone(), clock, random, interval_ms }.run(),
        );
    }
    start_triggers(&tasks, (waves, inbox, timers), hooks_listener.map(|listener| (hooks, listener)));
    let driving = tokio::spawn(drive(driver, stopping.clone()));
    let stops = farm_stops.subscribe();
    let until = async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = stopping.cancelled() => {}
            () = told_to_stop(stops) => {
                // Sessions hold a receiver until they have told their agent.
                drop(tokio::time::timeout(FAREWELL, farm_stops.closed()).await);
            }
        }
        // Streams that are still open end with their tasks, so that the server does not wait for them.
        stopping.cancel();
    };
    ready();
    let mut server = Server::builder().layer(api::Access).http2_keepalive_interval(Some(KEEP_ALIVE));
    let served = server.add_routes(api::routes(services).await?).serve_with_incoming_shutdown(incoming, until).await;
    tasks.stop().await;
    if let Ok(result) = driving.await {
        result?;
    }
    Ok(served?)
}

/// What starts runs without a person. The driver answers once it is driven.
fn start_triggers(tasks: &Tasks, (waves, inbox, timers): (Waves, Inbox, Timers), door: Option<(Hooks, TcpListener)>) {
    tasks.spawn("waves", async move {
        if let Err(why) = waves.resume().await {
            tracing::error!(%why, "what patched images had begun to start is not gone on with");
        }
    });
    tasks.spawn("inbox", inbox.run());
    tasks.spawn("timers", timers.run());
    if let Some((hooks, listener)) = door {
        let stopping = tasks.stopping().clone();
        tasks.spawn("hooks", async move {
            if let Err(why) = hooks::serve(hooks, listener, stopping.cancelled_owned()).await {
                tracing::error!(%why, "webhooks are not answered any more");
            }
        });
    }
}

/// Serves metrics. What is a number of things is counted each time that they are asked for; while the driver does not
/// answer, the numbers are those of the last time.
fn show_metrics(tasks: &Tasks, listener: TcpListener, metrics: Metrics, driver: Handle) {
    let (registry, stopping) = (metrics.registry(), tasks.stopping().clone());
    let refresh = move || {
        let (farm, driver) = (metrics.farm.clone(), driver.clone());
        async move {
            if let Ok(census) = driver.census().await {
                farm.show(&census);
            }
        }
    };
    tasks.spawn("metrics", async move {
        let served = acre_daemon::metrics::serve(listener, registry, refresh, stopping.cancelled_owned()).await;
        if let Err(why) = served {
            tracing::error!(%why, "metrics are not told any more");
        }
    });
}

/// Without its driver (another scheduler leads, or stored state cannot be loaded) a scheduler has nothing to serve.
async fn drive(driver: Driver, stopping: CancellationToken) -> Result<(), LoadError> {
    let driven = driver.run().await;
    stopping.cancel();
    driven
}

/// Resolves, and lets go of the receiver, once the farm is told to stop.
async fn told_to_stop(mut stops: watch::Receiver<bool>) {
    if stops.wait_for(|stops| *stops).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The farm's identity: the stored one, else this one, which is stored. Its last bits are the salt of run ids.
async fn farm_identity(store: &dyn Store, objects: &dyn ObjectStore, identity: u64) -> Result<u64, RunError> {
    let known = known_identity(store).await?;
    if store.is_shared() {
        own_blobs(objects, known.unwrap_or(identity), known.is_some()).await?;
    }
    if let Some(identity) = known {
        return Ok(identity);
    }
    let changes = vec![Change::Put(keys::FARM.to_owned(), store::encode(&FarmRecord { identity }))];
    store.commit(Transaction::of(changes)).await?;
    Ok(identity)
}

async fn known_identity(store: &dyn Store) -> Result<Option<u64>, StoreError> {
    let record = store.get(keys::FARM).await?;
    Ok(record.and_then(|record| store::decode(&record.value).ok()).map(|FarmRecord { identity }| identity))
}

/// Demands that the blobs here are those of the farm: with others, every run of the shared store would lack its plan.
/// A new farm makes them its own.
async fn own_blobs(objects: &dyn ObjectStore, identity: u64, is_known: bool) -> Result<(), RunError> {
    let (mark, farm) = (Path::from("farm"), format!("{identity:016x}"));
    let marked = match objects.get(&mark).await {
        Ok(found) => Some(found.bytes().await?),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    match marked {
        Some(marked) if marked.as_ref() == farm.as_bytes() => Ok(()),
        None if !is_known => {
            objects.put(&mark, PutPayload::from(farm.into_bytes())).await?;
            Ok(())
        }
        Some(_) | None => Err(RunError::ForeignBlobs { farm }),
    }
}

/// The second of the newest run that is stored: ids go on after it, whatever the clock says.
async fn newest_second(store: &dyn Store) -> Result<u64, StoreError> {
    let mut newest = 0;
    for keys in [keys::all_live(), keys::all_ended_everywhere()] {
        for record in store.range(keys, Order::Ascending, usize::MAX).await? {
            let run = record.key.rsplit('/').next().and_then(|id| id.parse::<RunId>().ok());
            newest = newest.max(run.map_or(0, |run| run.second()));
        }
    }
    Ok(newest)
}
