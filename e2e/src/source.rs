//! Folders of files, as a user would have them.

use std::{fs, path::Path};
use tempfile::TempDir;

/// A folder that is removed when this is dropped.
pub struct Source(TempDir);

impl Source {
    /// A folder with these files: path and content of each.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder can be made"));
        files.iter().for_each(|(path, content)| folder.write(path, content));
        folder
    }

    /// Writes a file; its folders are made.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, content)).expect("a file can be written");
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where it is, as an argument.
    pub fn arg(&self) -> &str {
        self.path().to_str().expect("temporary folders have plain names")
    }
}
