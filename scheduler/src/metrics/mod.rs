//! What Prometheus is told of the farm. `docs/metrics.md` describes each of them, and a test holds it to that.
//!
//! What can be counted as it happens is; what is a number of things is counted when somebody asks.

mod farm;
mod store;

pub use farm::FarmMetrics;
pub use store::{Measured, StoreMetrics};

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// All metrics of a scheduler.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Of runs, units and agents.
    pub farm: FarmMetrics,
    /// Of the store.
    pub store: StoreMetrics,
    /// Bytes of output that agents have sent.
    pub log_bytes: Counter,
}

impl Metrics {
    /// A registry that has them all.
    pub fn registry(&self) -> Registry {
        let mut registry = acre_daemon::metrics::registry("acre", env!("CARGO_PKG_VERSION"));
        self.farm.register(&mut registry);
        self.store.register(&mut registry);
        registry.register("log_received_bytes", "Output of units that agents have sent", self.log_bytes.clone());
        registry
    }
}
