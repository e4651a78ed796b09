//! Walks a local directory once and says what is in it, without opening any file.

use crate::{
    DEPTH, ENTRIES, PATH,
    ignore::{BadIgnore, Ignore, RULES_SIZE, Scope},
    packed::{Branch, Leaf},
    system::{self, mode, record, special},
};
use std::{
    fs::{self, DirEntry, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Directories of version control systems; left out wherever they are (task language, "Contexts").
pub const VCS: [&str; 4] = [".git", ".hg", ".svn", ".bzr"];

/// The file of rules; behind the name of a Dockerfile, the one of its own.
const DOCKERIGNORE: &str = ".dockerignore";

/// What is in a directory.
#[derive(Debug, Default)]
pub struct Walked {
    /// The tree; its files are positions in `files`.
    pub tree: Branch,
    /// The regular files, in the order in which they were met.
    pub files: Vec<Found>,
    /// Paths of what is neither file, directory nor symbolic link, with what it is.
    pub skipped: Vec<Skipped>,
}

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Below the root of the walk, separated by `/`.
    pub path: String,
    /// What the file system says of it.
    pub stat: Stat,
}

/// Something that cannot be in a source tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Below the root, separated by `/`.
    pub path: String,
    /// What it is: `socket`, `FIFO`, `device`.
    pub what: &'static str,
}

/// What a file system says of a file. Two equal ones, old enough, mean the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Permission bits (0o7777); 0o755 where the system has none (Docker's choice too).
    pub mode: u32,
    /// Last change of the content, in nanoseconds since 1970.
    pub modified_ns: i128,
    /// Where the system has it, last change of the file's record, in nanoseconds since 1970, and its identity.
    pub record: Option<Record>,
}

/// A file's record (inode) in its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was last changed, in nanoseconds since 1970. Programs cannot set it.
    pub changed_ns: i128,
    /// Number in its file system.
    pub inode: u64,
    /// Number of its file system.
    pub device: u64,
}

/// Why a directory cannot be walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The root is not there, or no directory.
    #[error("`{}` is not a directory that can be read", path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something below cannot be read.
    #[error("`{}` cannot be read; make it readable, or name it in .dockerignore", path.display())]
    Unreadable {
        /// What it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name or a link's target is not UTF-8.
    #[error("`{}` (or where it points) is not UTF-8; rename it, or name the directory it is in in .dockerignore", path.display())]
    NotUtf8 {
        /// What it is, as far as it can be shown.
        path: PathBuf,
    },
    /// Too long for a tree.
    #[error("`{path}`: paths have at most {PATH} bytes and {DEPTH} directories")]
    TooDeep {
        /// Below the root.
        path: String,
    },
    /// Too much for a tree.
    #[error("more than {ENTRIES} files and directories; name those that are not needed in .dockerignore")]
    TooMany,
    /// Rules that cannot be read.
    #[error("`{}`", path.display())]
    Ignore {
        /// The file with the rules.
        path: PathBuf,
        /// What is wrong.
        source: BadIgnore,
    },
}

/// Who takes files of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taker {
    /// A build: it takes what `<Dockerfile>.dockerignore` or else `.dockerignore` leaves of its context, and always
    /// those two and its Dockerfile.
    Build {
        /// The context, below the root, separated by `/`; empty: the root.
        folder: String,
        /// The Dockerfile, below the root.
        dockerfile: String,
    },
    /// All else: it takes what the root's `.dockerignore` leaves.
    Other,
}

impl Taker {
    /// A build from the root.
    pub fn of_root(dockerfile: &str) -> Self {
        Self::Build { folder: String::new(), dockerfile: dockerfile.to_owned() }
    }
}

/// The rules for the tree of `root` of which all of them get what they take. A context below the root gets what the
/// root's rules leave of it.
pub fn rules(root: &Path, takers: &[Taker]) -> Result<Ignore, WalkError> {
    let (mut own, mut kept, mut needs_common) = (Vec::new(), vec![DOCKERIGNORE.to_owned()], takers.is_empty());
    for taker in takers {
        let Taker::Build { folder, dockerfile } = taker else {
            needs_common = true;
            continue;
        };
        let name = format!("{dockerfile}{DOCKERIGNORE}");
        match parsed(root, &name)? {
            Some(rules) if folder.is_empty() => own.push(rules.keeping([dockerfile.as_str(), &name])),
            _ => {
                needs_common = true;
                kept.extend([dockerfile.clone(), name, format!("{folder}/{DOCKERIGNORE}")]);
            }
        }
    }
    if needs_common {
        // Exceptions alone are no rules.
        let common = parsed(root, DOCKERIGNORE)?;
        own.push(common.map(|rules| rules.keeping(kept.iter().map(String::as_str))).unwrap_or_default());
    }
    Ok(own.into_iter().reduce(Ignore::or).unwrap_or_default())
}

