//! `acre`: hands runs to a farm, follows them, and shows what came of them. Also starts and stops the farm of one
//! machine.
//!
//! | module | what |
//! |---|---|
//! | [`args`] | the command line, and what its words mean |
//! | [`command`] | one file per command |
//! | [`farm`] | farms by name, the connection to one, the farm of this machine |
//! | [`follow`] | a run's state and log over connections that may break |
//! | [`source`] | a local source: packed, uploaded, read |
//! | [`secret`] | secrets and logins of the user, on their way into a submission |
//! | [`render`] | what people and programs see |
//! | [`trace`] | spans of a command, for who wants them |
//! | `system` | what differs between Unix and Windows |
//!
//! Invariant: a run never depends on its client. Whatever happens here after it was handed in, it goes on.

pub mod args;
pub mod command;
pub mod error;
pub mod exit_code;
pub mod farm;
pub mod follow;
pub mod render;
pub mod secret;
pub mod source;
mod system;
pub mod trace;

use acre_model::time::Timestamp;
use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

/// Says something by the way, on standard error. If nobody listens there, nobody is told.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "acre: {line}");
}

/// The wall clock, for display.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
