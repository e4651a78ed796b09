//! Which paths of a snapshot BuildKit is shown, by the patterns it asks with. Pure.

use crate::engine::{Snapshot, SnapshotEntry, SnapshotNode};
use acre_tree::ignore::{BadIgnore, Ignore, Scope};
use std::collections::BTreeSet;

/// What one call for files asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Only what matches one of these; all if there are none.
    pub(super) include: Vec<String>,
    /// Nothing that matches these.
    pub(super) exclude: Vec<String>,
    /// Paths, perhaps with wildcards, whose symbolic links are followed; they narrow as `include` does.
    pub(super) follow: Vec<String>,
}

/// The entries to send: what is wanted, and the parents of it, in the snapshot's order.
pub(super) fn select<'a>(snapshot: &'a Snapshot, wanted: &Wanted) -> Result<Vec<&'a SnapshotEntry>, BadIgnore> {
    let mut include = wanted.include.clone();
    if let Some(followed) = followed(snapshot, &wanted.follow) {
        // A `!` at the start is part of the name, not an exception.
        include.extend(followed.iter().map(|path| format!("./{path}")));
    }
    let include = Ignore::from_patterns(&include)?;
    let exclude = Ignore::from_patterns(&wanted.exclude)?;
    Ok(choose(snapshot.entries(), &include, &exclude))
}

/// The entries that `include` covers (or all, if it is empty) and `exclude` does not, and their parents.
pub(in super::super) fn choose<'a>(
    entries: &'a [SnapshotEntry],
    include: &Ignore,
    exclude: &Ignore,
) -> Vec<&'a SnapshotEntry> {
    let mut chosen = vec![false; entries.len()];
    // The directories above the entry at hand.
    let mut above: Vec<Above<'_>> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        while above.last().is_some_and(|parent| !is_below(&entry.path, parent.path)) {
            above.pop();
        }
        let none = Above::default();
        let parent = above.last().unwrap_or(&none);
        let included = include.is_empty() || include.is_ignored_in(&parent.included, &entry.path);
        if included && !exclude.is_ignored_in(&parent.excluded, &entry.path) {
            chosen[index] = true;
            above.iter().for_each(|parent| chosen[parent.index] = true);
        }
        if matches!(entry.node, SnapshotNode::Directory { .. }) {
            let included = include.enter(&parent.included, &entry.path);
            let excluded = exclude.enter(&parent.excluded, &entry.path);
            above.push(Above { path: &entry.path, index, included, excluded });
        }
    }
    entries.iter().zip(chosen).filter_map(|(entry, chosen)| chosen.then_some(entry)).collect()
}

#[derive(Default)]
struct Above<'a> {
    path: &'a str,
    index: usize,
    included: Scope,
    excluded: Scope,
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// As many links are followed one after the other as Linux follows (`path_resolution(7)`).
const LINKS_IN_A_ROW: u32 = 40;

/// So many paths are looked at for links; what lies behind more is not followed.
const PATHS_FOLLOWED: usize = 10_000;

