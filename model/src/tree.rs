//! Source trees, content-addressed: a file is a blob, a directory is a blob that names its entries, a tree is the digest
//! of its root directory. A directory's blob is accepted only when everything it names is stored, so having a
//! directory means having all below it.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};

/// A directory: its entries, ascending by name in byte order, names unique.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    entries: Vec<Entry>,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Neither empty, `.` nor `..`, and without `/` and NUL.
    pub name: String,
    /// What the name stands for.
    pub node: Node,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    /// A regular file.
    File {
        /// Its content.
        digest: Digest,
        /// Bytes of its content.
        size: u64,
        /// Permission bits, set-uid, set-gid and sticky (0o7777).
        mode: u32,
    },
    /// A directory.
    Directory {
        /// Its blob.
        digest: Digest,
        /// Permission bits (0o7777).
        mode: u32,
    },
    /// A symbolic link, never followed by acre.
    Symlink {
        /// Where it points, as written.
        target: String,
    },
}

/// Why entries do not make a directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDirectory {
    /// A name that could leave the directory or confuse a reader of it.
    #[error("`{0}` is not a name for an entry of a directory")]
    Name(String),
    /// Not sorted, or a name twice.
    #[error("entry `{0}` is out of order or stands twice")]
    Order(String),
    /// Bits outside 0o7777.
    #[error("entry `{0}` has a mode outside 0o7777")]
    Mode(String),
}

impl Directory {
    /// The directory with these entries, which must be sorted by name in byte order.
    pub fn new(entries: Vec<Entry>) -> Result<Self, BadDirectory> {
        for (index, entry) in entries.iter().enumerate() {
            let name = entry.name.as_str();
            let shown = || crate::text::clip(name);
            if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) || name.len() > 255 {
                return Err(BadDirectory::Name(shown()));
            }
            if index > 0 && entries[index - 1].name.as_bytes() >= name.as_bytes() {
                return Err(BadDirectory::Order(shown()));
            }
            if matches!(entry.node, Node::File { mode, .. } | Node::Directory { mode, .. } if mode > 0o7777) {
                return Err(BadDirectory::Mode(shown()));
            }
        }
        Ok(Self { entries })
    }

    /// The entries, ascending by name in byte order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let found = self.entries.binary_search_by(|entry| entry.name.as_bytes().cmp(name.as_bytes()));
        found.ok().map(|index| &self.entries[index].node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Entry {
        Entry { name: name.to_owned(), node: Node::Symlink { target: "x".to_owned() } }
    }

    #[test]
    fn names_are_sorted_unique_and_stay_inside() {
        assert!(Directory::new(vec![link("a"), link("a-b"), link("a.c"), link("b")]).is_ok());
        for names in [vec!["b", "a"], vec!["a", "a"], vec![".."], vec!["a/b"], vec![""], vec!["a\0"]] {
            assert!(Directory::new(names.iter().copied().map(link).collect()).is_err(), "{names:?}");
        }
    }
}
