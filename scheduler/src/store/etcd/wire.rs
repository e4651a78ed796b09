//! Changes and compares as etcd's operations, under the farm's prefix. Pure.

use super::super::{Change, Compare, Order, Revision, Stored, Transaction};
use bytes::Bytes;
use etcd_client::{self as etcd, CompareOp, GetOptions, KeyValue, PutOptions, SortOrder, SortTarget, TxnOp};
use std::collections::BTreeSet;

/// The farm's part of the keys of an etcd.
#[derive(Clone, Debug)]
pub(super) struct Space(String);

impl Space {
    pub(super) fn new(prefix: &str) -> Self {
        Self(format!("{prefix}/"))
    }

    /// A key as etcd knows it.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.0)
    }

    /// A value that etcd gave. `None`: its key is not one of ours.
    pub(super) fn stored(&self, kv: KeyValue) -> Option<Stored> {
        let revision = Revision(kv.mod_revision().unsigned_abs());
        let (key, value) = kv.into_key_value();
        let key = String::from_utf8(key).ok()?.strip_prefix(&self.0)?.to_owned();
        Some(Stored { key, revision, value: Bytes::from(value) })
    }

    /// How to read up to a key. Ascending is etcd's own order; asked for it, it would read all before it cuts.
    pub(super) fn range(&self, end: &str, order: Order, limit: usize) -> GetOptions {
        let options = GetOptions::new().with_range(self.key(end)).with_limit(i64::try_from(limit).unwrap_or(i64::MAX));
        match order {
            Order::Ascending => options,
            Order::Descending => options.with_sort(SortTarget::Key, SortOrder::Descend),
        }
    }

    pub(super) fn compares(&self, transaction: &Transaction) -> Vec<etcd::Compare> {
        let compare = |compare: &Compare| match compare {
            Compare::Absent(key) => self.is_absent(key),
            Compare::At(key, revision) => self.is_written_at(key, revision.0),
        };
        transaction.compares.iter().map(compare).collect()
    }

    pub(super) fn is_absent(&self, key: &str) -> etcd::Compare {
        etcd::Compare::create_revision(self.key(key), CompareOp::Equal, 0)
    }

    pub(super) fn is_made_at(&self, key: &str, revision: u64) -> etcd::Compare {
        etcd::Compare::create_revision(self.key(key), CompareOp::Equal, signed(revision))
    }

    pub(super) fn is_written_at(&self, key: &str, revision: u64) -> etcd::Compare {
        etcd::Compare::mod_revision(self.key(key), CompareOp::Equal, signed(revision))
    }

    /// The changes; of several of one key the last, since etcd takes one only. What is announced hangs on the lease.
    pub(super) fn operations(&self, transaction: &Transaction, lease: i64) -> Vec<TxnOp> {
        let mut seen = BTreeSet::new();
        let last = transaction.changes.iter().rev().filter(|change| seen.insert(change.key()));
        let operation = |change: &Change| match change {
            Change::Put(key, value) => self.put(key, value, None),
            Change::Announce(key, value) => self.put(key, value, Some(PutOptions::new().with_lease(lease))),
            Change::Delete(key) => TxnOp::delete(self.key(key), None),
        };
        last.map(operation).collect()
    }

    pub(super) fn put(&self, key: &str, value: &[u8], options: Option<PutOptions>) -> TxnOp {
        TxnOp::put(self.key(key), value, options)
    }

    pub(super) fn read(&self, key: &str) -> TxnOp {
        TxnOp::get(self.key(key), None)
    }
}

/// Revisions of etcd are never negative; one that is too great is none.
fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}
