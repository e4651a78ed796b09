//! The files of a source folder as the compiler of a task sees them: those that would be sent to a farm.

use crate::error::Error;
use acre_task::Files;
use acre_tree::walk::{rules, walk};
use std::{
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
    /// Walks the folder; `dockerfile` is kept whatever the rules say.
    pub fn new(root: &Path, dockerfile: &str) -> Result<Self, Error> {
        let walked =
            rules(root, dockerfile).and_then(|rules| walk(root, &rules)).map_err(|why| super::send::fault(&why))?;
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

impl Files for FolderFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.folders.get(folder)?.get(name)?;
        let file = self.root.join(path);
        // The walk saw a regular file; a link that has taken its place is not followed out of the source.
        fs::symlink_metadata(&file).ok().filter(fs::Metadata::is_file)?;
        let mut bytes = Vec::new();
        File::open(file).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn list(&self, folder: &str) -> Option<Vec<String>> {
        Some(self.folders.get(folder)?.iter().cloned().collect())
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
        let files = FolderFiles::new(root.path(), "Dockerfile").unwrap();
        assert_eq!(files.list("").unwrap(), [".dockerignore", "Dockerfile", "a"]);
        assert_eq!(files.list("a").unwrap(), ["b"]);
        assert_eq!(files.read("a/b/c").as_deref(), Some(&b"1"[..]));
        for missing in ["secret", "a/b", "../x", "/etc/passwd", ""] {
            assert_eq!(files.read(missing), None, "{missing}");
        }
        assert_eq!(files.list("nowhere"), None);
    }
}
