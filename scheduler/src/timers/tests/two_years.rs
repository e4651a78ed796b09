//! Two years with a leap day and both changes of the clocks, through which the scheduler is killed again and again: what
//! it has started is held against instants that were found by looking at every minute.

use super::{
    mortal::{Death, Mortal},
    *,
};
use crate::triggers::schedule::oracle::{self, YEARS};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

const MINUTE: u64 = 60_000;
/// Histories that are lived through; `SEED=n` lives through that one alone.
const SEEDS: u64 = 4;
/// Timers of each.
const TIMERS: usize = 4;
/// Those of a history begin where its seed says.
const SCHEDULES: [(&str, &str); 16] = [
    // In the night that leaves it out, and in the one that has it twice.
    ("30 2 * * *", "Europe/Berlin"),
    ("30 1 * * *", "America/New_York"),
    ("0 12 29 FEB *", "UTC"),
    ("0 */6 * * MON-FRI", "UTC"),
    ("30 2 * * *", "America/New_York"),
    ("*/20 2 * * SAT-SUN", "Europe/Berlin"),
    ("59 23 28,29 2 *", "America/New_York"),
    ("0 3 1 * *", "UTC"),
    ("15,45 1-3 * * 0", "Europe/Berlin"),
    ("0 0 1 JAN,JUL *", "America/New_York"),
    // The last Friday of a month that ends on one, and the last days of a quarter.
    ("0 18 31 3,5,8,10 FRI", "UTC"),
    ("0 0 29-31 MAR,JUN,SEP,DEC *", "Europe/Berlin"),
    // By the hours that pass.
    ("30 */8 * 3,10,11 *", "Europe/Berlin"),
    ("17 * 29 FEB *", "America/New_York"),
    ("0 2 * MAR-NOV 7", "America/New_York"),
    ("45 6 * * 1-5", "UTC"),
];
/// What happens at them is looked at from before them: the clocks are changed, and the leap day begins.
const NIGHTS: [&str; 9] = [
    "2027-03-14T07:00Z",
    "2027-03-28T01:00Z",
    "2027-10-31T01:00Z",
    "2027-11-07T06:00Z",
    "2028-02-29T00:00Z",
    "2028-03-12T07:00Z",
    "2028-03-26T01:00Z",
    "2028-10-29T01:00Z",
    "2028-11-05T06:00Z",
];

/// A life of the scheduler.
#[derive(Clone, Copy, Debug)]
struct Life {
    begin: Begin,
    /// How often it wakes for what is due.
    wakes: usize,
    /// How late, in milliseconds, less than a minute.
    late: u64,
    /// How it dies at the last of them; `None`: after it.
    death: Option<Death>,
}

/// When a life begins.
#[derive(Clone, Copy, Debug)]
enum Begin {
    /// So many minutes after the one before has ended.
    After(u64),
    /// So many minutes before one of the [`NIGHTS`], unless that is past.
    Before(usize, u64),
}

fn life(
    begin: impl Strategy<Value = Begin> + Clone,
    wakes: std::ops::Range<usize>,
) -> impl Strategy<Value = Life> + Clone {
    let death = (0..6_u64, any::<bool>()).prop_map(|(commits, is_stored)| Death { commits, is_stored });
    let all = (begin, wakes, 0..MINUTE, prop::option::weighted(0.7, death));
    all.prop_map(|(begin, wakes, late, death)| Life { begin, wakes, late, death })
}

