//! What the programs of a farm that keep running have in common: their options, their own logs, their metrics, and
//! whoever started them.
//!
//! *Invariant: nothing of a farm is known here.*

mod address;
mod environment;
mod logs;
pub mod metrics;
mod reload;
#[cfg(target_os = "linux")]
mod service;
mod starter;

pub use address::host_and_port;
pub use environment::Options;
pub use logs::LogArguments;
pub use reload::Reloads;
pub use starter::Starter;
