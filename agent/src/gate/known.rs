//! What this agent has seen go through the gate: names by digests, the last of them, across its starts. Which repositories
//! have which blobs, so that a layer which one repository of a registry has is not sent to another: a hint, the registry is
//! asked each time. And under which digest an image of the engine was pushed where: the engine itself, which has pushed to
//! the gate, does not know.

use acre_model::digest::Digest;
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, Write as _},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Most digests that are remembered; the oldest are forgotten.
const DIGESTS: usize = 20_000;
/// Most names of one digest.
const NAMES: usize = 4;

/// Most lines of the file: then it is written anew, with what is remembered.
const LINES: usize = 2 * DIGESTS * NAMES;

/// The memory: lines of digest and name in a file, which is written anew when it is opened, and when it has grown.
pub(super) struct Known(Mutex<Memory>);

struct Memory {
    file: File,
    lines: usize,
    /// The last seen last.
    by_digest: BTreeMap<Digest, Vec<String>>,
    order: VecDeque<Digest>,
}

impl Known {
    /// Reads what is remembered; a line that is none is left out.
    pub(super) fn open(place: PathBuf) -> io::Result<Self> {
        let text = match fs::read(&place) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(why) if why.kind() == io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(why),
        };
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&place)?;
        let mut memory = Memory { file, lines: 0, by_digest: BTreeMap::new(), order: VecDeque::new() };
        for line in text.lines() {
            if let Some((digest, name)) = line.split_once(' ')
                && let Ok(digest) = digest.parse()
            {
                memory.learn(digest, name);
            }
        }
        memory.rewrite()?;
        Ok(Self(Mutex::new(memory)))
    }

    /// A name for this digest. A disk that is full costs the memory, nothing else.
    pub(super) fn learn(&self, digest: Digest, name: &str) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.learn(digest, name) {
            memory.lines += 1;
            let written = match memory.lines > LINES {
                true => memory.rewrite(),
                false => writeln!(memory.file, "{digest} {name}"),
            };
            drop(written);
        }
    }

    /// What follows `prefix` in the names of this digest, the last seen first.
    pub(super) fn names(&self, digest: Digest, prefix: &str) -> Vec<String> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = memory.by_digest.get(&digest).into_iter().flatten().rev();
        names.filter_map(|name| name.strip_prefix(prefix).map(str::to_owned)).collect()
    }
}

impl Memory {
    /// Whether that is news.
    fn learn(&mut self, digest: Digest, name: &str) -> bool {
        let names = self.by_digest.entry(digest).or_default();
        if names.iter().any(|known| known == name) {
            return false;
        }
        if names.is_empty() {
            self.order.push_back(digest);
        }
        names.push(name.to_owned());
        if names.len() > NAMES {
            names.remove(0);
        }
        if self.order.len() > DIGESTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_digest.remove(&oldest);
        }
        true
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let lines = self.order.iter().flat_map(|digest| {
            self.by_digest.get(digest).into_iter().flatten().map(move |name| format!("{digest} {name}\n"))
        });
        let text: String = lines.collect();
        self.lines = text.lines().count();
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_remembered_across_starts() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("blobs");
        let digest = |byte: u8| Digest::from_bytes([byte; 32]);
        let known = Known::open(place.clone()).unwrap();
        for repository in ["a", "b", "a", "c", "d", "e"] {
            known.learn(digest(1), &format!("r:5000/{repository}"));
        }
        known.learn(digest(2), "other/a");
        drop(known);
        fs::write(&place, fs::read_to_string(&place).unwrap() + "no line\nsha256:12 x\n").unwrap();
        let known = Known::open(place).unwrap();
        assert_eq!(known.names(digest(1), "r:5000/"), ["e", "d", "c", "b"]);
        assert_eq!(known.names(digest(1), "r/"), [""; 0]);
        assert_eq!(known.names(digest(2), "other/"), ["a"]);
        assert_eq!(known.names(digest(3), "other/"), [""; 0]);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("blobs");
        let known = Known::open(place.clone()).unwrap();
        // As if much had been learned and forgotten again.
        known.0.lock().unwrap().lines = LINES - 1;
        let digest = |byte: u8| Digest::from_bytes([byte; 32]);
        for (byte, lines) in [(1, 1), (2, 2), (3, 3)] {
            known.learn(digest(byte), "r/a");
            assert_eq!(fs::read_to_string(&place).unwrap().lines().count(), lines);
        }
        assert_eq!(known.0.lock().unwrap().lines, 3);
    }
}
