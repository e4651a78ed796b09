//! What others are told of runs: the hosts of commits, and whom a project notifies. Which messages a run calls for, what
//! they say, and whose turn it is.
//!
//! Pure: time and randomness are arguments. No secret is in anything that is stored; what needs one is made when it is sent.

mod decide;
#[cfg(test)]
pub(crate) mod examples;
mod message;
pub mod notice;
mod queue;
pub mod status;
mod text;
mod tiding;

pub use decide::{Standing, StatusTold, occasion, status, wanted};
pub use message::{Lane, Message, Place, To};
pub use queue::{Queue, Settled, Verdict};
pub use tiding::{End, Moment, News, Tests, Tiding};
