//! What git needs of each system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{INHERITED, private_file};
#[cfg(windows)]
pub(super) use windows::{INHERITED, private_file};
