//! Changes put over a tree: what commands elsewhere made of copies of the same files comes together in one tree. Pure.
//!
//! A change is what lies between two trees. It is put over a third by path, three-way: what it left alone stays, what
//! it changed or removed is so, and what somebody else has changed differently meanwhile is a conflict. Directories of
//! one digest are not looked into.

use crate::{DEPTH, DIRECTORY, ENTRIES, PATH, hash};
use acre_model::{
    digest::Digest,
    text::clip,
    tree::{BadDirectory, Directory, Entry, Node},
};
use acre_proto::tree::encode_directory;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The most conflicts that are told.
const CONFLICTS: usize = 20;

/// What became of a tree in somebody's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who changed it, for people.
    pub by: String,
    /// The tree it began with; `None`: no files.
    pub before: Option<Digest>,
    /// The tree it left; `None`: no files.
    pub after: Option<Digest>,
}

/// A tree with changes put over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlaid {
    /// Its root.
    pub root: Digest,
    /// Its directories, the root among them, as far as no tree of before had them.
    pub directories: BTreeMap<Digest, Directory>,
}

/// Why changes cannot be put over a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// These directories have to be at hand. With them, there may be more.
    #[error("{} directories of the trees are missing", .0.len())]
    Missing(BTreeSet<Digest>),
    /// Paths that were changed twice.
    #[error("{}", lines(.0))]
    Conflicts(Vec<Conflict>),
    /// Nested too deeply.
    #[error("the changed files lie too deep at `{0}`; paths have at most {PATH} bytes and {DEPTH} directories")]
    TooDeep(String),
    /// More than anyone needs.
    #[error("more than {ENTRIES} entries are in directories that were changed")]
    TooMany,
    /// A directory that the model or the farm refuses.
    #[error("directory `{0}` cannot be with all its changes: it has too many entries or bad ones")]
    Directory(String),
}

/// A path that was changed twice, and not in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Below the root.
    pub path: String,
    /// By whom; the later one last.
    pub by: [String; 2],
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.by;
        write!(f, "`{}` is changed by {first}, and differently by {second}", clip(&self.path))
    }
}

