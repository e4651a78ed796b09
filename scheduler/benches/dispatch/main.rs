//! How fast units get to agents and to their end: the real `acre-scheduler` with its records in etcd, 1,000 simulated
//! agents with a session each, and clients that submit runs of one command and watch them (bounds: 300 units a second
//! sustained; at half of what was sustained, from submission to start under 100 ms for 99 of 100).
//!
//! Run with `eval "$(infra/test --env)" && cargo bench -p acre-scheduler --bench dispatch`. Everything is on this machine
//! and shares its cores; it takes about a minute, prints one line of JSON, and leaves nothing behind.

mod agent;
mod client;
mod etcd;
mod farm;
mod starts;

use farm::Farm;
use serde_json::json;
use starts::Starts;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};

/// Agents with a session each.
const AGENTS: u32 = 1000;
/// Groups that an agent takes at one time.
const SLOTS: u32 = 2;
/// Clients that each wait for their run's end before they submit the next one, while it is measured what is sustained.
const CLIENTS: u32 = 64;
/// How long that goes on before it counts, and how long it counts.
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(20);
/// Nothing else takes longer than this.
const LIMIT: Duration = Duration::from_secs(30);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(measure());
}

async fn measure() {
    farm::open_many_files();
    let farm = Farm::start().await;
    let starts = Arc::new(Starts::default());
    let mut agents = JoinSet::new();
    for number in 0..AGENTS {
        let session = agent::Session::open(number, farm.connect()).await;
        agents.spawn(session.work(starts.clone()));
    }
    let figures = async {
        let clients = client::Clients::new(&farm, starts.clone());
        let sustained = sustained(&farm, &clients).await;
        (sustained, half_load(&clients, sustained.units_per_second / 2.0).await)
    };
    let (sustained, half) = tokio::select! {
        figures = figures => figures,
        ended = agents.join_next() => panic!("a simulated agent ended: {ended:?}"),
    };
    agents.abort_all();
    farm.stop().await;
    report(&sustained, &half);
}

/// What was sustained.
#[derive(Clone, Copy, Debug)]
struct Sustained {
    units_per_second: f64,
    /// Cores that the scheduler kept busy.
    scheduler_cores: f64,
}

/// Clients that each submit the next run as soon as the last one is over.
async fn sustained(farm: &Farm, clients: &client::Clients) -> Sustained {
    let begin = Instant::now() + WARM_UP;
    let end = begin + MEASURED;
    let mut working = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = clients.next();
        working.spawn(async move {
            let mut ended = 0;
            while Instant::now() < end {
                client.run(Instant::now()).await;
                ended += u64::from((begin..end).contains(&Instant::now()));
            }
            ended
        });
    }
    tokio::time::sleep_until(begin).await;
    let used = farm.cpu_seconds();
    tokio::time::sleep_until(end).await;
    let used = farm.cpu_seconds() - used;
    let seconds = MEASURED.as_secs_f64();
    let units: u64 = bounded("the last runs end", working.join_all()).await.into_iter().sum();
    Sustained { units_per_second: units as f64 / seconds, scheduler_cores: used / seconds }
}

/// Runs come at this rate, whether those before are over or not. How long each took from when it was due to be submitted
/// until an agent had its unit, ascending.
async fn half_load(clients: &client::Clients, rate: f64) -> Half {
    let count = (rate * MEASURED.as_secs_f64()) as usize;
    let mut due = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    let mut working = JoinSet::new();
    for _ in 0..count {
        let due = due.tick().await;
        let client = clients.next();
        working.spawn(async move { client.run(due).await });
    }
    let mut took = bounded("the last runs end", working.join_all()).await;
    took.sort_unstable();
    Half { units_per_second: rate, took }
}

/// What was seen at half load.
struct Half {
    units_per_second: f64,
    took: Vec<Duration>,
}

impl Half {
    /// What so many of 100 took at most, in milliseconds.
    fn of_100(&self, percent: usize) -> f64 {
        let took = self.took[(self.took.len() - 1) * percent / 100];
        (took.as_secs_f64() * 10_000.0).round() / 10.0
    }
}

async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

#[expect(clippy::print_stdout, reason = "a bench shows what it measured")]
fn report(sustained: &Sustained, half: &Half) {
    let figures = json!({
        "bench": "dispatch",
        "agents": AGENTS,
        "clients": CLIENTS,
        "units_per_s": sustained.units_per_second.round(),
        "scheduler_cores": (sustained.scheduler_cores * 100.0).round() / 100.0,
        "half_load": {
            "units_per_s": half.units_per_second.round(),
            "units": half.took.len(),
            "submit_to_start_ms": { "p50": half.of_100(50), "p99": half.of_100(99), "longest": half.of_100(100) },
        },
        "bounds_kept": sustained.units_per_second >= 300.0 && half.of_100(99) < 100.0,
    });
    println!("{figures}");
}
