//! How fast groups are placed: 5,000 agents, 10,000 queued groups (bounds: 10,000 placements a second; one decision
//! under 1 ms for 99 of 100). Run with `cargo bench -p acre-scheduler --bench placement`.

use acre_model::{
    capability::{Capability, Engine, Mode, Privileges, Requirement, Served},
    fleet::Readiness,
    ids::AgentId,
};
use acre_scheduler::placement::{Emulate, Fleet, Need, Placed, Queue, Seat, Want, place};
use divan::Bencher;
use std::time::{Duration, Instant};

const AGENTS: u32 = 5_000;
const GROUPS: u32 = 10_000;

fn main() {
    single_decisions();
    divan::main();
}

/// Every third agent is an arm64 one, the others emulate it; four slots each.
fn fleet() -> Fleet {
    let mut fleet = Fleet::default();
    for number in 0..AGENTS {
        let is_arm = number.is_multiple_of(3);
        let served: &[(&str, Mode)] = if is_arm {
            &[("linux/arm64", Mode::Native), ("linux/arm/v7", Mode::Native)]
        } else {
            &[
                ("linux/amd64", Mode::Native),
                ("linux/386", Mode::Native),
                ("linux/arm64", Mode::Emulated),
                ("linux/arm/v7", Mode::Emulated),
                ("linux/s390x", Mode::Emulated),
            ]
        };
        fleet.join(name(number), seat(served, number % 50 == 1));
    }
    fleet
}

fn name(number: u32) -> AgentId {
    format!("agent-{number}").parse().expect("a name")
}

fn seat(served: &[(&str, Mode)], privileged: bool) -> Seat {
    let platforms =
        served.iter().map(|(platform, mode)| Served { platform: platform.parse().expect("a platform"), mode: *mode });
    let engine = Engine::Ready { name: "docker".into(), version: "28".into(), buildkit: true, containerd_store: true };
    let capability = Capability {
        platforms: platforms.collect(),
        pool: "default".parse().expect("a pool"),
        slots: 4,
        cpus: 8,
        memory: 32 << 30,
        engine,
        version: "0.1.0".into(),
        allows: Privileges { privileged, engine_socket: false },
        labels: Default::default(),
        disk_free: 1 << 40,
        disk_size: 1 << 41,
        windows: None,
    };
    Seat { capability, readiness: Readiness::Ready }
}

/// Groups of 20 projects, for five platforms; some ask for cores, some for privileges, some find no agent at all.
fn want(number: u32) -> Want {
    let platforms = ["linux/amd64", "linux/arm64", "linux/386", "linux/arm/v7", "linux/s390x"];
    let requirement = Requirement {
        platform: Some(platforms[number as usize % platforms.len()].parse().expect("a platform")),
        pool: "default".parse().expect("a pool"),
        asks: Privileges { privileged: number.is_multiple_of(97), engine_socket: number.is_multiple_of(499) },
        nano_cpus: if number.is_multiple_of(7) { u64::from(number % 6) * 1_000_000_000 } else { 0 },
        memory: if number.is_multiple_of(11) { u64::from(number % 9) << 30 } else { 0 },
    };
    Want {
        project: format!("p{}", number % 20).parse().expect("a project"),
        need: Need { requirement, cross: false, emulate: Emulate::IfAlone, avoid: None },
        warm: number.is_multiple_of(3).then(|| name(number % AGENTS)),
    }
}

fn queue() -> Queue<u32> {
    let mut queue = Queue::default();
    (0..GROUPS).for_each(|number| queue.insert(number, want(number)));
    queue
}

/// All that waits is placed at once.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn all_at_once(bencher: Bencher<'_, '_>) {
    bencher
        .counter(divan::counter::ItemsCount::new(GROUPS))
        .with_inputs(|| (queue(), fleet()))
        .bench_local_values(|(mut queue, mut fleet)| place(&mut queue, &mut fleet));
}

/// A group ends on a full fleet, and the next of all that wait takes its place: what a decision costs from day to day.
fn single_decisions() {
    let (mut fleet, mut queue) = (fleet(), Queue::default());
    (0..4 * GROUPS).for_each(|number| queue.insert(number, want(number)));
    let started = Instant::now();
    let mut working: Vec<Placed<u32>> = place(&mut queue, &mut fleet);
    let filled = started.elapsed();
    let mut took: Vec<Duration> = Vec::new();
    let mut placed = 0;
    for at in 0..GROUPS as usize {
        if working.is_empty() {
            break;
        }
        let ended = working.swap_remove(at * 7919 % working.len());
        let started = Instant::now();
        fleet.give_back(&ended.agent, &ended.need.requirement);
        let begun = place(&mut queue, &mut fleet);
        took.push(started.elapsed());
        placed += begun.len();
        working.extend(begun);
    }
    took.sort_unstable();
    let of_100 = |percent: usize| took[(took.len() - 1) * percent / 100];
    let rate = placed as f64 / took.iter().sum::<Duration>().as_secs_f64();
    report(&format!(
        "one at a time: {placed} groups, {rate:.0} placements/s; a decision p50 {:?}, p99 {:?}, longest {:?}; filling {:?}",
        of_100(50),
        of_100(99),
        of_100(100),
        filled,
    ));
}

#[expect(clippy::print_stdout, reason = "a bench shows what it measured")]
fn report(line: &str) {
    println!("{line}");
}