fn lines(conflicts: &[Conflict]) -> String {
    conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Puts `changes` one after the other over the tree `base` (`None`: no files). `directory` gives the directories that
/// are at hand.
///
/// # Errors
/// All directories that are missing as far as can be seen; else all conflicts of the first change that has some.
pub fn overlay(
    base: Option<Digest>,
    changes: &[Change],
    directory: impl Fn(&Digest) -> Option<Directory>,
) -> Result<Overlaid, OverlayError> {
    within(ENTRIES, base, changes, directory)
}

/// As [`overlay`], looking at no more entries than this.
fn within(
    left: usize,
    base: Option<Digest>,
    changes: &[Change],
    directory: impl Fn(&Digest) -> Option<Directory>,
) -> Result<Overlaid, OverlayError> {
    let (made, missing, conflicts) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    let mut merging = Merging { directory, made, missing, conflicts, left };
    let mut root = or_empty(base);
    for (index, change) in changes.iter().enumerate() {
        let [before, after, ours] = [or_empty(change.before), or_empty(change.after), root].map(of_root);
        let merged = merging.node("", 0, Some(&before), Some(&after), Some(&ours))?;
        let conflicts = std::mem::take(&mut merging.conflicts);
        let conflicts: Vec<Conflict> = conflicts
            .into_iter()
            .map(|path| Conflict { by: [merging.changer(&changes[..index], &path), change.by.clone()], path })
            .collect();
        if !merging.missing.is_empty() {
            return Err(OverlayError::Missing(merging.missing));
        }
        if !conflicts.is_empty() {
            return Err(OverlayError::Conflicts(conflicts));
        }
        root = folder(merged.as_ref()).map_or_else(|| or_empty(None), |(digest, _)| digest);
    }
    Ok(merging.finish(root))
}

/// No files are the empty directory.
fn or_empty(tree: Option<Digest>) -> Digest {
    tree.unwrap_or_else(|| hash::digest(b""))
}

/// A root as a node. It has no mode of its own.
const fn of_root(digest: Digest) -> Node {
    Node::Directory { digest, mode: 0 }
}

/// A directory's digest and mode; `None` for anything else.
const fn folder(node: Option<&Node>) -> Option<(Digest, u32)> {
    match node {
        Some(Node::Directory { digest, mode }) => Some((*digest, *mode)),
        _ => None,
    }
}

/// Which of three is right: what one side left alone is as the other has it. `None`: both changed it, differently.
fn three_way<T: PartialEq>(base: T, theirs: T, ours: T) -> Option<T> {
    if theirs == base || theirs == ours {
        Some(ours)
    } else if ours == base {
        Some(theirs)
    } else {
        None
    }
}

struct Merging<F> {
    directory: F,
    /// Directories that no tree of before had.
    made: BTreeMap<Digest, Directory>,
    missing: BTreeSet<Digest>,
    conflicts: Vec<String>,
    /// Entries that may still be looked at: a directory may stand in a tree many times.
    left: usize,
}

impl<F: Fn(&Digest) -> Option<Directory>> Merging<F> {
    fn read(&mut self, digest: Option<Digest>) -> Option<Directory> {
        let Some(digest) = digest.filter(|digest| *digest != or_empty(None)) else { return Some(Directory::default()) };
        let found = self.made.get(&digest).cloned().or_else(|| (self.directory)(&digest));
        if found.is_none() {
            self.missing.insert(digest);
        }
        found
    }

    /// What stands at a path in the end. Where that cannot be told, it is noted, and what was there stays.
    fn node(
        &mut self,
        path: &str,
        depth: usize,
        base: Option<&Node>,
        theirs: Option<&Node>,
        ours: Option<&Node>,
    ) -> Result<Option<Node>, OverlayError> {
        if let Some(node) = three_way(base, theirs, ours) {
            return Ok(node.cloned());
        }
        // One may have removed the directory in which the other has changed something.
        let is_within = |side: Option<&Node>| folder(side).is_some() || side.is_none() && folder(base).is_some();
        if !is_within(theirs) || !is_within(ours) {
            self.conflict(path);
            return Ok(ours.cloned());
        }
        let sides = [folder(base), folder(theirs), folder(ours)];
        let [base_mode, their_mode, our_mode] = sides.map(|side| side.map(|(_, mode)| mode));
        let mode = three_way(base_mode, their_mode, our_mode);
        if mode.is_none() {
            self.conflict(path);
        }
        let [base, theirs, ours] = sides.map(|side| self.read(side.map(|(digest, _)| digest)));
        let (Some(base), Some(theirs), Some(ours_in)) = (base, theirs, ours) else {
            // All that can be seen to be missing is told at once, and then this is done anew.
            return Ok(sides[2].map(|(digest, mode)| Node::Directory { digest, mode }));
        };
        let entries = self.entries(path, depth, [&base, &theirs, &ours_in])?;
        let mode = mode.flatten();
        if entries.is_empty() && mode.is_none() {
            return Ok(None);
        }
        let digest = self.keep(path, entries)?;
        Ok(Some(Node::Directory { digest, mode: mode.or(our_mode).or(their_mode).unwrap_or_default() }))
    }

    fn entries(
        &mut self,
        path: &str,
        depth: usize,
        [base, theirs, ours]: [&Directory; 3],
    ) -> Result<Vec<Entry>, OverlayError> {
        let all = [base, theirs, ours].into_iter().flat_map(|directory| directory.entries());
        let names: BTreeSet<&str> = all.map(|entry| entry.name.as_str()).collect();
        self.left = self.left.checked_sub(names.len()).ok_or(OverlayError::TooMany)?;
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            if depth >= DEPTH || path.len() > PATH {
                return Err(OverlayError::TooDeep(clip(&path)));
            }
            let merged = self.node(&path, depth + 1, base.get(name), theirs.get(name), ours.get(name))?;
            entries.extend(merged.map(|node| Entry { name: name.to_owned(), node }));
        }
        Ok(entries)
    }

    fn keep(&mut self, path: &str, entries: Vec<Entry>) -> Result<Digest, OverlayError> {
        let directory = Directory::new(entries).map_err(|_: BadDirectory| OverlayError::Directory(clip(path)))?;
        let blob = encode_directory(&directory);
        if blob.len() as u64 > DIRECTORY {
            return Err(OverlayError::Directory(clip(path)));
        }
        let digest = hash::digest(&blob);
        self.made.insert(digest, directory);
        Ok(digest)
    }

    fn conflict(&mut self, path: &str) {
        if self.conflicts.len() < CONFLICTS {
            self.conflicts.push(path.to_owned());
        }
    }

    /// Who changed a path last.
    fn changer(&mut self, earlier: &[Change], path: &str) -> String {
        let found = earlier.iter().rev().find(|change| {
            let [before, after] = [change.before, change.after].map(|tree| of_root(or_empty(tree)));
            self.differs(path, Some(before), Some(after))
        });
        found.map_or_else(|| "the source".to_owned(), |change| change.by.clone())
    }

    /// Whether a path is not the same in two trees.
    fn differs(&mut self, path: &str, mut one: Option<Node>, mut other: Option<Node>) -> bool {
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if one == other {
                return false;
            }
            let [inside, outside] = [&one, &other].map(|node| folder(node.as_ref()).map(|(digest, _)| digest));
            let [inside, outside] = [inside, outside].map(|digest| self.read(digest));
            one = inside.and_then(|directory| directory.get(name).cloned());
            other = outside.and_then(|directory| directory.get(name).cloned());
        }
        one != other
    }

    /// The tree with this root, without the directories that were only made on the way to it.
    fn finish(mut self, root: Digest) -> Overlaid {
        let mut directories = BTreeMap::new();
        let mut open = vec![root];
        while let Some(digest) = open.pop() {
            let Some(directory) = self.made.remove(&digest) else { continue };
            // One that a tree of before had is not new.
            let below = directory.entries().iter().filter_map(|entry| folder(Some(&entry.node)));
            open.extend(below.map(|(digest, _)| digest));
            directories.insert(digest, directory);
        }
        Overlaid { root, directories }
    }
}

#[cfg(test)]
mod tests;
