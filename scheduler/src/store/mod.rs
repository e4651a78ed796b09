//! Where the farm's records are kept: small, versioned values under keys, with revisions and compare-and-commit.
//!
//! The embedded store and etcd mean the same by it; one contract suite (`tests/store_contract.rs`) runs on both.

mod codec;
mod embedded;
pub mod keys;

pub use codec::{Undecodable, decode, encode};
pub use embedded::Embedded;

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

/// What must hold for a transaction to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Nothing is stored under the key.
    Absent(String),
    /// The key was written last by this commit.
    At(String, Revision),
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Store a value.
    Put(String, Bytes),
    /// Remove a key; one that is absent is removed.
    Delete(String),
}

/// All of it is committed, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What changes.
    pub changes: Vec<Change>,
}

impl Transaction {
    /// Changes in one transaction, at most (etcd's default `--max-txn-ops`).
    pub const LIMIT: usize = 128;
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
    /// Anything else.
    #[error("the state store {place} failed: {why}")]
    Failed {
        /// The file, or the address.
        place: String,
        /// What it said.
        why: String,
    },
}

/// A store of records.
pub trait Store: Send + Sync + 'static {
    /// Makes this process the leader: writes the leader key. Every later commit through this store compares it.
    fn lead(&self) -> BoxFuture<'_, Result<Revision, StoreError>>;

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
