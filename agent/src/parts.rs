//! What an agent gets from outside, so that a simulation can put its own in place: engine, connection, clock,
//! background work.

use crate::{
    engine::{Builder, Runtime},
    metrics::Metrics,
};
use acre_model::time::Timestamp;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Channel;

/// What an agent is made of.
#[derive(Clone)]
pub struct Parts {
    /// Runs containers.
    pub runtime: Arc<dyn Runtime>,
    /// Builds images.
    pub builder: Arc<dyn Builder>,
    /// The way to the farm; connects by itself, again and again.
    pub farm: Channel,
    /// Tells wall time.
    pub clock: Arc<dyn Clock>,
    /// What is counted, by the engine, too.
    pub metrics: Metrics,
}

/// How an agent is told to go.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// It takes nothing new, finishes what it has, and goes.
    pub drain: CancellationToken,
    /// It goes, whatever it has.
    pub at_once: CancellationToken,
}

/// Tells wall time, for what people read. Deadlines are measured on tokio's clock.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(since.as_millis() as u64)
    }
}

/// Background work: started here and nowhere else, cancelled and awaited at shutdown.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts work that is dropped when the agent stops.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            if stop.run_until_cancelled(work).await.is_none() {
                tracing::debug!(name, "stopped");
            }
        });
    }

    /// Waits for the end of all work, without stopping it.
    pub async fn done(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Stops all work and waits for its end.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
