//! What each system says of files, and how it opens and protects them.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use elsewhere::{mode, open, protect, record, special, with_slashes};
#[cfg(unix)]
pub(crate) use unix::{mode, open, protect, record, special, with_slashes};
