//! Remembers the digests of a directory's files from one pack to the next, so that what did not change is not read
//! again.
//!
//! A digest is used again only if size, modification time, change time, inode and device of the file are as they were,
//! and only remembered if the file had last changed well before it was read: a file that changes twice within the
//! clock's resolution could keep its times (git calls such an entry racy). The change time cannot be set by programs, so
//! a restored modification time does not deceive. Where a system has no such record nothing is remembered.
//!
//! The file: a line of version, the root's path and a NUL; per file its numbers and digest in text, a blank, its path
//! and a NUL; at the end the SHA-256 of all before. A file that is not exactly so is not there.

use crate::{
    ENTRIES, hash,
    walk::{Found, Record, Stat},
};
use acre_model::digest::Digest;
use std::{
    collections::HashMap,
    fs, io,
    io::{Read, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

const VERSION: &str = "acre-stat-cache 1";

/// The largest such file, in bytes.
const SIZE: u64 = 512 * 1024 * 1024;

/// The most such files in a folder; of more the oldest go.
const KEPT: usize = 64;

/// How long before the start of a pack a file must have changed last to be remembered, in nanoseconds. File systems
/// keep times of up to 2 s.
const SETTLED_NS: i128 = 2_000_000_000;

/// What is remembered of the files below one root.
#[derive(Debug, Default)]
pub(crate) struct StatCache {
    digests: HashMap<String, (Stat, Digest)>,
}

impl StatCache {
    /// What `folder` remembers of `root`; nothing if it cannot be read.
    pub(crate) fn load(folder: &Path, root: &Path) -> Self {
        Self { digests: load(folder, root).unwrap_or_default() }
    }

    /// The digest of a file, if it has certainly not changed.
    pub(crate) fn get(&self, found: &Found) -> Option<Digest> {
        let (stat, digest) = self.digests.get(&found.path)?;
        (found.stat.record.is_some() && same(stat, &found.stat)).then_some(*digest)
    }

    /// Remembers in `folder` these files of `root`, whose stats were read after `started_ns` (nanoseconds since 1970).
    pub(crate) fn save<'a>(
        folder: &Path,
        root: &Path,
        files: impl Iterator<Item = (&'a Found, Digest)>,
        started_ns: i128,
    ) -> io::Result<()> {
        let mut text = format!("{VERSION} {}\0", root.display()).into_bytes();
        for (found, digest) in files.take(ENTRIES) {
            let Stat { size, modified_ns, record: Some(record), .. } = found.stat else { continue };
            if modified_ns.max(record.changed_ns) > started_ns - SETTLED_NS {
                continue;
            }
            let Record { changed_ns, inode, device } = record;
            write!(text, "{size} {modified_ns} {changed_ns} {inode} {device} {digest} {}\0", found.path)?;
        }
        text.extend_from_slice(hash::digest(&text).as_bytes());
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        file.persist(place(folder, root)).map_err(|error| error.error)?;
        prune(folder)
    }
}

/// Whether content that had the one stat is what has the other now. The mode is not content.
fn same(one: &Stat, other: &Stat) -> bool {
    (one.size, one.modified_ns, one.record) == (other.size, other.modified_ns, other.record)
}

fn place(folder: &Path, root: &Path) -> PathBuf {
    folder.join(format!("{}.stat", hash::digest(root.as_os_str().as_encoded_bytes()).hex()))
}

fn load(folder: &Path, root: &Path) -> Option<HashMap<String, (Stat, Digest)>> {
    let mut blob = Vec::new();
    fs::File::open(place(folder, root)).ok()?.take(SIZE).read_to_end(&mut blob).ok()?;
    let (text, sum) = blob.split_at_checked(blob.len().checked_sub(32)?)?;
    if hash::digest(text).as_bytes() != sum {
        return None;
    }
    let mut lines = std::str::from_utf8(text).ok()?.strip_suffix('\0')?.split('\0');
    if lines.next()? != format!("{VERSION} {}", root.display()) {
        return None;
    }
    lines.map(line).collect()
}

fn line(text: &str) -> Option<(String, (Stat, Digest))> {
    let mut fields = text.splitn(7, ' ');
    let size = number(fields.next())?;
    let modified_ns = number(fields.next())?;
    let record =
        Record { changed_ns: number(fields.next())?, inode: number(fields.next())?, device: number(fields.next())? };
    let digest = number(fields.next())?;
    let stat = Stat { size, mode: 0, modified_ns, record: Some(record) };
    Some((fields.next()?.to_owned(), (stat, digest)))
}

fn number<T: FromStr>(text: Option<&str>) -> Option<T> {
    text?.parse().ok()
}

/// Removes the oldest files of the folder above the limit.
fn prune(folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "stat") {
            files.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    files.sort();
    let surplus = files.len().saturating_sub(KEPT);
    files.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: i128 = 1_000_000_000_000;

    fn found(path: &str, changed_ns: i128) -> Found {
        let record = Some(Record { changed_ns, inode: 1, device: 2 });
        Found { path: path.to_owned(), stat: Stat { size: 3, mode: 0o644, modified_ns: OLD, record } }
    }

    fn saved(files: &[Found]) -> (tempfile::TempDir, StatCache) {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new("/some/root");
        let files = files.iter().map(|found| (found, hash::digest(found.path.as_bytes())));
        StatCache::save(folder.path(), root, files, OLD + 10_000_000_000).unwrap();
        let cache = StatCache::load(folder.path(), root);
        (folder, cache)
    }

    #[test]
    fn only_what_certainly_did_not_change_is_known() {
        let (_folder, cache) = saved(&[found("a b\nc", OLD)]);
        let same = found("a b\nc", OLD);
        assert_eq!(cache.get(&same), Some(hash::digest(b"a b\nc")));
        let mut other = same.clone();
        other.stat.mode = 0o755;
        assert!(cache.get(&other).is_some(), "the mode is not content");
        let changes: [fn(&mut Stat); 5] = [
            |stat| stat.size += 1,
            |stat| stat.modified_ns += 1,
            |stat| stat.record.as_mut().unwrap().changed_ns += 1,
            |stat| stat.record.as_mut().unwrap().inode += 1,
            |stat| stat.record = None,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut other = same.clone();
            change(&mut other.stat);
            assert_eq!(cache.get(&other), None, "change {index}");
        }
        assert_eq!(cache.get(&found("other", OLD)), None);
    }

    #[test]
    fn what_changed_just_before_is_not_remembered() {
        let racy = found("racy", OLD + 8_500_000_000);
        let (_folder, cache) = saved(&[racy.clone(), found("old", OLD + 7_000_000_000)]);
        assert_eq!(cache.get(&racy), None);
        assert!(cache.get(&found("old", OLD + 7_000_000_000)).is_some());
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let (folder, _) = saved(&[found("a", OLD)]);
        let root = Path::new("/some/root");
        let path = place(folder.path(), root);
        let good = fs::read(&path).unwrap();
        assert_eq!(load(folder.path(), root).map(|digests| digests.len()), Some(1));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(load(folder.path(), root).is_none(), "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert!(load(folder.path(), root).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn the_oldest_files_go() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=KEPT {
            StatCache::save(folder.path(), Path::new(&number.to_string()), std::iter::empty(), 0).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT);
    }
}
