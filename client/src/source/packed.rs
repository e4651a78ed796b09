//! The files of a packed tree as the compiler of a task sees them: exactly those that are sent.

use super::files::LARGEST;
use acre_model::digest::Digest;
use acre_task::{
    Files,
    find::{Found, find},
};
use acre_tree::Packed;
use std::{convert::Infallible, fs::File, io::Read};

/// A packed tree.
#[derive(Debug)]
pub struct PackedFiles<'a>(pub &'a Packed);

impl PackedFiles<'_> {
    /// What is at a path as the compiler writes it.
    fn find(&self, path: &str) -> Option<Found> {
        let open = |digest: &Digest| Ok::<_, Infallible>(self.0.directory(digest));
        let Ok(found) = find(self.0.directory(&self.0.root())?, path, open);
        found
    }
}

impl Files for PackedFiles<'_> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let Some(Found::File { digest, .. }) = self.find(path) else { return None };
        let mut bytes = Vec::new();
        File::open(self.0.file(&digest)?.place.path()).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn list(&self, folder: &str) -> Option<Vec<String>> {
        Some(match self.find(folder) {
            Some(Found::Directory(directory)) => directory.entries().iter().map(|entry| entry.name.clone()).collect(),
            Some(Found::File { .. }) | None => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_tree::{Ignore, pack::Options};

    #[tokio::test]
    async fn the_compiler_sees_what_is_sent() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        for (path, text) in [("Dockerfile", "FROM x"), ("a/b/c", "1"), ("secret", "s")] {
            std::fs::write(root.path().join(path), text).unwrap();
        }
        let ignore = Ignore::parse("secret").unwrap();
        let options = Options { ignore, stat_cache: None, now: std::time::SystemTime::UNIX_EPOCH };
        let packed = acre_tree::pack(root.path().to_owned(), options).await.unwrap().tree;
        let files = PackedFiles(&packed);
        assert_eq!(files.list("").unwrap(), ["Dockerfile", "a"]);
        assert_eq!(files.list("a").unwrap(), ["b"]);
        assert_eq!(files.read("a/b/c").as_deref(), Some(&b"1"[..]));
        for missing in ["secret", "a/b", "../x", "/etc/passwd", ""] {
            assert_eq!(files.read(missing), None, "{missing}");
        }
        assert_eq!(files.list("nowhere"), Some(Vec::new()));
    }
}
