//! No farm is started here, so no process of one is ever found.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether acre starts a farm of its own on this system.
pub(in super::super) const HERE: bool = false;

/// A process: its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) struct Identity {
    pid: i32,
}

impl Identity {
    /// The number.
    pub(in super::super) const fn pid(&self) -> i32 {
        self.pid
    }

    /// Never.
    pub(in super::super) const fn is_alive(&self) -> bool {
        false
    }

    /// No handle.
    pub(in super::super) const fn open(&self) -> Option<Process> {
        None
    }
}

/// A process that cannot be had here.
#[derive(Debug)]
pub(in super::super) enum Process {}

impl Process {
    /// Asks it to end.
    pub(in super::super) const fn terminate(&self) {
        match *self {}
    }

    /// Ends it.
    pub(in super::super) const fn kill(&self) {
        match *self {}
    }

    /// Whether it has ended within `limit`.
    pub(in super::super) async fn ended_within(&self, _: Duration) -> bool {
        match *self {}
    }
}
