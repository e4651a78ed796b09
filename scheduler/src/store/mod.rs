//! Where the farm's records are kept: small, versioned values under keys, with revisions and compare-and-commit.
//!
//! The embedded store and etcd mean the same by it; one contract suite (`tests/store_contract`) runs on both.

mod codec;
mod embedded;
mod etcd;
pub mod keys;
mod transaction;

pub use codec::{Undecodable, decode, encode};
pub use embedded::Embedded;
pub use etcd::{BadAddress, Etcd, EtcdAddress, Limits, Node, Tls};
pub use transaction::{Change, Compare, Transaction};

use bytes::Bytes;
use futures::future::BoxFuture;
use std::ops::Range;

/// A number that grows with every commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// The commit that wrote it.
    pub revision: Revision,
    /// The value.
    pub value: Bytes,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A compare did not hold: somebody else has written.
    #[error("the state store has been changed by another scheduler")]
    Conflict,
    /// No room.
    #[error("no space left for the state store at {place}; free some, then try again")]
    Full {
        /// The file, or the address.
        place: String,
    },
    /// Another process has it.
    #[error("the state store {place} is in use by another scheduler")]
    InUse {
        /// The file.
        place: String,
    },
    /// It has forgotten what this scheduler knows it held.
    #[error(
        "state store went back from revision {from} to {to}: {place} was restored from an older copy, or is another one; \
         to go on from what it holds, start the scheduler once with --adopt-revision {to}"
    )]
    WentBack {
        /// The address.
        place: String,
        /// The newest revision that was seen.
        from: u64,
        /// The one it is at.
        to: u64,
    },
    /// It does not answer, and nothing was changed.
    #[error("state store unavailable, not accepted: {place}: {why}")]
    Unavailable {
        /// The address.
        place: String,
        /// What was seen of it last.
        why: String,
    },
    /// It stopped answering in the middle of a commit. Leading anew finds out; until then nothing else is committed.
    #[error("state store unavailable; whether this was accepted is not known yet: {place}: {why}")]
    Unknown {
        /// The address.
        place: String,
        /// What was seen of it last.
        why: String,
    },
    /// Anything else.
    #[error("the state store {place} failed: {why}")]
    Failed {
        /// The file, or the address.
        place: String,
        /// What it said.
        why: String,
    },
}

impl StoreError {
    /// Whether it may be otherwise later, without anybody's doing here.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Conflict | Self::Full { .. } | Self::Unavailable { .. } | Self::Unknown { .. } => true,
            Self::InUse { .. } | Self::WentBack { .. } | Self::Failed { .. } => false,
        }
    }
}

/// A store of records.
pub trait Store: Send + Sync + 'static {
    /// Whether schedulers with other data folders can reach it.
    fn is_shared(&self) -> bool;

    /// Makes this process the leader, unless another one is and lives ([`StoreError::InUse`]). Every later commit through
    /// this store proves that it still is. A process of the same place (one data folder, under one lock) takes over: its
    /// predecessor is dead. Asked again by the leader, it finds out what became of a commit that nobody answered, and
    /// proves that the role is still held.
    ///
    /// The answer is the leader's token: it is greater than those of all leaders before.
    fn lead(&self) -> BoxFuture<'_, Result<Revision, StoreError>>;

    /// Keeps the role that [`Store::lead`] gave, for as long as this is polled. Resolves when the role turns out to be
    /// lost, which is a hint only: what proves it is a commit.
    fn hold(&self) -> BoxFuture<'_, ()>;

    /// Gives the role back, so that another process may lead at once, and withdraws what was announced. Best effort:
    /// a role that is not given back is free once its holder has been silent for some seconds. Nothing can be committed
    /// through this store after it, unless it leads again.
    fn resign(&self) -> BoxFuture<'_, ()>;

    /// One value.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    /// Values with keys in the range, ascending (or descending) by key, at most `limit`.
    fn range(&self, keys: Range<String>, order: Order, limit: usize) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>>;

    /// Commits a transaction and returns its revision.
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Revision, StoreError>>;
}

/// The order of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By key.
    Ascending,
    /// By key, backwards.
    Descending,
}
