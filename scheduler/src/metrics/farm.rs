//! Metrics of runs, units and agents.

use crate::farm::{Census, Effects, Fact, Over, Queued};
use acre_daemon::metrics::{Histograms, long, short};
use acre_model::{
    capability::Way,
    fleet::Readiness,
    outcome::{Cause, Outcome},
    run::RunStatus,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Metrics of runs, units and agents.
#[derive(Clone, Debug)]
pub struct FarmMetrics {
    runs: Family<ByStatus, Gauge>,
    accepted: Counter,
    ended: Family<ByStatus, Counter>,
    run_seconds: Histogram,
    waiting: Gauge,
    queued: Family<ByReason, Gauge>,
    active: Gauge,
    placements: Family<ByWay, Counter>,
    queue_seconds: Histogram,
    start_seconds: Histogram,
    attempts: Family<ByOutcome, Counter>,
    attempt_seconds: Histograms<ByKind>,
    agents: Family<ByState, Gauge>,
    slots: Gauge,
    busy: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWay {
    way: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    kind: &'static str,
    outcome: &'static str,
    cause: &'static str,
}

impl Default for FarmMetrics {
    fn default() -> Self {
        Self {
            runs: Family::default(),
            accepted: Counter::default(),
            ended: Family::default(),
            run_seconds: long(),
            waiting: Gauge::default(),
            queued: Family::default(),
            active: Gauge::default(),
            placements: Family::default(),
            queue_seconds: short(),
            start_seconds: short(),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(long),
            agents: Family::default(),
            slots: Gauge::default(),
            busy: Gauge::default(),
        }
    }
}

impl FarmMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        self.begin();
        let mut gauge = |name, help, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("units_waiting", "Units of runs under way that wait for other units", &self.waiting);
        gauge("units_active", "Units that have an agent", &self.active);
        gauge("slots", "Groups of units that all connected agents could have at one time", &self.slots);
        gauge("slots_busy", "Groups of units that hold a slot of an agent", &self.busy);
        registry.register("runs", "Runs under way", self.runs.clone());
        registry.register("runs_accepted", "Runs taken in", self.accepted.clone());
        registry.register("runs_ended", "Runs that ended", self.ended.clone());
        registry.register("run_duration_seconds", "From a run's submission to its end", self.run_seconds.clone());
        registry.register(
            "units_queued",
            "Units that wait for an agent, by what keeps it from them",
            self.queued.clone(),
        );
        registry.register(
            "placements",
            "Groups of units that got an agent, by how it serves them",
            self.placements.clone(),
        );
        let help = "How long groups had waited for an agent when they got one";
        registry.register("placement_wait_seconds", help, self.queue_seconds.clone());
        let help = "From the assignment of a unit to the start of its work";
        registry.register("unit_start_seconds", help, self.start_seconds.clone());
        registry.register(
            "attempts_ended",
            "Attempts that ended, by how and whose fault it was",
            self.attempts.clone(),
        );
        let help = "From the start of an attempt's work to its end";
        registry.register("attempt_duration_seconds", help, self.attempt_seconds.clone());
        registry.register("agents", "Agents, by whether work is given to them", self.agents.clone());
    }

    /// Every series that there may be is there from the start, so that a rate of it can be told from its first change on.
    fn begin(&self) {
        self.show(&Census::default());
        for status in RunStatus::ALL.into_iter().filter(|status| status.is_final()) {
            drop(self.ended.get_or_create(&ByStatus { status: of_status(status) }));
        }
        for way in [Some(Way::Native), Some(Way::Cross), Some(Way::Emulated), None] {
            drop(self.placements.get_or_create(&ByWay { way: of_way(way) }));
        }
        for kind in ["source", "build", "push", "index", "cmd"] {
            drop(self.attempts.get_or_create(&ByOutcome { kind, outcome: "succeeded", cause: "" }));
            drop(self.attempt_seconds.get_or_create(&ByKind { kind }));
        }
    }

    /// Counts what has happened.
    pub fn note(&self, effects: &Effects) {
        self.accepted.inc_by(effects.accepted.len() as u64);
        for last in effects.ended.values() {
            let view = &last.view;
            self.ended.get_or_create(&ByStatus { status: of_status(view.status) }).inc();
            let ended_at = view.ended_at.unwrap_or(view.submitted_at);
            self.run_seconds.observe(seconds(ended_at.millis_since(view.submitted_at)));
        }
        for fact in &effects.facts {
            match fact {
                Fact::Placed { way, waited_ms } => {
                    self.placements.get_or_create(&ByWay { way: of_way(*way) }).inc();
                    self.queue_seconds.observe(seconds(*waited_ms));
                }
                Fact::Began { after_ms } => self.start_seconds.observe(seconds(*after_ms)),
                Fact::Over(over) => self.note_over(over),
            }
        }
    }

    fn note_over(&self, over: &Over) {
        let (outcome, cause) = of_outcome(over.outcome.as_ref());
        self.attempts.get_or_create(&ByOutcome { kind: over.kind, outcome, cause }).inc();
        if let Some(started_at) = over.started_at {
            let took = seconds(over.ended_at.millis_since(started_at));
            self.attempt_seconds.get_or_create(&ByKind { kind: over.kind }).observe(took);
        }
    }

    /// Shows how many there are.
    pub fn show(&self, census: &Census) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for status in RunStatus::ALL.into_iter().filter(|status| !status.is_final()) {
            let count = census.runs.get(&status).copied().unwrap_or_default();
            self.runs.get_or_create(&ByStatus { status: of_status(status) }).set(number(count));
        }
        for reason in [Queued::NoRoom, Queued::NoAgent, Queued::Rests, Queued::OwnAgentBusy] {
            let count = census.queued.get(&reason).copied().unwrap_or_default();
            self.queued.get_or_create(&ByReason { reason: of_queued(reason) }).set(number(count));
        }
        for state in [Readiness::Ready, Readiness::Draining, Readiness::EngineDown, Readiness::Disconnected] {
            let count = census.agents.get(&state).copied().unwrap_or_default();
            self.agents.get_or_create(&ByState { state: of_state(state) }).set(number(count));
        }
        self.waiting.set(number(census.waiting));
        self.active.set(number(census.active));
        self.slots.set(number(census.slots));
        self.busy.set(number(census.busy));
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

const fn of_status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Queued => "queued",
        RunStatus::Started => "started",
        RunStatus::Running => "running",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Canceled => "canceled",
        RunStatus::Error => "error",
        RunStatus::Timeout => "timeout",
    }
}

