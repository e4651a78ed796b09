//! A path in a tree of directories, its links followed as long as they stay in the tree.

use acre_model::{
    digest::Digest,
    tree::{Directory, Node},
};

/// Most links on the way to one file (Linux, `path_resolution(7)`).
const LINKS: usize = 40;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File {
        /// The digest of its content.
        digest: Digest,
        /// Its bytes.
        size: u64,
    },
    /// A directory.
    Directory(Directory),
}

/// What `path`, separated by `/`, leads to below `root`; `None` where that is nothing, or not in the tree. `open` gives
/// the directory of a digest.
///
/// # Errors
/// Those of `open`.
pub fn find<E>(
    root: Directory,
    path: &str,
    mut open: impl FnMut(&Digest) -> Result<Option<Directory>, E>,
) -> Result<Option<Found>, E> {
    let mut above = vec![root];
    let mut names: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut links = 0;
    while let Some(name) = names.pop() {
        if matches!(name.as_str(), "" | ".") {
            continue;
        }
        if name == ".." {
            above.pop();
            if above.is_empty() {
                return Ok(None);
            }
            continue;
        }
        match above.last().and_then(|directory| directory.get(&name)) {
            Some(Node::Directory { digest, .. }) => match open(digest)? {
                Some(directory) => above.push(directory),
                None => return Ok(None),
            },
            Some(Node::File { digest, size, .. }) => {
                let found = Found::File { digest: *digest, size: *size };
                return Ok(names.iter().all(|name| name.is_empty()).then_some(found));
            }
            Some(Node::Symlink { target }) if !target.starts_with('/') && links < LINKS => {
                links += 1;
                names.extend(target.split('/').rev().map(str::to_owned));
            }
            Some(Node::Symlink { .. }) | None => return Ok(None),
        }
    }
    Ok(above.pop().map(Found::Directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::tree::Entry;

    fn directory(entries: &[(&str, Node)]) -> Directory {
        let entry = |(name, node): &(&str, Node)| Entry { name: (*name).to_owned(), node: node.clone() };
        Directory::new(entries.iter().map(entry).collect()).unwrap()
    }

    #[test]
    fn links_are_followed_inside() {
        let digest = |byte: u8| Digest::from_bytes([byte; 32]);
        let file = |byte| Node::File { digest: digest(byte), size: u64::from(byte), mode: 0o644 };
        let link = |target: &str| Node::Symlink { target: target.to_owned() };
        let sub = directory(&[("f", file(1)), ("up", link("../g"))]);
        let root = directory(&[
            ("away", link("/etc")),
            ("d", Node::Directory { digest: digest(9), mode: 0o755 }),
            ("f", link("d/./f")),
            ("g", file(2)),
            ("ld", link("./d")),
            ("loop", link("loop")),
            ("out", link("../x")),
        ]);
        let open = |wanted: &Digest| Ok::<_, ()>((*wanted == digest(9)).then(|| sub.clone()));
        let table = [
            ("g", Some(2)),
            ("./d/f", Some(1)),
            ("f", Some(1)),
            ("ld/f", Some(1)),
            ("ld/up", Some(2)),
            ("d/up", Some(2)),
            ("away/passwd", None),
            ("out", None),
            ("loop", None),
            ("../g", None),
            ("g/x", None),
            ("no", None),
        ];
        for (path, expected) in table {
            let size = match find(root.clone(), path, open).unwrap() {
                Some(Found::File { size, .. }) => Some(size),
                _ => None,
            };
            assert_eq!(size, expected, "{path}");
        }
        assert_eq!(find(root.clone(), "ld", open), Ok(Some(Found::Directory(sub.clone()))));
        assert_eq!(find(root.clone(), "", open), Ok(Some(Found::Directory(root.clone()))));
    }
}
