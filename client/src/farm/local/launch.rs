//! Starting a process that outlives `acre`.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::launch;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::launcher;
#[cfg(target_os = "linux")]
pub(super) use linux::launch;
#[cfg(target_os = "linux")]
pub use linux::launcher;
