//! What the programs of a farm that keep running have in common: their options, their own logs, their metrics, and
//! whoever started them.
//!
//! *Invariant: nothing of a farm is known here.*

mod environment;
mod logs;
pub mod metrics;
#[cfg(target_os = "linux")]
mod service;
mod starter;

pub use environment::arguments;
pub use logs::LogArguments;
pub use starter::Starter;
