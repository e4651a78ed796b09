//! What the scheduler gets from outside, so that a simulation can put its own in place: clock,
//! randomness, ids, background work.

use crate::farm::{Mono, Now};
use acre_model::{ids::RunId, time::Timestamp};
use futures::future::BoxFuture;
use std::{
    fs::File,
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Now;
    /// Resolves at this instant; at once if it has passed.
    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()>;
}

/// The machine's clock.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic zero is now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        Now { wall: Timestamp::from_millis(wall), mono: Mono(self.start.elapsed().as_millis() as u64) }
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.start + Duration::from_millis(at.0)))
    }
}

/// Gives random bytes.
pub trait Random: Send + Sync + 'static {
    /// Bytes that nobody can foresee.
    fn draw(&self) -> [u8; 32];

    /// A number that nobody can foresee.
    fn number(&self) -> u64 {
        let drawn = self.draw();
        u64::from_le_bytes(std::array::from_fn(|index| drawn[index]))
    }
}

/// The machine's randomness.
pub struct SystemRandom(File);

impl SystemRandom {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        File::open("/dev/urandom").map(Self)
    }
}

impl Random for SystemRandom {
    fn draw(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        // Once open, the device gives as much as is asked for.
        io::Read::read_exact(&mut &self.0, &mut bytes).expect("the kernel gives random bytes");
        bytes
    }
}

/// Gives ids to runs.
pub struct Ids {
    salt: u16,
    last: Mutex<(u64, u32)>,
}

impl Ids {
    /// Ids of the farm with this salt, all greater than those given in or before the Unix second `after`.
    pub const fn new(salt: u16, after: u64) -> Self {
        Self { salt, last: Mutex::new((after, RunId::PER_SECOND)) }
    }

    /// The next id. More than [`RunId::PER_SECOND`] in one second borrow from the next.
    pub fn next(&self, now: Timestamp) -> RunId {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now.as_millis() / 1000;
        *last = match *last {
            (previous, _) if second > previous => (second, 0),
            (previous, sequence) if sequence + 1 >= RunId::PER_SECOND => (previous + 1, 0),
            (previous, sequence) => (previous, sequence + 1),
        };
        RunId::new(last.0, self.salt, last.1)
    }
}

/// Background work: started here and nowhere else, cancelled and awaited at shutdown.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts work that ends by itself when [`Tasks::stopping`] is cancelled, or is dropped then.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            if stop.run_until_cancelled(work).await.is_none() {
                tracing::debug!(name, "stopped");
            }
        });
    }

    /// Cancelled when the program stops.
    pub const fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Stops all work and waits for its end.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_where_the_clock_does_not() {
        let ids = Ids::new(5, 1_800_000_000);
        let now = Timestamp::from_millis(1_799_999_999_000);
        let given: Vec<RunId> = (0..3000).map(|_| ids.next(now)).collect();
        assert!(given.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(given[0].second() > 1_800_000_000);
    }
}
