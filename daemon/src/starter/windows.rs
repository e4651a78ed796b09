//! Nothing is handed over by number here, and no program of acre's starts a daemon: nobody waits.

use std::io::Sink;

/// What leads to a starter.
pub(super) type Line = Sink;

/// The line that has this descriptor: none.
pub(super) const fn line(_: i32) -> Option<Line> {
    None
}
