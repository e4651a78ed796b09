//! Transactions: changes that are committed together, if what they rest on still holds.

use super::Revision;
use bytes::Bytes;

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
    /// Store a value for as long as this process leads: it is gone once the role is lost or given back. Only the leader
    /// may do it.
    Announce(String, Bytes),
    /// Remove a key; one that is absent is removed.
    Delete(String),
}

impl Change {
    /// The key that changes.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(key, _) | Self::Announce(key, _) | Self::Delete(key) => key,
        }
    }

    /// Bytes of key and value.
    fn bytes(&self) -> usize {
        match self {
            Self::Put(key, value) | Self::Announce(key, value) => key.len() + value.len(),
            Self::Delete(key) => key.len(),
        }
    }
}

/// All of it is committed, or nothing. Of several changes of one key the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What changes.
    pub changes: Vec<Change>,
}

impl Transaction {
    /// Changes in one transaction, and compares, at most: etcd's default `--max-txn-ops` (128) less what the store adds
    /// to prove that it leads.
    pub const LIMIT: usize = 126;
    /// Bytes of keys and values in one transaction, unless it has one change only: below etcd's default
    /// `--max-request-bytes` (1.5 MiB) with all that surrounds them.
    pub const BYTES: usize = 1024 * 1024;

    /// Changes without a condition.
    pub fn of(changes: Vec<Change>) -> Self {
        Self { compares: Vec::new(), changes }
    }

    /// The changes, in their order, as few transactions as their limits allow.
    pub fn split(changes: Vec<Change>) -> Vec<Self> {
        Self::split_between(changes.into_iter().map(|change| vec![change]).collect())
    }

    /// The same of changes of which some belong together: such are in one transaction, whatever its limits, which a few
    /// records do not reach.
    pub fn split_between(wholes: Vec<Vec<Change>>) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut bytes = 0;
        for whole in wholes.into_iter().filter(|whole| !whole.is_empty()) {
            let more: usize = whole.iter().map(Change::bytes).sum();
            match parts.last_mut() {
                Some(part) if part.changes.len() + whole.len() <= Self::LIMIT && bytes + more <= Self::BYTES => {
                    part.changes.extend(whole);
                    bytes += more;
                }
                _ => {
                    parts.push(Self::of(whole));
                    bytes = more;
                }
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_split_by_number_and_by_size() {
        let put = |index: usize, bytes: usize| Change::Put(format!("{index:04}"), Bytes::from(vec![0; bytes]));
        let table = [
            (vec![], vec![]),
            (vec![1; 126], vec![126]),
            (vec![1; 260], vec![126, 126, 8]),
            (vec![600_000; 3], vec![1, 1, 1]),
            (vec![1, 500_000, 500_000, 500_000, 2_000_000, 1], vec![3, 1, 1, 1]),
        ];
        for (sizes, expected) in table {
            let changes: Vec<Change> = sizes.iter().enumerate().map(|(index, bytes)| put(index, *bytes)).collect();
            let parts = Transaction::split(changes.clone());
            let counts: Vec<usize> = parts.iter().map(|part| part.changes.len()).collect();
            assert_eq!(counts, expected, "{} changes", sizes.len());
            let joined: Vec<Change> = parts.into_iter().flat_map(|part| part.changes).collect();
            assert!(joined == changes, "the order is kept");
        }
    }

    #[test]
    fn what_belongs_together_stays_together() {
        let of = |count: usize| (0..count).map(|index| Change::Delete(format!("{index}"))).collect::<Vec<_>>();
        let table = [(vec![124, 2, 1], vec![126, 1]), (vec![124, 3], vec![124, 3]), (vec![0, 5, 0], vec![5])];
        for (wholes, expected) in table {
            let parts = Transaction::split_between(wholes.iter().map(|count| of(*count)).collect());
            let counts: Vec<usize> = parts.iter().map(|part| part.changes.len()).collect();
            assert_eq!(counts, expected, "{wholes:?}");
        }
    }
}
