//! What each system says of files, and how it opens and protects them.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use elsewhere::{link_target, mode, open, protect, record, special};
#[cfg(unix)]
pub(crate) use unix::{link_target, mode, open, protect, record, special};