/// The rules in a file below `root`, if it is there.
fn parsed(root: &Path, name: &str) -> Result<Option<Ignore>, WalkError> {
    let path = root.join(name);
    let Some(text) = read_rules(&path)? else { return Ok(None) };
    Ignore::parse(&text).map(Some).map_err(|source| WalkError::Ignore { path, source })
}

/// The text of a file of rules; none where there is no such file.
fn read_rules(path: &Path) -> Result<Option<String>, WalkError> {
    let unreadable = |source| WalkError::Unreadable { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(missing) if matches!(missing.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = String::new();
    // One byte more than allowed, so that too much is seen as too much.
    file.take(RULES_SIZE as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    Ok(Some(text))
}

/// Walks `root`. Ignored directories are entered only where an exception may reach, and stay out of the tree if none
/// did. Symbolic links are not followed, except that `root` itself may be one.
pub fn walk(root: &Path, ignore: &Ignore) -> Result<Walked, WalkError> {
    let mut walk = Walk { root, ignore, walked: Walked::default(), count: 0 };
    let entries = fs::read_dir(root).map_err(|source| WalkError::Root { path: root.to_owned(), source })?;
    let place = Place { path: String::new(), scope: Scope::default(), depth: 0 };
    walk.walked.tree = walk.directory(entries, &place)?;
    Ok(walk.walked)
}

struct Walk<'a> {
    root: &'a Path,
    ignore: &'a Ignore,
    walked: Walked,
    count: usize,
}

/// Where the walk is.
struct Place {
    path: String,
    scope: Scope,
    depth: usize,
}

impl Walk<'_> {
    fn directory(&mut self, entries: fs::ReadDir, place: &Place) -> Result<Branch, WalkError> {
        let mut branch = Branch::default();
        for entry in entries {
            let entry = entry.map_err(|source| self.unreadable(&place.path, source))?;
            let name = entry.file_name().into_string().map_err(|_| WalkError::NotUtf8 { path: entry.path() })?;
            let path = if place.path.is_empty() { name.clone() } else { format!("{}/{name}", place.path) };
            self.count += 1;
            if self.count > ENTRIES {
                return Err(WalkError::TooMany);
            }
            if path.len() > PATH {
                return Err(WalkError::TooDeep { path: acre_model::text::clip(&path) });
            }
            self.entry(&entry, name, path, place, &mut branch)?;
        }
        Ok(branch)
    }

    fn entry(
        &mut self,
        entry: &DirEntry,
        name: String,
        path: String,
        place: &Place,
        branch: &mut Branch,
    ) -> Result<(), WalkError> {
        let kind = entry.file_type().map_err(|source| self.unreadable(&path, source))?;
        if kind.is_dir() {
            if !VCS.contains(&name.as_str())
                && let Some((mode, below)) = self.subdirectory(entry, path, place)?
            {
                branch.add(name, Leaf::Directory { mode, branch: below });
            }
            return Ok(());
        }
        if self.ignore.is_ignored_in(&place.scope, &path) {
            return Ok(());
        }
        if kind.is_symlink() {
            branch.add(name, Leaf::Symlink(self.target(entry)?));
        } else if kind.is_file() {
            let meta = entry.metadata().map_err(|source| self.unreadable(&path, source))?;
            branch.add(name, Leaf::File(self.walked.files.len()));
            self.walked.files.push(Found { path, stat: stat(&meta) });
        } else {
            self.walked.skipped.push(Skipped { path, what: special(kind) });
        }
        Ok(())
    }

    /// The mode of a directory and what is in it; none if nothing of it is to be sent.
    fn subdirectory(
        &mut self,
        entry: &DirEntry,
        path: String,
        above: &Place,
    ) -> Result<Option<(u32, Branch)>, WalkError> {
        let ignored = self.ignore.is_ignored_in(&above.scope, &path);
        let scope = self.ignore.enter(&above.scope, &path);
        if ignored && !self.ignore.may_contain_exceptions_in(&scope, &path) {
            return Ok(None);
        }
        let depth = above.depth + 1;
        if depth > DEPTH {
            return Err(WalkError::TooDeep { path: acre_model::text::clip(&path) });
        }
        let meta = entry.metadata().map_err(|source| self.unreadable(&path, source))?;
        let entries = fs::read_dir(entry.path()).map_err(|source| self.unreadable(&path, source))?;
        let below = self.directory(entries, &Place { path, scope, depth })?;
        Ok((!ignored || !below.is_empty()).then_some((mode(&meta), below)))
    }

    fn target(&self, entry: &DirEntry) -> Result<String, WalkError> {
        let path = entry.path();
        let target = fs::read_link(&path).map_err(|source| WalkError::Unreadable { path: path.clone(), source })?;
        let target = target.into_os_string().into_string().map_err(|_| WalkError::NotUtf8 { path })?;
        Ok(system::with_slashes(target))
    }

    fn unreadable(&self, path: &str, source: io::Error) -> WalkError {
        WalkError::Unreadable { path: self.root.join(path), source }
    }
}

/// What a file system says of a file.
pub(crate) fn stat(meta: &Metadata) -> Stat {
    let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Stat { size: meta.len(), mode: mode(meta), modified_ns: since_epoch(modified), record: record(meta) }
}

/// Nanoseconds since 1970, negative before.
pub(crate) fn since_epoch(at: SystemTime) -> i128 {
    let nanoseconds = |span: std::time::Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    at.duration_since(SystemTime::UNIX_EPOCH).map_or_else(|before| -nanoseconds(before.duration()), nanoseconds)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener};

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        root
    }

    fn paths(root: &Path, ignore: &Ignore) -> Vec<String> {
        let mut paths: Vec<String> = walk(root, ignore).unwrap().files.into_iter().map(|file| file.path).collect();
        paths.sort();
        paths
    }

    #[test]
    fn ignored_directories_are_not_entered_and_exceptions_in_them_are_found() {
        let root = tree(&["a/keep", "a/drop", "b/x", "c", ".git/HEAD", "sub/.hg/x", "sub/.gitignore"]);
        let ignore = Ignore::parse("a\nb\n!a/keep").unwrap();
        assert_eq!(paths(root.path(), &ignore), ["a/keep", "c", "sub/.gitignore"]);
        let walked = walk(root.path(), &Ignore::parse("*\n!nothing/*").unwrap()).unwrap();
        assert!(walked.tree.is_empty(), "an ignored directory in which nothing was kept is left out");
    }

    #[test]
    fn the_dockerfile_and_its_rules_are_always_kept() {
        let root = tree(&["build/Dockerfile", "src/x"]);
        let build = [Taker::of_root("build/Dockerfile")];
        fs::write(root.path().join(".dockerignore"), "*").unwrap();
        assert_eq!(paths(root.path(), &rules(root.path(), &build).unwrap()), [".dockerignore", "build/Dockerfile"]);
        fs::write(root.path().join("build/Dockerfile.dockerignore"), "src\n.dockerignore").unwrap();
        let own = rules(root.path(), &build).unwrap();
        assert_eq!(paths(root.path(), &own), ["build/Dockerfile", "build/Dockerfile.dockerignore"]);
        fs::write(root.path().join("build/Dockerfile.dockerignore"), "[").unwrap();
        assert!(matches!(rules(root.path(), &build), Err(WalkError::Ignore { .. })));
    }

    #[test]
    fn everyone_gets_what_he_takes() {
        let root = tree(&["A", "B", "docs/x", "src/x", "sub/Dockerfile", "sub/y"]);
        for (name, text) in [(".dockerignore", "A\ndocs\nsub"), ("B.dockerignore", "src\nA\nsub")] {
            fs::write(root.path().join(name), text).unwrap();
        }
        let sub = Taker::Build { folder: "sub".to_owned(), dockerfile: "sub/Dockerfile".to_owned() };
        let (a, b) = ([Taker::of_root("A")], [Taker::of_root("./B")]);
        let [of_a, of_b] = [&a[0], &b[0]].map(Clone::clone);
        let common = [".dockerignore", "B", "B.dockerignore", "src/x"];
        let table: [(&[Taker], &[&str]); 6] = [
            (&[], &common),
            (&[Taker::Other], &common),
            (&a, &[".dockerignore", "A", "B", "B.dockerignore", "src/x"]),
            (&b, &[".dockerignore", "B", "B.dockerignore", "docs/x"]),
            (&[of_b.clone(), Taker::Other], &[".dockerignore", "B", "B.dockerignore", "docs/x", "src/x"]),
            (&[sub, of_b, of_a], &[".dockerignore", "A", "B", "B.dockerignore", "docs/x", "src/x", "sub/Dockerfile"]),
        ];
        for (takers, expected) in table {
            assert_eq!(paths(root.path(), &rules(root.path(), takers).unwrap()), expected, "{takers:?}");
        }
        fs::remove_file(root.path().join(".dockerignore")).unwrap();
        assert!(rules(root.path(), &[Taker::of_root("B"), Taker::Other]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_file_is_skipped_by_name_and_links_are_not_followed() {
        let root = tree(&["d/x"]);
        let _socket = UnixListener::bind(root.path().join("d/s")).unwrap();
        symlink("/etc", root.path().join("link")).unwrap();
        let walked = walk(root.path(), &Ignore::default()).unwrap();
        assert_eq!(walked.skipped, [Skipped { path: "d/s".to_owned(), what: "socket" }]);
        assert_eq!(walked.files.len(), 1);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_an_error_that_names_it() {
        let root = tree(&["x"]);
        fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"bad\xff")), b"").unwrap();
        let error = walk(root.path(), &Ignore::default()).unwrap_err();
        assert!(error.to_string().contains("bad"), "{error}");
    }

    #[test]
    fn a_root_that_is_no_directory_is_an_error_that_names_it() {
        let root = tree(&["x"]);
        assert!(matches!(walk(&root.path().join("x"), &Ignore::default()), Err(WalkError::Root { .. })));
        assert!(matches!(walk(&root.path().join("y"), &Ignore::default()), Err(WalkError::Root { .. })));
    }
}
