//! Schedules on a farm whose clock the test moves, and whose scheduler it stops in between.

mod mortal;
mod two_years;

use super::*;
use crate::{
    bed::Bed,
    store::{Embedded, Order},
    stored_tasks::{Expected, Given},
};
use acre_model::{ids::RunId, run::RunView, stored_task::Definition};
use futures::future::BoxFuture;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};
use tempfile::TempDir;

/// A clock that stands until it is moved; nobody wakes by it.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Now {
        let millis = self.0.load(Ordering::Relaxed);
        Now { wall: Timestamp::from_millis(millis), mono: Mono(millis) }
    }

    fn sleep_until(&self, _: Mono) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// A scheduler at work on a folder.
struct Working {
    timers: Timers,
    bed: Bed,
}

impl Working {
    async fn on(folder: &Path, clock: &Arc<Hands>) -> Self {
        Self::with(Arc::new(Embedded::open(&folder.join("farm.redb")).unwrap()), folder, clock).await
    }

    async fn with(store: Arc<dyn Store>, folder: &Path, clock: &Arc<Hands>) -> Self {
        let bed = Bed::on(store, folder, clock.clone()).await;
        let (store, driver) = (bed.store.clone(), bed.driver.clone());
        let (stored_tasks, clock) = (bed.stored_tasks.clone(), bed.clock.clone());
        Self { timers: Timers { store, driver, stored_tasks, clock }, bed }
    }

    async fn stop(self) {
        let Self { timers, bed } = self;
        drop(timers);
        bed.stop().await;
    }

    async fn kill(self) {
        let Self { timers, bed } = self;
        drop(timers);
        bed.kill().await;
    }

    /// The instants that runs were started for, in the order of the runs, by timer; those that nobody took have ended by
    /// their time limit.
    async fn starts(&self) -> BTreeMap<String, Vec<Timestamp>> {
        let ended = self.timers.store.range(keys::all_ended_everywhere(), Order::Ascending, usize::MAX).await.unwrap();
        let ended = ended.iter().map(|record| store::decode::<RunView>(&record.value).unwrap());
        let live = self.bed.board.runs().into_iter().map(|view| RunView::clone(&view));
        let runs: BTreeMap<RunId, Start> = ended.chain(live).map(|run| (run.id, run.origin.cause)).collect();
        let mut starts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for cause in runs.into_values() {
            if let Start::Timer { timer, at } = cause {
                starts.entry(timer.to_string()).or_default().push(at);
            }
        }
        starts
    }

    /// Those of the only timer.
    async fn started(&self) -> Vec<Timestamp> {
        let mut starts = self.starts().await;
        assert!(starts.len() <= 1, "{starts:?}");
        starts.pop_first().map(|(_, instants)| instants).unwrap_or_default()
    }
}

/// 2028-02-20 00:00 UTC: the leap day and a change of clocks follow.
const BEGIN: u64 = 1_834_617_600_000;
const HOUR: u64 = 3_600_000;

fn nightly(schedule: &str) -> StoredTask {
    let timer = Timer::new("night".parse().unwrap(), schedule.to_owned());
    StoredTask {
        definition: Definition::Cmd("base true".to_owned()),
        triggers: acre_model::stored_task::Triggers { timers: vec![timer], ..Default::default() },
        ..StoredTask::new("sweep".parse().unwrap())
    }
}

async fn world(schedule: &str) -> (TempDir, Arc<Hands>, Working) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hands(AtomicU64::new(BEGIN))));
    let working = Working::on(folder.path(), &clock).await;
    working.timers.stored_tasks.put(nightly(schedule), Expected::Absent, Given::default()).await.unwrap();
    (folder, clock, working)
}

#[tokio::test]
async fn whoever_stops_meanwhile_no_instant_is_started_twice_and_one_run_makes_up_for_those_missed() {
    let text = "30 2 * * * Europe/Berlin";
    let (folder, clock, mut working) = world(text).await;
    let (schedule, mut last) = (schedule(text).unwrap(), Timestamp::from_millis(BEGIN));
    let mut expected = Vec::new();
    for round in 0..90_u64 {
        // From five hours to nearly three days, by a pattern that repeats late.
        let step = (5 + round * round * 7 % 67) * HOUR;
        clock.0.fetch_add(step, Ordering::Relaxed);
        if round % 3 == 0 {
            working.stop().await;
            working = Working::on(folder.path(), &clock).await;
        }
        let now = clock.now().wall;
        let missed = std::iter::successors(schedule.next(last), |last| schedule.next(*last));
        if let Some(latest) = missed.take_while(|at| *at <= now).last() {
            expected.push(latest);
            last = latest;
        }
        assert_eq!(working.timers.round().await.unwrap(), schedule.next(last));
        // Looking once more starts nothing.
        working.timers.round().await.unwrap();
        assert_eq!(working.started().await, expected, "round {round}");
    }
    assert!(expected.len() > 60, "{expected:?}");
    working.stop().await;
}

#[tokio::test]
async fn a_run_whose_instant_was_not_remembered_is_not_started_again() {
    let (folder, clock, working) = world("0 6 * * *").await;
    let key = keys::timer(&Default::default(), &"sweep".parse().unwrap(), &"night".parse().unwrap());
    let before = working.timers.store.get(&key).await.unwrap().unwrap().value;
    clock.0.fetch_add(30 * HOUR, Ordering::Relaxed);
    working.timers.round().await.unwrap();
    let started = working.started().await;
    assert_eq!(started.len(), 1);
    // It ended between the two.
    working.timers.driver.record(Change::Put(key, before)).await.unwrap();
    working.stop().await;
    let working = Working::on(folder.path(), &clock).await;
    working.timers.round().await.unwrap();
    assert_eq!(working.started().await, started);
    working.stop().await;
}

#[tokio::test]
async fn a_disabled_task_is_not_started_and_a_schedule_begins_when_it_is_changed() {
    let (_folder, clock, working) = world("0 6 * * *").await;
    let tasks = &working.timers.stored_tasks;
    let task = tasks.all().await.unwrap().remove(0);
    let disabled = StoredTask { status: TaskStatus::Disabled, ..task.clone() };
    tasks.put(disabled, Expected::Any, Given::default()).await.unwrap();
    clock.0.fetch_add(30 * HOUR, Ordering::Relaxed);
    assert_eq!(working.timers.round().await.unwrap(), None);
    assert_eq!(working.started().await, []);
    // What was due under the old schedule is not under the new one.
    let mut changed = task;
    changed.triggers.timers[0].schedule = "0 5 * * *".to_owned();
    tasks.put(changed, Expected::Any, Given::default()).await.unwrap();
    let next = working.timers.round().await.unwrap().unwrap();
    assert_eq!((working.started().await.len(), next.as_millis() % (24 * HOUR)), (0, 5 * HOUR));
    working.stop().await;
}
