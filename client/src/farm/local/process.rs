//! A process by more than its number: numbers are used again, and a signal must never reach a stranger.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{HERE, Identity, Process};
#[cfg(target_os = "linux")]
pub(super) use linux::{HERE, Identity, Process};