/// The paths with every symbolic link on them followed, the links included; `None` if that is everything.
fn followed(snapshot: &Snapshot, paths: &[String]) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<(String, u32)> = paths.iter().map(|path| (inside(path), 0)).collect();
    while let Some((path, links)) = open.pop() {
        if path == "." {
            return None;
        }
        // Links may lead in a circle, or grow the path with each round.
        if links <= LINKS_IN_A_ROW && seen.len() < PATHS_FOLLOWED && seen.insert(path.clone()) {
            let (end, next) = first_link(snapshot, &path);
            found.insert(path[..end].to_owned());
            open.extend(next.into_iter().map(|next| (next, links + 1)));
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Where the first symbolic link on a path ends, or the path; and where its targets lead with the rest of the path.
fn first_link(snapshot: &Snapshot, path: &str) -> (usize, Vec<String>) {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        let targets = targets(snapshot, &path[..end]);
        if !targets.is_empty() {
            return (end, targets.iter().map(|target| inside(&format!("{target}{}", &path[end..]))).collect());
        }
    }
    (path.len(), Vec::new())
}

/// Where the symbolic links lead that this path names; its last name may have wildcards.
fn targets(snapshot: &Snapshot, path: &str) -> Vec<String> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let target = |node: &SnapshotNode| match node {
        SnapshotNode::Symlink { target } => Some(resolved(directory, target)),
        _ => None,
    };
    if !name.contains(['*', '?', '[', '\\']) {
        return snapshot.get(path).and_then(target).into_iter().collect();
    }
    let Ok(pattern) = Ignore::from_patterns(&[format!("./{name}")]) else { return Vec::new() };
    let in_directory = |entry: &&SnapshotEntry| {
        let (parent, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        parent == directory && pattern.is_ignored_in(&Scope::default(), name)
    };
    snapshot.entries().iter().filter(in_directory).filter_map(|entry| target(&entry.node)).collect()
}

/// The target of a link in a directory, as a path from the snapshot's root, which it cannot leave.
fn resolved(directory: &str, target: &str) -> String {
    if target.starts_with('/') { inside(target) } else { inside(&format!("{directory}/{target}")) }
}

/// A path from the snapshot's root, which `..` cannot leave; `.` is the root itself.
fn inside(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    if names.is_empty() { ".".to_owned() } else { names.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::digest::Digest;
    use futures::future::BoxFuture;
    use std::{io, path::PathBuf, sync::Arc};

    struct Nothing;

    impl crate::engine::Content for Nothing {
        fn open<'a>(&'a self, _digest: &'a Digest) -> BoxFuture<'a, io::Result<PathBuf>> {
            Box::pin(async { Err(io::ErrorKind::NotFound.into()) })
        }
    }

    /// `a/` is a directory, `a -> b` a link.
    fn snapshot(paths: &[&str]) -> Snapshot {
        let entry = |text: &&str| {
            let (path, node) = match text.split_once(" -> ") {
                Some((path, target)) => (path, SnapshotNode::Symlink { target: target.to_owned() }),
                None => match text.strip_suffix('/') {
                    Some(path) => (path, SnapshotNode::Directory { mode: 0o755 }),
                    None => (*text, SnapshotNode::File { digest: Digest::from_bytes([0; 32]), size: 0, mode: 0o644 }),
                },
            };
            SnapshotEntry { path: path.to_owned(), node }
        };
        Snapshot::new(paths.iter().map(entry).collect(), Arc::new(Nothing))
    }

    fn chosen(paths: &[&str], include: &[&str], exclude: &[&str], follow: &[&str]) -> Vec<String> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let wanted = Wanted { include: texts(include), exclude: texts(exclude), follow: texts(follow) };
        select(&snapshot(paths), &wanted).unwrap().into_iter().map(|entry| entry.path.clone()).collect()
    }

    const TREE: [&str; 8] = ["a/", "a/b/", "a/b/c", "a/b/d", "a-b", "e/", "e/f", "z"];

    #[test]
    fn all_is_sent_where_nothing_is_asked() {
        let all: Vec<_> = TREE.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        assert_eq!(chosen(&TREE, &[], &[], &[]), all);
        assert_eq!(chosen(&TREE, &[], &[], &["."]), all);
        assert_eq!(chosen(&TREE, &[], &[], &["/"]), all);
    }

    #[test]
    fn what_is_excluded_is_left_out_and_exceptions_bring_their_parents() {
        assert_eq!(chosen(&TREE, &[], &["a", "z"], &[]), ["a-b", "e", "e/f"]);
        assert_eq!(chosen(&TREE, &[], &["*", "!a/b/d"], &[]), ["a", "a/b", "a/b/d"]);
        assert_eq!(chosen(&TREE, &[], &["**/c", "e/*"], &[]), ["a", "a/b", "a/b/d", "a-b", "e", "z"]);
    }

    #[test]
    fn what_is_included_comes_with_its_parents() {
        assert_eq!(chosen(&TREE, &["a/b/c"], &[], &[]), ["a", "a/b", "a/b/c"]);
        assert_eq!(chosen(&TREE, &[], &["a/b/d"], &["a"]), ["a", "a/b", "a/b/c"]);
        assert_eq!(chosen(&TREE, &[], &[], &["nothing"]), [""; 0]);
    }

    #[test]
    fn links_are_followed_and_sent_with_their_targets() {
        let tree = [
            "!w -> d/file",
            "d/",
            "d/file",
            "d/up -> ../../other",
            "grow -> grow/grow",
            "link -> d",
            "loop -> loop2",
            "loop2 -> loop",
            "other",
            "w1 -> other",
            "w2",
        ];
        assert_eq!(chosen(&tree, &[], &[], &["link/file"]), ["d", "d/file", "link"]);
        assert_eq!(chosen(&tree, &[], &[], &["d/up"]), ["d", "d/up", "other"]);
        assert_eq!(chosen(&tree, &[], &[], &["w*"]), ["other", "w1", "w2"]);
        assert_eq!(chosen(&tree, &[], &[], &["?w"]), ["!w", "d", "d/file"]);
        assert_eq!(chosen(&tree, &[], &[], &["link/file", "link/up"]), ["d", "d/file", "d/up", "link", "other"]);
        assert_eq!(chosen(&tree, &[], &[], &["loop/x"]), ["loop", "loop2"]);
        assert_eq!(chosen(&tree, &[], &[], &["grow/x"]), ["grow"]);
    }
}
