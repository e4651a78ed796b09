//! What the programs of a farm that keep running have in common: their own logs, their metrics, and whoever started
//! them.
//!
//! *Invariant: nothing of a farm is known here.*

mod logs;
pub mod metrics;
mod starter;

pub use logs::LogArguments;
pub use starter::Starter;
