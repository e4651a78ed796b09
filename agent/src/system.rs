//! What this program asks of its system in each system's way.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{ENGINE, HAS_SOCKETS, Stops, machine_name};
#[cfg(windows)]
pub(crate) use windows::{ENGINE, HAS_SOCKETS, Stops, machine_name};
