//! What starts a run without a person: webhooks of those who host sources and images, and schedules.
//!
//! Everything here is a computation: a request that was received, or the time, goes in; what it means comes out. Who
//! listens, waits, remembers and starts is elsewhere.
//!
//! [`webhook::read`] and [`registry::read`] prove who sent a request before they look at what it says, and give every
//! sender's words the same form. [`is_same_repository`] says whether an event is about the trigger's sources, [`filter`]
//! whether the trigger wants it, [`schedule`] when one is due.

pub mod filter;
mod payload;
pub mod registry;
mod repository;
pub mod schedule;
mod signature;
pub mod webhook;

pub use payload::Malformed;
pub use repository::is_same_repository;

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not prove that its sender knows the trigger's secret: no signature, a wrong one, one over other bytes,
    /// one too old. Whoever sent it learns nothing of which it was, not even from the time it took (401).
    #[error("the request is not signed with the secret of this trigger")]
    Signature,
    /// Its sender is who he should be, and what he says cannot be understood (400).
    #[error(transparent)]
    Malformed(#[from] Malformed),
}