const fn of_queued(queued: Queued) -> &'static str {
    match queued {
        Queued::NoRoom => "no-room",
        Queued::NoAgent => "no-agent",
        Queued::Rests => "rests",
        Queued::OwnAgentBusy => "own-agent-busy",
    }
}

fn of_way(way: Option<Way>) -> String {
    way.map_or_else(|| "any".to_owned(), |way| way.to_string())
}

const fn of_state(state: Readiness) -> &'static str {
    match state {
        Readiness::Ready => "ready",
        Readiness::Draining => "draining",
        Readiness::EngineDown => "engine-down",
        Readiness::Disconnected => "disconnected",
    }
}

/// How it ended, and whose fault it was where it was somebody's.
const fn of_outcome(outcome: Option<&Outcome>) -> (&'static str, &'static str) {
    let Some(outcome) = outcome else { return ("given-up", "") };
    let cause = match outcome {
        Outcome::Failed { .. } | Outcome::TimedOut { .. } => "step",
        Outcome::Infrastructure { cause, .. } => of_cause(*cause),
        Outcome::Lost => of_cause(Cause::AgentLost),
        Outcome::Succeeded | Outcome::Canceled | Outcome::Skipped(_) => "",
    };
    (outcome.kind(), cause)
}

const fn of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::AgentLost => "agent-lost",
        Cause::Engine => "engine",
        Cause::DiskFull => "disk-full",
        Cause::Emulator => "emulator",
        Cause::Registry => "registry",
        Cause::Transfer => "transfer",
        Cause::Placement => "placement",
    }
}
