//! What Prometheus is told of an agent. `docs/metrics.md` describes each of them, and a test holds it to that.

use crate::{
    capability::Room,
    contact::Contact,
    engine::{EngineError, Watch},
    logs::Spools,
    roster::RosterHandle,
};
use acre_daemon::metrics::{Histograms, short};
use acre_model::capability::{Capability, Engine, Mode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// All metrics of an agent.
#[derive(Clone, Debug)]
pub struct Metrics {
    engine_up: Gauge,
    engine_seconds: Histograms<ByCall>,
    engine_errors: Family<ByError, Counter>,
    farm_heard: Gauge,
    attempts: Gauge,
    slots: Gauge,
    platforms: Family<ByPlatform, Gauge>,
    log_unsent: Gauge,
    disk_free: Gauge,
    disk_size: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCall {
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByError {
    call: &'static str,
    error: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPlatform {
    platform: String,
    mode: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            engine_up: Gauge::default(),
            engine_seconds: Family::new_with_constructor(short),
            engine_errors: Family::default(),
            farm_heard: Gauge::default(),
            attempts: Gauge::default(),
            slots: Gauge::default(),
            platforms: Family::default(),
            log_unsent: Gauge::default(),
            disk_free: Gauge::default(),
            disk_size: Gauge::default(),
        }
    }
}

impl Watch for Metrics {
    fn called(&self, call: &'static str, took: Duration, error: Option<&EngineError>) {
        self.engine_seconds.get_or_create(&ByCall { call }).observe(took.as_secs_f64());
        if let Some(error) = error {
            self.engine_errors.get_or_create(&ByError { call, error: error.kind() }).inc();
        }
    }
}

impl Metrics {
    /// A registry that has them all.
    pub(crate) fn registry(&self) -> Registry {
        // Series that there may be are there from the start, so that a rate of them can be told from the first change on.
        drop(self.engine_errors.get_or_create(&ByError { call: "info", error: "unreachable" }));
        drop(self.engine_seconds.get_or_create(&ByCall { call: "info" }));
        let mut registry = acre_daemon::metrics::registry("acre_agent", env!("CARGO_PKG_VERSION"));
        let mut gauge = |name, help, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("engine_up", "1 if the engine answers", &self.engine_up);
        gauge(
            "farm_heard",
            "1 if the farm was heard in the last seconds, so that work may be started",
            &self.farm_heard,
        );
        gauge("attempts", "Attempts that the agent has", &self.attempts);
        gauge("slots", "Groups of units that may work here at one time", &self.slots);
        let mut bytes = |name, help, gauge: &Gauge| registry.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        bytes("log_unsent", "Output of units that the farm has not acknowledged", &self.log_unsent);
        bytes("disk_free", "Room on the disk of the agent's data", &self.disk_free);
        bytes("disk_size", "Size of the disk of the agent's data", &self.disk_size);
        let help = "How long the engine took to answer a call";
        registry.register("engine_request_seconds", help, self.engine_seconds.clone());
        registry.register("engine_errors", "Calls that the engine failed", self.engine_errors.clone());
        registry.register("platforms", "1 for each platform that the engine serves", self.platforms.clone());
        registry
    }
}

/// Where the numbers come from that are counted when somebody asks.
#[derive(Clone)]
pub(crate) struct Sources {
    /// Where they are shown.
    pub metrics: Metrics,
    /// The folder of the agent's data.
    pub data: PathBuf,
    /// What the agent has.
    pub capability: watch::Receiver<Capability>,
    /// What it does.
    pub roster: RosterHandle,
    /// Whether the farm is heard.
    pub contact: Contact,
    /// Its logs.
    pub spools: Arc<Spools>,
}

impl Sources {
    /// Counts them.
    pub(crate) async fn count(self) {
        let Self { metrics, data, capability, roster, contact, spools } = self;
        if let Some(room) = Room::of(&data).await {
            metrics.disk_free.set(number(room.free));
            metrics.disk_size.set(number(room.size));
        }
        metrics.show(&capability.borrow());
        metrics.farm_heard.set(i64::from(contact.is_fresh()));
        metrics.attempts.set(number(roster.state().borrow().0.len() as u64));
        metrics.log_unsent.set(number(spools.all().iter().map(|(_, spool)| spool.unsent()).sum()));
    }
}

impl Metrics {
    fn show(&self, capability: &Capability) {
        self.engine_up.set(i64::from(matches!(capability.engine, Engine::Ready { .. })));
        self.slots.set(i64::from(capability.slots));
        self.platforms.clear();
        for served in &capability.platforms {
            let mode = match served.mode {
                Mode::Native => "native",
                Mode::Emulated => "emulated",
            };
            self.platforms.get_or_create(&ByPlatform { platform: served.platform.to_string(), mode }).set(1);
        }
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
