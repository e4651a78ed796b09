//! The nouns of acre as plain types: what a task plans, what a farm does with it, and what a user gets back.
//!
//! Invariant: no I/O, no `async`, no clock, no randomness. A type that is checked has no public way around its check.

pub mod attempt;
pub mod capability;
pub mod digest;
pub mod duration;
pub mod fleet;
pub mod ids;
pub mod joining;
pub mod log;
pub mod notification;
pub mod origin;
pub mod outcome;
pub mod plan;
pub mod platform;
pub mod poll;
pub mod reference;
pub mod report;
pub mod run;
pub mod secret;
pub mod session;
pub mod size;
pub mod stored_task;
pub mod submission;
pub mod text;
pub mod time;
pub mod trace;
pub mod tree;
pub mod trigger;
pub mod windows;
