//! The files of a source folder as the compiler of a task sees them: those that would be sent to a farm.

use crate::error::Error;
use acre_task::Files;
use acre_tree::walk::{Taker, rules, walk};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// Largest file that a compiler is given, in bytes; only Dockerfiles and alias files are read.
pub(super) const LARGEST: u64 = 16 * 1024 * 1024;

/// A source folder without what its `.dockerignore` leaves out.
#[derive(Debug)]
pub struct FolderFiles {
    root: PathBuf,
    /// Names by folder, both as the compiler writes them.
    folders: BTreeMap<String, BTreeSet<String>>,
}

impl FolderFiles {
    /// Walks the folder, for whoever takes files of it.
    pub fn new(root: &Path, takers: &[Taker]) -> Result<Self, Error> {
        let walked =
            rules(root, takers).and_then(|rules| walk(root, &rules)).map_err(|why| super::send::fault(&why))?;
        let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::from([(String::new(), BTreeSet::new())]);
        for found in &walked.files {
            // Every folder above the file is a name in the folder above it.
            let mut rest = found.path.as_str();
            loop {
                let (folder, name) = rest.rsplit_once('/').unwrap_or(("", rest));
                if !folders.entry(folder.to_owned()).or_default().insert(name.to_owned()) || folder.is_empty() {
                    break;
                }
                rest = folder;
            }
        }
        Ok(Self { root: root.to_owned(), folders })
    }
}

impl FolderFiles {
    /// Whether a file would be sent.
    fn is_sent(&self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.folders.get(folder).is_some_and(|names| names.contains(name)) && !self.folders.contains_key(path)
    }

    /// Where a path leads once its links are followed, as the compiler writes it; `None` out of the source.
    fn behind_links(&self, path: &str) -> Option<String> {
        behind_links(&self.root, path)
    }

    /// The symbolic links in a folder, which are sent as they are.
    fn links(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        links.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

fn behind_links(root: &Path, path: &str) -> Option<String> {
    let target = root.join(path).canonicalize().ok()?;
    let parts: Option<Vec<&str>> = target
        .strip_prefix(root.canonicalize().ok()?)
        .ok()?
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect();
    Some(parts?.join("/"))
}

/// The bytes of a regular file, as far as a compiler is given any.
fn read_file(file: &Path) -> Option<Vec<u8>> {
    // The path was found to be a regular file; a link that has taken its place is not followed out of the source.
    fs::symlink_metadata(file).ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// All files of a source folder, for finding out which of them a task takes: what is missing is nobody's fault yet.
#[derive(Debug)]
pub struct WholeFolder<'a>(pub &'a Path);

impl Files for WholeFolder<'_> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        read_file(&self.0.join(behind_links(self.0, path)?))
    }
}

/// Files, and what was asked of them.
#[derive(Debug)]
pub struct Recorded<F> {
    files: F,
    read: RefCell<BTreeMap<String, Option<Vec<u8>>>>,
    /// Something else than the content of a file was asked.
    asked_more: Cell<bool>,
}

impl<F: Files> Recorded<F> {
    /// Nothing was asked of them yet.
    pub fn new(files: F) -> Self {
        Self { files, read: RefCell::default(), asked_more: Cell::new(false) }
    }

    /// Whether others would have given the same answers, as far as that is known.
    pub fn are_like(&self, others: &dyn Files) -> bool {
        !self.asked_more.get() && self.read.borrow().iter().all(|(path, bytes)| others.read(path) == *bytes)
    }
}

impl<F: Files> Files for Recorded<F> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let bytes = self.files.read(path);
        self.read.borrow_mut().insert(path.to_owned(), bytes.clone());
        bytes
    }

    fn list(&self, folder: &str) -> Option<Vec<String>> {
        self.asked_more.set(true);
        self.files.list(folder)
    }

    fn left_out(&self, path: &str) -> Option<String> {
        self.asked_more.set(true);
        self.files.left_out(path)
    }
}

