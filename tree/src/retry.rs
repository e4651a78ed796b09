//! Which failed calls are made again, and when.

use std::time::Duration;
use tonic::{Code, Status};

/// Attempts without any progress before a call is given up.
const ATTEMPTS: u32 = 6;

/// The first pause; each further one is twice as long, up to the last.
const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(5);

/// Counts the attempts of a call.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    failed: u32,
}

impl Retry {
    /// Something was achieved, so that the count starts anew.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits for the next attempt, or hands the failure back if there is none.
    pub(crate) async fn after(&mut self, status: Status) -> Result<(), Status> {
        let pause = self.pause(&status).ok_or(status)?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn pause(&mut self, status: &Status) -> Option<Duration> {
        self.failed += 1;
        (is_passing(status) && self.failed < ATTEMPTS).then(|| FIRST.saturating_mul(1 << (self.failed - 1)).min(LAST))
    }
}

/// Whether the same call may succeed later: the farm is away for now, or the connection broke (then the status was made
/// on this side, and has a source).
fn is_passing(status: &Status) -> bool {
    let broke = std::error::Error::source(status).is_some();
    status.code() == Code::Unavailable
        || broke && matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut retry = Retry::default();
        let pauses: Vec<Option<u128>> =
            (0..6).map(|_| retry.pause(&Status::unavailable("away")).map(|pause| pause.as_millis())).collect();
        assert_eq!(pauses, [Some(100), Some(200), Some(400), Some(800), Some(1600), None]);
        retry.progressed();
        assert!(retry.pause(&Status::unavailable("away")).is_some());
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [Status::invalid_argument("x"), Status::internal("x"), Status::unknown("x"), Status::ok("")] {
            assert_eq!(Retry::default().pause(&status), None, "{status}");
        }
    }
}
