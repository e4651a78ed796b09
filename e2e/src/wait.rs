//! Waiting for something that another process does: a predicate under a deadline. Nothing else here sleeps.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Between two looks at what is waited for.
const STEP: Duration = Duration::from_millis(20);

/// Looks until there is something, for at most `limit`; `None`: there was nothing in the end.
pub fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(STEP);
    }
}

/// As [`within`], for what must come: panics with `what` was waited for.
pub fn until<T>(what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> T {
    within(limit, look).unwrap_or_else(|| panic!("not within {limit:?}: {what}"))
}
