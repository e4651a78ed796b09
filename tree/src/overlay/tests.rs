//! Trees are written as lines: `path=content` is a file, `path@target` a link, `path/` a directory; ` 755` behind it is
//! its mode.

use super::*;
use proptest::prelude::*;
use std::cell::RefCell;

/// Directories of all trees of a test.
#[derive(Default)]
struct Stored(RefCell<BTreeMap<Digest, Directory>>);

/// Changes, each written as the tree before and the tree after.
type Edits<'a> = &'a [(&'a str, &'a str)];

#[derive(Clone, Default)]
struct Folder {
    mode: u32,
    folders: BTreeMap<String, Folder>,
    others: BTreeMap<String, Node>,
}

impl Stored {
    fn tree(&self, lines: &str) -> Option<Digest> {
        let mut root = Folder::default();
        for line in lines.split_whitespace() {
            let (line, mode) = line.split_once(':').map_or((line, None), |(line, mode)| (line, Some(mode)));
            let mode = mode.map(|mode| u32::from_str_radix(mode, 8).unwrap());
            let end = line.find(['=', '@']).unwrap_or(line.len());
            let (path, what) = line.split_at(end);
            let (above, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path.trim_end_matches('/')));
            let mut at = &mut root;
            for part in above.split('/').filter(|part| !part.is_empty()) {
                at = at.folders.entry(part.to_owned()).or_insert_with(|| Folder { mode: 0o755, ..Folder::default() });
            }
            let name = name.to_owned();
            match what.chars().next() {
                None => drop(at.folders.insert(name, Folder { mode: mode.unwrap_or(0o755), ..Folder::default() })),
                Some('@') => drop(at.others.insert(name, Node::Symlink { target: what[1..].to_owned() })),
                _ => {
                    let digest = hash::digest(what.as_bytes());
                    drop(at.others.insert(name, Node::File { digest, size: 1, mode: mode.unwrap_or(0o644) }));
                }
            }
        }
        Some(self.store(&root))
    }

    fn store(&self, folder: &Folder) -> Digest {
        let folders = folder.folders.iter().map(|(name, below)| {
            let node = Node::Directory { digest: self.store(below), mode: below.mode };
            (name.clone(), node)
        });
        let others = folder.others.iter().map(|(name, node)| (name.clone(), node.clone()));
        let all: BTreeMap<String, Node> = folders.chain(others).collect();
        let entries = all.into_iter().map(|(name, node)| Entry { name, node }).collect();
        let directory = Directory::new(entries).unwrap();
        let digest = hash::digest(&encode_directory(&directory));
        self.0.borrow_mut().insert(digest, directory);
        digest
    }

    fn get(&self, digest: &Digest) -> Option<Directory> {
        self.0.borrow().get(digest).cloned()
    }

    /// Paths and contents of all files.
    fn files(&self, tree: &Overlaid) -> Vec<(String, Node)> {
        let directory = |digest: &Digest| tree.directories.get(digest).cloned().or_else(|| self.get(digest));
        let all = crate::flatten::flatten(tree.root, directory).unwrap();
        all.into_iter().filter(|(_, node)| folder(Some(node)).is_none()).collect()
    }

    /// Puts changes over a tree.
    fn overlay(&self, base: &str, changes: Edits<'_>) -> Result<Overlaid, OverlayError> {
        let changes: Vec<Change> = changes
            .iter()
            .zip('a'..)
            .map(|((before, after), by)| Change {
                by: by.to_string(),
                before: self.tree(before),
                after: self.tree(after),
            })
            .collect();
        overlay(self.tree(base), &changes, |digest| self.get(digest))
    }
}

