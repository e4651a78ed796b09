//! A tree as a list: every entry with its path.

use crate::{DEPTH, ENTRIES, PATH};
use acre_model::{
    digest::Digest,
    text::clip,
    tree::{Directory, Node},
};

/// The most bytes of all paths of a tree together. A directory may stand in a tree many times, so that a small tree
/// can have endless paths.
const PATHS: usize = 256 * 1024 * 1024;

/// Why a tree does not make a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlattenError {
    /// More than anyone needs.
    #[error("the tree {0} has more than {ENTRIES} entries or {PATHS} bytes of paths")]
    TooMany(Digest),
    /// Nested too deeply.
    #[error("the tree {root} is too deep at `{path}`; paths have at most {PATH} bytes and {DEPTH} directories")]
    TooDeep {
        /// The tree.
        root: Digest,
        /// Below the root.
        path: String,
    },
    /// A directory that is not at hand.
    #[error("directory {0} of the tree is missing")]
    Missing(Digest),
}

/// Every entry below `root` with its path (separated by `/`), a directory before what is in it, siblings in byte order
/// of their names.
pub fn flatten(
    root: Digest,
    directory: impl Fn(&Digest) -> Option<Directory>,
) -> Result<Vec<(String, Node)>, FlattenError> {
    let open = |path: String, digest: Digest| {
        let directory = directory(&digest).ok_or(FlattenError::Missing(digest))?;
        Ok((path, directory.entries().to_vec().into_iter()))
    };
    let (mut list, mut bytes) = (Vec::new(), 0);
    let mut stack = vec![open(String::new(), root)?];
    while let Some((above, entries)) = stack.last_mut() {
        let Some(entry) = entries.next() else {
            stack.pop();
            continue;
        };
        let path = if above.is_empty() { entry.name } else { format!("{above}/{}", entry.name) };
        bytes += path.len();
        if list.len() == ENTRIES || bytes > PATHS {
            return Err(FlattenError::TooMany(root));
        }
        if path.len() > PATH || stack.len() > DEPTH {
            return Err(FlattenError::TooDeep { root, path: clip(&path) });
        }
        if let Node::Directory { digest, .. } = &entry.node {
            stack.push(open(path.clone(), *digest)?);
        }
        list.push((path, entry.node));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::tree::Entry;
    use std::collections::HashMap;

    fn digest(number: u8) -> Digest {
        Digest::from_bytes([number; 32])
    }

    fn to(name: &str, number: u8) -> Entry {
        Entry { name: name.to_owned(), node: Node::Directory { digest: digest(number), mode: 0o755 } }
    }

    fn list(directories: Vec<Vec<Entry>>) -> Result<Vec<String>, FlattenError> {
        let stored: HashMap<Digest, Directory> =
            (0..).zip(directories).map(|(at, entries)| (digest(at), Directory::new(entries).unwrap())).collect();
        let list = flatten(digest(0), |digest| stored.get(digest).cloned())?;
        Ok(list.into_iter().map(|(path, _)| path).collect())
    }

    #[test]
    fn directories_come_before_what_is_in_them() {
        let paths = list(vec![vec![to("a", 1), to("a-", 2)], vec![to("x", 2), to("y", 2)], vec![]]);
        assert_eq!(paths.unwrap(), ["a", "a/x", "a/y", "a-"]);
    }

    #[test]
    fn a_small_tree_of_endless_paths_is_refused() {
        let doubled = (1..=40).map(|next| vec![to("a", next), to("b", next)]).chain([vec![]]).collect();
        assert_eq!(list(doubled), Err(FlattenError::TooMany(digest(0))));
    }

    #[test]
    fn a_missing_directory_is_named() {
        assert_eq!(list(vec![vec![to("a", 9)]]), Err(FlattenError::Missing(digest(9))));
    }

    #[test]
    fn depth_is_bounded() {
        // A directory that holds itself cannot have a digest; here it shows that the walk ends.
        assert!(matches!(list(vec![vec![to("a", 0)]]), Err(FlattenError::TooDeep { .. })));
    }
}