/// Each night is lived through, with some lives before it.
fn history(seed: u64) -> Vec<Life> {
    let wait = prop_oneof![Just(0), 0..3 * 60_u64, 0..40 * 24 * 60_u64];
    let any_lives = prop::collection::vec(life(wait.prop_map(Begin::After), 1..5), 0..2);
    let nights = NIGHTS.each_ref().map(|_| any_lives.clone());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner =
        TestRunner::new_with_rng(ProptestConfig::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut lives = Vec::new();
    for (night, before) in nights.into_iter().enumerate() {
        let begin = (0..300_u64).prop_map(move |minutes| Begin::Before(night, minutes));
        let (some, at_night) = (before, life(begin, 3..8)).new_tree(&mut runner).unwrap().current();
        lives.extend(some);
        lives.push(at_night);
    }
    lives
}

/// What is to be started, and was.
struct Expectation {
    /// All instants of a timer.
    instants: Vec<Vec<Timestamp>>,
    /// Those that a run was started for.
    started: Vec<Vec<Timestamp>>,
}

impl Expectation {
    fn last(&self, timer: usize) -> Timestamp {
        self.started[timer].last().copied().unwrap_or_default()
    }

    /// The last instant of each timer, if nothing was started for it yet: one run makes up for those before it.
    fn due(&self, now: Timestamp) -> Vec<Option<Timestamp>> {
        let due = |(timer, instants): (usize, &Vec<Timestamp>)| {
            let past = instants.partition_point(|at| *at <= now);
            past.checked_sub(1).map(|last| instants[last]).filter(|at| *at > self.last(timer))
        };
        self.instants.iter().enumerate().map(due).collect()
    }

    fn start(&mut self, due: &[Option<Timestamp>]) {
        for (started, due) in self.started.iter_mut().zip(due) {
            started.extend(due);
        }
    }

    /// The next instant of all timers, of which everything up to `now` was started.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let next = |instants: &Vec<Timestamp>| instants.get(instants.partition_point(|at| *at <= now)).copied();
        self.instants.iter().filter_map(next).min()
    }
}

fn timer_name(number: usize) -> String {
    format!("t{number}")
}

fn millis(second: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(second).unwrap() * 1000)
}

/// A scheduler that may die, and what is expected of all that live on its folder.
struct Years {
    folder: TempDir,
    clock: Arc<Hands>,
    working: Option<(Working, Arc<Mortal>)>,
    expectation: Expectation,
    /// What the round was to start in which the scheduler was killed.
    in_doubt: Option<Vec<Option<Timestamp>>>,
    /// Runs that were handed in by a scheduler that died before it remembered them.
    unremembered: usize,
}

impl Years {
    /// At the beginning of the first year.
    async fn of(schedules: &[(&str, &str)]) -> Self {
        let instants = schedules.iter().map(|(text, zone)| {
            let minutes = match *zone {
                "UTC" => &*oracle::UTC,
                "Europe/Berlin" => &*oracle::BERLIN,
                "America/New_York" => &*oracle::NEW_YORK,
                other => panic!("{other} has no minutes"),
            };
            // What is due when the task is made is not missed.
            oracle::read(text).instants(minutes).into_iter().filter(|at| *at > millis(YEARS.0)).collect()
        });
        let expectation = Expectation { instants: instants.collect(), started: vec![Vec::new(); schedules.len()] };
        let clock = Arc::new(Hands(AtomicU64::new(millis(YEARS.0).as_millis())));
        let folder = tempfile::tempdir().unwrap();
        let mut years = Self { folder, clock, working: None, expectation, in_doubt: None, unremembered: 0 };
        years.begin().await;
        let timer = |(number, (text, zone)): (usize, &(&str, &str))| {
            Timer::new(timer_name(number).parse().unwrap(), format!("{text} {zone}"))
        };
        let mut task = nightly("0 0 * * *");
        task.triggers.timers = schedules.iter().enumerate().map(timer).collect();
        years.timers().stored_tasks.put(task, Expected::Absent, Given::default()).await.unwrap();
        years
    }

    fn timers(&self) -> &Timers {
        &self.working.as_ref().unwrap().0.timers
    }

    fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    fn end(&self) -> Timestamp {
        Timestamp::from_millis(millis(YEARS.1).as_millis() - MINUTE)
    }

    async fn begin(&mut self) {
        let store = Arc::new(Mortal::new(Arc::new(Embedded::open(&self.folder.path().join("farm.redb")).unwrap())));
        self.working = Some((Working::with(store.clone(), self.folder.path(), &self.clock).await, store));
    }

    async fn kill(&mut self) {
        let (working, _) = self.working.take().unwrap();
        working.kill().await;
    }

