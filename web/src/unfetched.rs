//! Why nothing was fetched.

use std::io;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum Unfetched {
    /// The address asks for what is not fetched: who asks is wrong, not the place.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing at the address, or it is not shown to this user.
    #[error("{0}")]
    NotFound(String),
    /// What is there is not what was asked for.
    #[error("{0}")]
    Unfit(String),
    /// It did not answer, or not in time.
    #[error("{0}")]
    Away(String),
    /// No room for it.
    #[error("no place to fetch into: {0}")]
    Disk(io::Error),
}