#[test]
fn changes_come_together() {
    // The tree, the changes, what comes of it.
    let table: [(&str, Edits<'_>, &str); 19] = [
        ("x=1", &[], "x=1"),
        ("x=1", &[("x=1", "x=1")], "x=1"),
        ("x=1", &[("x=1", "x=2")], "x=2"),
        ("x=1", &[("x=1", "x=1 y=1")], "x=1 y=1"),
        ("x=1 y=1", &[("x=1 y=1", "y=1")], "y=1"),
        ("x=1", &[("x=1", "")], ""),
        ("", &[("", "d/e/f=1")], "d/e/f=1"),
        ("x=1", &[("x=1", "x=1:755")], "x=1:755"),
        ("x=1", &[("x=1", "x@1")], "x@1"),
        ("x=1", &[("x=1", "x/y=1")], "x/y=1"),
        ("d/:700 d/x=1", &[("d/:700 d/x=1", "d/:711 d/x=1")], "d/:711 d/x=1"),
        // An empty directory is a thing of its own.
        ("d/x=1", &[("d/x=1", "d/")], "d/"),
        // Two, each of its own part.
        ("d/x=1 d/y=1", &[("d/x=1 d/y=1", "d/x=2 d/y=1"), ("d/x=1 d/y=1", "d/x=1")], "d/x=2"),
        ("d/x=1", &[("d/x=1", "d/:700 d/x=1"), ("d/x=1", "d/x=2")], "d/:700 d/x=2"),
        // Two, and both the same.
        ("x=1 y=1", &[("x=1 y=1", "x=2 z=1"), ("x=1 y=1", "x=2 z=1")], "x=2 z=1"),
        // One after the other.
        ("x=1", &[("x=1", "x=2"), ("x=2", "x=3 y=1"), ("x=3 y=1", "y=1")], "y=1"),
        // What the second began with has more than it knows of.
        ("x=1", &[("x=1", "x=2 y=1"), ("x=1", "x=1 z=1")], "x=2 y=1 z=1"),
        // A directory that one has removed stays for what the other put there, and for nothing else.
        ("d/x=1", &[("d/x=1", ""), ("d/x=1", "d/x=1 d/new=1")], "d/new=1"),
        ("d/x=1", &[("d/x=1", "d/x=1 d/new=1"), ("d/x=1", "")], "d/new=1"),
    ];
    for (base, changes, expected) in table {
        let stored = Stored::default();
        let overlaid = stored.overlay(base, changes).unwrap_or_else(|error| panic!("{base} {changes:?}: {error}"));
        assert_eq!(Some(overlaid.root), stored.tree(expected), "{base} {changes:?}");
    }
}

#[test]
fn what_two_change_differently_is_named() {
    let table: [(&str, Edits<'_>, &[&str]); 11] = [
        ("x=1", &[("x=1", "x=2"), ("x=1", "x=3")], &["x a b"]),
        ("x=1", &[("x=1", ""), ("x=1", "x=3")], &["x a b"]),
        ("x=1", &[("x=1", "x=2"), ("x=1", "")], &["x a b"]),
        ("", &[("", "x=2"), ("", "x=3")], &["x a b"]),
        ("x=1", &[("x=1", "x=1:755"), ("x=1", "x=2")], &["x a b"]),
        ("d/x=1", &[("d/x=1", "d/:700 d/x=1"), ("d/x=1", "d/:711 d/x=1")], &["d a b"]),
        ("d/x=1", &[("d/x=1", ""), ("d/x=1", "d/x=2")], &["d/x a b"]),
        ("d/x=1", &[("d/x=1", "d=1"), ("d/x=1", "d/x=2")], &["d a b"]),
        ("d/x=1", &[("d/x=1", "d/:700 d/x=1"), ("d/x=1", "")], &["d a b"]),
        // All of one change at once, and the one that changed it last.
        (
            "x=1 d/y=1",
            &[("x=1 d/y=1", "x=2 d/y=1"), ("x=2 d/y=1", "x=3 d/y=2"), ("x=1 d/y=1", "x=4 d/y=4 z=1")],
            &["d/y b c", "x b c"],
        ),
        ("x=1 y=1", &[("x=1 y=1", "x=2 y=1"), ("x=1 y=1", "x=1 y=2"), ("x=1 y=1", "x=4 y=1")], &["x a c"]),
    ];
    for (base, changes, expected) in table {
        let found = match Stored::default().overlay(base, changes) {
            Err(OverlayError::Conflicts(found)) => found,
            other => panic!("{base} {changes:?}: {other:?}"),
        };
        let found: Vec<String> = found.iter().map(|one| format!("{} {} {}", one.path, one.by[0], one.by[1])).collect();
        assert_eq!(found, expected, "{base} {changes:?}");
    }
    let text = Stored::default().overlay("x=1", &[("x=1", "x=2"), ("x=1", "x=3")]).unwrap_err().to_string();
    assert_eq!(text, "`x` is changed by a, and differently by b");
}

#[test]
fn only_directories_that_differ_are_read() {
    let stored = Stored::default();
    let (before, after) = ("same/x=1 d/other/x=1 d/y=1", "same/x=1 d/other/x=1 d/y=2");
    let [base, before, after] = ["same/x=1 d/other/x=1 d/y=1 mine=1", before, after].map(|lines| stored.tree(lines));
    let changes = [Change { by: "a".to_owned(), before, after }];
    let read = RefCell::new(BTreeSet::new());
    let overlaid = overlay(base, &changes, |digest| {
        read.borrow_mut().insert(*digest);
        stored.get(digest)
    });
    let overlaid = overlaid.unwrap();
    assert_eq!(Some(overlaid.root), stored.tree("same/x=1 d/other/x=1 d/y=2 mine=1"));
    // Three roots; of `d` the changed one is taken whole.
    assert_eq!(read.borrow().len(), 3);
    assert_eq!(overlaid.directories.keys().collect::<Vec<_>>(), [&overlaid.root]);
}

#[test]
fn what_is_missing_is_told_together_until_nothing_is() {
    let stored = Stored::default();
    let (before, after) = ("a/b/x=1 c/d/x=1", "a/b/x=2 c/d/x=2");
    let changes = [
        Change {
            by: "a".to_owned(),
            before: stored.tree(before),
            after: stored.tree("a/b/x=1 c/d/x=1 a/b/y=1 c/d/y=1"),
        },
        Change { by: "b".to_owned(), before: stored.tree(before), after: stored.tree(after) },
    ];
    let mut known: BTreeMap<Digest, Directory> = BTreeMap::new();
    let mut rounds = Vec::new();
    let overlaid = loop {
        match overlay(stored.tree(before), &changes, |digest| known.get(digest).cloned()) {
            Ok(overlaid) => break overlaid,
            Err(OverlayError::Missing(missing)) => {
                rounds.push(missing.len());
                assert!(missing.iter().all(|digest| !known.contains_key(digest)), "asked for twice");
                known.extend(missing.iter().map(|digest| (*digest, stored.get(digest).unwrap())));
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(Some(overlaid.root), stored.tree("a/b/x=2 a/b/y=1 c/d/x=2 c/d/y=1"));
    // Three roots, then two directories of each, then of each one, since what is below them is the same.
    assert_eq!(rounds, [3, 6, 3]);
}

#[test]
fn small_trees_of_endless_paths_are_refused() {
    let stored = Stored::default();
    let deep = |leaf: &str| {
        let mut below = stored.tree(leaf).unwrap();
        for _ in 0..40 {
            let to = |name: &str| Entry { name: name.to_owned(), node: Node::Directory { digest: below, mode: 0o755 } };
            let directory = Directory::new(vec![to("a"), to("b")]).unwrap();
            below = hash::digest(&encode_directory(&directory));
            stored.0.borrow_mut().insert(below, directory);
        }
        Some(below)
    };
    let changes = [Change { by: "a".to_owned(), before: deep("x=1"), after: deep("x=1 y=1") }];
    let put = |limit| within(limit, deep("x=1 z=1"), &changes, |digest| stored.get(digest));
    assert_eq!(put(10_000), Err(OverlayError::TooMany));
}

/// Files by path: what becomes of them is known without looking at directories.
type Files = BTreeMap<&'static str, u8>;

const PATHS: [&str; 7] = ["x", "y", "d/x", "d/y", "d/e/x", "f/x", "f/g/y"];

fn files() -> impl Strategy<Value = Files> {
    proptest::collection::btree_map(proptest::sample::select(&PATHS[..]), 0..3_u8, 0..PATHS.len())
}

fn text(files: &Files) -> String {
    files.iter().map(|(path, content)| format!("{path}={content}")).collect::<Vec<_>>().join(" ")
}

proptest! {
    #[test]
    fn a_change_is_put_by_path(base in files(), before in files(), after in files()) {
        let stored = Stored::default();
        let (base_text, before_text, after_text) = (text(&base), text(&before), text(&after));
        let mut expected = Files::new();
        let mut conflicts = Vec::new();
        for path in PATHS {
            match three_way(before.get(path), after.get(path), base.get(path)) {
                Some(Some(content)) => drop(expected.insert(path, *content)),
                Some(None) => {}
                None => conflicts.push(path),
            }
        }
        match stored.overlay(&base_text, &[(&before_text, &after_text)]) {
            Ok(overlaid) => {
                prop_assert!(conflicts.is_empty(), "{conflicts:?}");
                // Of a directory from which each took what the other left, nothing but itself stays.
                prop_assert_eq!(stored.files(&overlaid), stored.files(&stored.overlay(&text(&expected), &[]).unwrap()));
                for (digest, directory) in &overlaid.directories {
                    prop_assert_eq!(*digest, hash::digest(&encode_directory(directory)));
                }
            }
            Err(OverlayError::Conflicts(found)) => {
                let found: BTreeSet<&str> = found.iter().map(|one| one.path.as_str()).collect();
                // Of a directory that one made and the other removed, the modes conflict too; never without a file.
                for path in &conflicts {
                    prop_assert!(found.contains(path), "{path} is not among {found:?}");
                }
                prop_assert!(!conflicts.is_empty(), "{found:?}");
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn a_chain_of_changes_comes_to_its_end(states in proptest::collection::vec(files(), 1..6)) {
        let stored = Stored::default();
        let states: Vec<String> = states.iter().map(text).collect();
        let changes: Vec<(&str, &str)> = states.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
        let overlaid = stored.overlay(&states[0], &changes).unwrap();
        prop_assert_eq!(Some(overlaid.root), stored.tree(states.last().unwrap()));
    }

    #[test]
    fn changes_of_different_paths_come_in_any_order(base in files(), one in files(), other in files()) {
        let stored = Stored::default();
        let (mut first, mut second) = (base.clone(), base.clone());
        for (index, path) in PATHS.into_iter().enumerate() {
            let (state, changed) = if index % 2 == 0 { (&mut first, &one) } else { (&mut second, &other) };
            state.remove(path);
            state.extend(changed.get_key_value(path));
        }
        let [base, first, second] = [&base, &first, &second].map(text);
        let there = stored.overlay(&base, &[(&base, &first), (&base, &second)]).unwrap();
        let back = stored.overlay(&base, &[(&base, &second), (&base, &first)]).unwrap();
        prop_assert_eq!(there, back);
    }
}
