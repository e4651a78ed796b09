//! The scheduler of an acre farm: turns submissions into units, places them on agents, and remembers how it went.
//!
//! `farm` and `placement` decide and are pure; the `driver` owns the state and commits what they decide; `api` speaks
//! the wire; `store`, `blobs` and `logs` keep things, and `secrets` what is nobody else's business; `ca`, `listen` and
//! `join` let in who belongs to the farm; `triggers` reads what starts runs without a person; `tell` says what others are
//! told of runs, and `outbox` sends it. [`run`] puts them
//! together out of parts given from outside.

pub mod api;
#[cfg(test)]
mod bed;
pub mod blobs;
pub mod board;
pub mod ca;
pub mod caller;
pub mod compile;
pub mod config;
pub mod driver;
pub mod farm;
pub mod graph;
pub mod hooks;
pub mod idle;
pub mod intake;
pub mod join;
pub mod listen;
pub mod logs;
pub mod metrics;
pub mod outbox;
pub mod parts;
pub mod placement;
pub mod polling;
pub mod projects;
pub mod registries;
pub mod retention;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod stored_tasks;
pub mod sweep;
pub mod tell;
pub mod timers;
pub mod triggers;
pub mod waves;

pub use config::Config;
pub use serve::{Parts, RunError, run};
