//! The agent of an acre farm: takes attempts from a scheduler and carries them out on one engine.
//!
//! The `roster` owns what is done and compares it with what the farm wants; an `attempt` does one thing; `engine` is
//! what it is done with; the `session` talks with the farm, in levels; `logs` are kept until the farm has them.
//! [`run`] puts it together out of parts given from outside.

mod attempt;
mod capability;
mod config;
mod contact;
pub mod engine;
pub mod gate;
pub mod label;
mod labels;
mod logs;
mod mask;
mod metrics;
mod networks;
mod parts;
mod reaper;
mod registry;
mod roster;
mod sandbox;
mod serve;
mod session;
mod source;

pub use config::{Config, Isolation, Settings};
pub use metrics::Metrics;
pub use parts::{Clock, Ending, Parts, SystemClock, Tasks};
pub use serve::{RunError, run};
pub use session::connect;