    /// Looks at the clock; the store may die meanwhile, with all of it.
    async fn round(&mut self) {
        let due = self.expectation.due(self.now());
        let (working, store) = self.working.as_ref().unwrap();
        tokio::select! {
            biased;
            () = store.died() => self.in_doubt = Some(due),
            next = working.timers.round() => {
                self.expectation.start(&due);
                // Nothing is known of what comes after the years.
                let next = next.unwrap().filter(|at| *at < millis(YEARS.1));
                assert_eq!(next, self.expectation.next(self.now()), "the next instant after {}", self.now());
            }
        }
    }

    /// The instant that a timer's record has.
    async fn remembered(&self, number: usize) -> Timestamp {
        let key = keys::timer(&Default::default(), &"sweep".parse().unwrap(), &timer_name(number).parse().unwrap());
        let record = self.timers().store.get(&key).await.unwrap().unwrap();
        store::decode::<TimerRecord>(&record.value).unwrap().last
    }

    /// A round that was killed has started some of what was due, and everything else as it is expected.
    async fn check(&mut self) {
        let started = self.working.as_ref().unwrap().0.starts().await;
        let mut remembered = Vec::new();
        for number in 0..self.expectation.started.len() {
            remembered.push(self.remembered(number).await);
        }
        for (number, expected) in self.expectation.started.iter_mut().enumerate() {
            let started = started.get(&timer_name(number)).cloned().unwrap_or_default();
            let doubtful = self.in_doubt.as_ref().and_then(|due| due[number]);
            if started.len() > expected.len() {
                expected.extend(doubtful);
            }
            assert_eq!(started, *expected, "timer {number} at {}", self.clock.now().wall);
            self.unremembered += usize::from(started.last().is_some_and(|last| *last > remembered[number]));
        }
        self.in_doubt = None;
    }

    async fn live(&mut self, Life { begin, wakes, late, death }: Life) {
        let now = self.now().as_millis();
        let begin = match begin {
            Begin::After(minutes) => now + minutes * MINUTE,
            Begin::Before(night, minutes) => {
                let night: jiff::Timestamp = NIGHTS[night].parse().unwrap();
                millis(night.as_second()).as_millis() - minutes * MINUTE
            }
        };
        self.clock.0.store(begin.max(now).min(self.end().as_millis()), Ordering::Relaxed);
        self.begin().await;
        self.check().await;
        for wake in 0..wakes {
            if let (true, Some(death)) = (wake + 1 == wakes, death) {
                self.working.as_ref().unwrap().1.doom(death);
            }
            self.round().await;
            let next = self.expectation.next(self.now()).filter(|_| self.in_doubt.is_none() && wake + 1 < wakes);
            let Some(next) = next else { break };
            self.clock.0.store(next.as_millis() + late, Ordering::Relaxed);
        }
        self.kill().await;
    }
}

/// Lives through a history; how many runs were handed in by a scheduler that died before it remembered them.
async fn live_through(seed: u64) -> usize {
    let _said = Said(seed);
    let first = usize::try_from(seed).unwrap() * TIMERS % SCHEDULES.len();
    let schedules: Vec<_> = SCHEDULES.iter().copied().cycle().skip(first).take(TIMERS).collect();
    let mut years = Years::of(&schedules).await;
    years.kill().await;
    for life in history(seed) {
        years.live(life).await;
    }
    years.live(Life { begin: Begin::After(u64::from(u32::MAX)), wakes: 1, late: 0, death: None }).await;
    years.begin().await;
    years.check().await;
    years.kill().await;
    years.unremembered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_two_years_every_instant_is_started_once_and_one_run_makes_up_for_those_missed() {
    let given = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    let seeds = given.map_or(0..SEEDS, |seed| seed..seed + 1);
    let histories: tokio::task::JoinSet<usize> = seeds.map(live_through).collect();
    let unremembered: usize = histories.join_all().await.into_iter().sum();
    assert!(unremembered > 0 || given.is_some(), "nobody died between a run and its record");
}

/// Tells the seed of a history that fails.
struct Said(u64);

impl Drop for Said {
    #[allow(clippy::print_stderr, reason = "whoever looks at a failed test wants to know")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SEED={}", self.0);
        }
    }
}
