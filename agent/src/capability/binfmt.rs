//! The table of emulators of this machine's kernel: when it was written to.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::Binfmt;
#[cfg(target_os = "linux")]
pub(super) use linux::Binfmt;
