//! The newest revision that a node has seen of its store. A store that is behind it was restored from an older copy, or is
//! another one: to go on from there would do again what has been done, and forget what was promised.
//!
//! It is written to the node's folder with each commit, and left to the system to bring to the disk: it outlives the
//! scheduler, however that ends; if its machine dies, the last seconds may be missing, and a copy made in them is not told.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Digits of a revision in the file, which is as long as that always.
const DIGITS: usize = 20;

/// The newest revision that was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    newest: AtomicU64,
    adopted: Option<u64>,
    file: Option<(PathBuf, File)>,
}

/// A store is behind what was seen of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WentBack {
    pub(super) from: u64,
}

impl Seen {
    /// What the node of this folder has seen; in a new folder, nothing.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("store-revision");
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(named)?;
        let newest = AtomicU64::new(read(&file).map_err(named)?);
        Ok(Self { newest, adopted: None, file: Some((path, file)) })
    }

    /// How far a store may go back.
    pub(super) fn adopt(&mut self, revision: Option<u64>) {
        self.adopted = revision;
    }

    /// Whether a store at this revision may be led.
    pub(super) fn allows(&self, revision: u64) -> Result<(), WentBack> {
        let newest = self.newest.load(Ordering::SeqCst);
        if revision >= newest {
            return Ok(());
        }
        // Leases that end take keys with them, so that a store goes on by itself after it was refused.
        if self.adopted.is_none_or(|adopted| revision < adopted) {
            return Err(WentBack { from: newest });
        }
        tracing::warn!(from = newest, to = revision, "the state store went back, which is adopted");
        self.newest.store(revision, Ordering::SeqCst);
        self.write(revision);
        Ok(())
    }

    /// Remembers a commit at this revision.
    pub(super) fn note(&self, revision: u64) {
        if self.newest.fetch_max(revision, Ordering::SeqCst) < revision {
            self.write(revision);
        }
    }

    /// Without it, an older copy may be taken for the newest state; that is no reason to stop.
    fn write(&self, revision: u64) {
        let Some((path, file)) = &self.file else { return };
        if let Err(why) = file.write_all_at(format!("{revision:0DIGITS$}\n").as_bytes(), 0) {
            tracing::warn!(file = %path.display(), %why, "cannot remember the revision of the state store");
        }
    }
}

/// The revision in a file; one that is empty, as a machine's death may leave it, has none.
fn read(file: &File) -> io::Result<u64> {
    let mut text = [0; DIGITS + 1];
    if file.metadata()?.len() == 0 {
        return Ok(0);
    }
    file.read_exact_at(&mut text, 0).map_err(|_| damaged())?;
    let digits = std::str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n')).ok_or_else(damaged)?;
    digits.parse().map_err(|_| damaged())
}

fn damaged() -> io::Error {
    let why = "it holds no revision; remove it while no scheduler runs, if the state store was not restored";
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_was_seen_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let seen = Seen::open(folder.path()).unwrap();
        assert_eq!(seen.allows(0), Ok(()));
        [7, 100, 42].into_iter().for_each(|revision| seen.note(revision));
        let mut seen = Seen::open(folder.path()).unwrap();
        for (revision, expected) in [(99, Err(WentBack { from: 100 })), (100, Ok(())), (101, Ok(()))] {
            assert_eq!(seen.allows(revision), expected, "{revision}");
        }
        seen.adopt(Some(60));
        for (revision, expected) in [(59, Err(WentBack { from: 100 })), (61, Ok(())), (60, Ok(()))] {
            assert_eq!(seen.allows(revision), expected, "{revision}");
        }
        let seen = Seen::open(folder.path()).unwrap();
        assert_eq!(seen.allows(60), Ok(()), "what was adopted is remembered");
        assert_eq!(seen.allows(59), Err(WentBack { from: 60 }));
    }

    #[test]
    fn a_damaged_file_is_told_and_an_empty_one_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store-revision");
        for text in ["x", "12\n", "0000000000000000000x\n", "00000000000000000012 "] {
            fs::write(&path, text).unwrap();
            let refused = Seen::open(folder.path()).unwrap_err().to_string();
            assert!(refused.contains("store-revision: it holds no revision"), "{text:?}: {refused}");
        }
        fs::write(&path, "").unwrap();
        assert_eq!(Seen::open(folder.path()).unwrap().allows(0), Ok(()));
    }
}
