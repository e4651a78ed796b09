//! When to try again after a connection was lost, and when to give up.

use std::time::{Duration, Instant};

/// First wait, and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Counts failures since the last answer.
#[derive(Clone, Debug)]
pub struct Patience {
    limit: Duration,
    /// When the first failure was, and how many there were.
    failures: Option<(Instant, u32)>,
}

impl Patience {
    /// Without any answer for `limit`, it ends.
    pub const fn of(limit: Duration) -> Self {
        Self { limit, failures: None }
    }

    /// There was an answer.
    pub fn answered(&mut self) {
        self.failures = None;
    }

    /// There was none: how long to wait before the next try (100 ms, doubling to 5 s); `None`: give up.
    pub fn failed(&mut self, now: Instant) -> Option<Duration> {
        let (since, count) = self.failures.unwrap_or((now, 0));
        self.failures = Some((since, count.saturating_add(1)));
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(count)).min(LONGEST);
        (now.duration_since(since) < self.limit).then_some(wait)
    }

    /// Whether nothing has failed since the last answer.
    pub const fn is_calm(&self) -> bool {
        self.failures.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_the_limit_and_start_again_after_an_answer() {
        let mut patience = Patience::of(Duration::from_secs(120));
        let start = Instant::now();
        let waits: Vec<u128> = (0..8).filter_map(|_| patience.failed(start)).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(patience.failed(start + Duration::from_secs(120)), None);
        patience.answered();
        assert_eq!(patience.failed(start + Duration::from_secs(120)), Some(FIRST));
    }
}
