//! How the farm of a test ends: in good order after a test that succeeded, by force after one that failed.

use crate::engine;
use std::{
    panic::{self, AssertUnwindSafe},
    thread,
};

/// What has an end.
pub(crate) trait Ending {
    /// Stops all, which must go in good order and leave nothing on the engine.
    fn stop(&mut self);

    /// Removes all that may be left, and tells what was said.
    fn remove(&mut self);

    /// What the names of its images begin with.
    fn repository(&self) -> &str;
}

/// Ends it, and fails the test if it does not go in good order.
pub(crate) fn end(farm: &mut impl Ending) {
    let is_failing = thread::panicking();
    let checked = panic::catch_unwind(AssertUnwindSafe(|| {
        if !is_failing {
            farm.stop();
        }
    }));
    if is_failing || checked.is_err() {
        farm.remove();
    }
    engine::remove_images(&format!("{}/", farm.repository()));
    if let (false, Err(fault)) = (is_failing, checked) {
        panic::resume_unwind(fault);
    }
}
