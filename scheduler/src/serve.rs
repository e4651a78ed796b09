//! Putting the scheduler together and serving until it is told to stop.

use crate::{
    Config,
    api::{self, Services},
    blobs::Blobs,
    board::Board,
    driver::{Around, Driver, LoadError},
    idle,
    logs::Logs,
    parts::{Clock, Ids, Tasks},
    retention::Retention,
    store::{self, Change, Compare, Order, Store, StoreError, Transaction, keys},
};
use acre_model::ids::RunId;
use futures::Stream;
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

/// What a scheduler is made of.
pub struct Parts {
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// Where blobs and logs are kept.
    pub objects: Arc<dyn ObjectStore>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Chosen once for a new farm; a farm that has its salt keeps it.
    pub salt: u16,
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
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] tonic::transport::Error),
    /// The descriptors of the wire do not load.
    #[error("the reflection service failed: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// How long a stopping farm waits for its sessions to say good-bye.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a farm is.
#[derive(Serialize, Deserialize)]
struct FarmRecord {
    salt: u16,
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
    I: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let Parts { store, objects, clock, salt } = parts;
    let (blobs, logs) = (Blobs::new(objects.clone()), Logs::new(objects));
    let (board, tasks) = (Arc::new(Board::default()), Tasks::default());
    let around = Around {
        store: store.clone(),
        blobs: blobs.clone(),
        logs: logs.clone(),
        board: board.clone(),
        clock: clock.clone(),
        tasks: tasks.clone(),
    };
    let (driver, handle) = Driver::start(around, config.patience).await?;
    let salt = farm_salt(store.as_ref(), salt).await?;
    let farm_stops = watch::Sender::new(false);
    let services = Services {
        driver: handle.clone(),
        board: board.clone(),
        store: store.clone(),
        blobs: blobs.clone(),
        logs: logs.clone(),
        ids: Arc::new(Ids::new(salt, newest_second(store.as_ref()).await?)),
        clock: clock.clone(),
        tasks: tasks.clone(),
        data: config.data.clone(),
        farm: format!("{salt:03x}"),
        farm_stops: farm_stops.clone(),
    };
    let retention = Retention { store, blobs, logs, clock, keep_ms: config.keep_ms, keep_runs: config.keep_runs };
    tasks.spawn("retention", retention.run());
    if let Some(idle_ms) = config.idle_stop_ms {
        tasks.spawn("idle stop", idle::stop_when_idle(idle_ms, board, handle, farm_stops.clone()));
    }
    let driving = tokio::spawn(driver.run());
    let stops = farm_stops.subscribe();
    let stopping = tasks.stopping().clone();
    let until = async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = told_to_stop(stops) => {
                // Sessions hold a receiver until they have told their agent.
                drop(tokio::time::timeout(FAREWELL, farm_stops.closed()).await);
            }
        }
        // Streams that are still open end with their tasks, so that the server does not wait for them.
        stopping.cancel();
    };
    ready();
    let server = tonic::transport::Server::builder().add_routes(api::routes(services).await?);
    let served = server.serve_with_incoming_shutdown(incoming, until).await;
    tasks.stop().await;
    if let Ok(result) = driving.await {
        result?;
    }
    Ok(served?)
}

/// Resolves, and lets go of the receiver, once the farm is told to stop.
async fn told_to_stop(mut stops: watch::Receiver<bool>) {
    if stops.wait_for(|stops| *stops).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The farm's salt: the stored one, else this one, which is stored.
async fn farm_salt(store: &dyn Store, salt: u16) -> Result<u16, StoreError> {
    if let Some(record) = store.get(keys::FARM).await?
        && let Ok(FarmRecord { salt }) = store::decode(&record.value)
    {
        return Ok(salt);
    }
    let salt = salt & 0x3ff;
    let changes = vec![Change::Put(keys::FARM.to_owned(), store::encode(&FarmRecord { salt }))];
    let compares: Vec<Compare> = Vec::new();
    store.commit(Transaction { compares, changes }).await?;
    Ok(salt)
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