impl Files for FolderFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let path = match self.is_sent(path) {
            true => path.to_owned(),
            false => self.behind_links(path).filter(|behind| self.is_sent(behind))?,
        };
        read_file(&self.root.join(path))
    }

    fn list(&self, folder: &str) -> Option<Vec<String>> {
        let known = |folder: &str| self.folders.get(folder).cloned();
        let mut names = known(folder).or_else(|| known(&self.behind_links(folder)?)).unwrap_or_default();
        if self.behind_links(folder).is_some() {
            names.extend(self.links(folder));
        }
        Some(names.into_iter().collect())
    }

    fn left_out(&self, path: &str) -> Option<String> {
        let file = self.root.join(path);
        let data = fs::symlink_metadata(&file).ok()?;
        match self.behind_links(path) {
            None if data.is_symlink() => Some("it is a link that leads nowhere, or out of the source".to_owned()),
            Some(_) if file.is_file() => {
                Some("a rule of .dockerignore matches it; add `!` and its path there".to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_sees_what_would_be_sent() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        for (path, text) in [("Dockerfile", "FROM x"), ("a/b/c", "1"), ("secret", "s"), (".dockerignore", "secret")] {
            fs::write(root.path().join(path), text).unwrap();
        }
        let files = FolderFiles::new(root.path(), &[]).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink("a/b/c", root.path().join("linked")).unwrap();
            symlink("/etc/passwd", root.path().join("away")).unwrap();
            symlink("a/b", root.path().join("folder")).unwrap();
            symlink("secret", root.path().join("hidden")).unwrap();
            let files = FolderFiles::new(root.path(), &[]).unwrap();
            assert_eq!(files.read("linked").as_deref(), Some(&b"1"[..]));
            assert_eq!(files.read("folder/c").as_deref(), Some(&b"1"[..]));
            assert_eq!(files.list("folder").unwrap(), ["c"]);
            assert_eq!((files.read("away"), files.read("hidden")), (None, None));
            assert!(files.left_out("away").unwrap().contains("out of the source"));
            assert!(files.list("").unwrap().contains(&"linked".to_owned()));
            for name in ["linked", "away", "folder", "hidden"] {
                fs::remove_file(root.path().join(name)).unwrap();
            }
        }
        assert_eq!(files.list("").unwrap(), [".dockerignore", "Dockerfile", "a"]);
        assert_eq!(files.list("a").unwrap(), ["b"]);
        assert_eq!(files.read("a/b/c").as_deref(), Some(&b"1"[..]));
        for missing in ["secret", "a/b", "../x", "/etc/passwd", ""] {
            assert_eq!(files.read(missing), None, "{missing}");
        }
        assert_eq!(files.list("nowhere"), Some(Vec::new()));
        assert!(files.left_out("secret").unwrap().contains(".dockerignore"));
        assert_eq!(files.left_out("nowhere"), None);
        let whole = WholeFolder(root.path());
        assert_eq!(
            (whole.read("secret").as_deref(), whole.read("../x"), whole.list("")),
            (Some(&b"s"[..]), None, None)
        );
    }

    #[test]
    fn what_is_sent_gives_the_same_answers_unless_something_asked_for_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [("Dockerfile", "FROM x"), ("secret", "s"), (".dockerignore", "secret")] {
            fs::write(root.path().join(path), text).unwrap();
        }
        let sent = FolderFiles::new(root.path(), &[]).unwrap();
        let table: [(&[&str], bool); 4] = [
            (&[], true),
            (&["Dockerfile"], true),
            (&["Dockerfile", "nowhere"], true),
            (&["Dockerfile", "secret"], false),
        ];
        for (asked, expected) in table {
            let whole = Recorded::new(WholeFolder(root.path()));
            asked.iter().for_each(|path| drop(whole.read(path)));
            assert_eq!(whole.are_like(&sent), expected, "{asked:?}");
        }
        let whole = Recorded::new(WholeFolder(root.path()));
        drop(whole.list(""));
        assert!(!whole.are_like(&sent), "all of the folder does not tell its names");
    }
}
