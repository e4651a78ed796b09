//! Which repositories have which blobs, as far as this agent has seen: so that a layer which one repository of a
//! registry has is not sent to another. A hint that may be wrong: the registry is asked each time.

use acre_model::digest::Digest;
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Most blobs that are remembered; the oldest are forgotten.
const BLOBS: usize = 20_000;
/// Most repositories of one blob.
const REPOSITORIES: usize = 4;

/// The memory: lines of digest and repository in a file, which is written anew when it is opened.
pub(super) struct Known(Mutex<Memory>);

struct Memory {
    file: File,
    /// `registry/repository`, the last seen last.
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
        let mut memory = Memory { file, by_digest: BTreeMap::new(), order: VecDeque::new() };
        for line in text.lines() {
            if let Some((digest, repository)) = line.split_once(' ')
                && let Ok(digest) = digest.parse()
            {
                memory.learn(digest, repository);
            }
        }
        memory.rewrite()?;
        Ok(Self(Mutex::new(memory)))
    }

    /// `repository` of `registry` has this blob. A disk that is full costs the memory, nothing else.
    pub(super) fn learn(&self, digest: Digest, registry: &str, repository: &str) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{registry}/{repository}");
        if memory.learn(digest, &name) {
            drop(writeln!(memory.file, "{digest} {name}"));
        }
    }

    /// Repositories of `registry` that have this blob, the last seen first.
    pub(super) fn repositories(&self, digest: Digest, registry: &str) -> Vec<String> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = memory.by_digest.get(&digest).into_iter().flatten().rev();
        names.filter_map(|name| Some(name.strip_prefix(registry)?.strip_prefix('/')?.to_owned())).collect()
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
        if names.len() > REPOSITORIES {
            names.remove(0);
        }
        if self.order.len() > BLOBS
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
            known.learn(digest(1), "r:5000", repository);
        }
        known.learn(digest(2), "other", "a");
        drop(known);
        fs::write(&place, fs::read_to_string(&place).unwrap() + "no line\nsha256:12 x\n").unwrap();
        let known = Known::open(place).unwrap();
        assert_eq!(known.repositories(digest(1), "r:5000"), ["e", "d", "c", "b"]);
        assert_eq!(known.repositories(digest(1), "r"), [""; 0]);
        assert_eq!(known.repositories(digest(2), "other"), ["a"]);
        assert_eq!(known.repositories(digest(3), "other"), [""; 0]);
    }
}
