//! A node: all schedulers that ever use one data folder, of which one lives at a time. It has a name, and remembers what it
//! has seen of the store.

use super::seen::Seen;
use crate::parts::Random;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// A node.
#[derive(Debug)]
pub struct Node {
    pub(super) name: String,
    pub(super) seen: Seen,
}

impl Node {
    /// The node whose data is in this folder; a new folder gets one.
    pub fn of(data: &Path, random: &dyn Random) -> io::Result<Self> {
        Ok(Self { name: name_of(data, random)?, seen: Seen::open(data)? })
    }

    /// A node of this name that has no folder.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), seen: Seen::default() }
    }

    /// The same node, which goes on from a store that has gone back, but not behind this revision.
    pub fn adopting(mut self, revision: Option<u64>) -> Self {
        self.seen.adopt(revision);
        self
    }
}

/// Digits of a name.
const DIGITS: usize = 16;
/// Most bytes of the file that has it.
const LARGEST: u64 = 256;

/// The name of the node whose data is in this folder. A folder that is new gets one, and so does a copy, as which another
/// scheduler may be at work at the same time: only a file that lies where it was made is followed.
fn name_of(data: &Path, random: &dyn Random) -> io::Result<String> {
    let path = data.join("node");
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let kept = match File::open(&path) {
        Ok(file) => read(file).map_err(named)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(named(error)),
    };
    match kept {
        Some(name) => Ok(name),
        None => {
            let name: String = random.draw()[..DIGITS / 2].iter().map(|byte| format!("{byte:02x}")).collect();
            make(&path, &name).map_err(named)?;
            Ok(name)
        }
    }
}

/// The name in a file, if that is no copy.
fn read(file: File) -> io::Result<Option<String>> {
    let place = place_of(&file)?;
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    let (name, made_at) = text.trim_end().split_once(' ').unwrap_or((text.trim_end(), ""));
    if name.len() != DIGITS || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let why = "it is not the name of a node; remove it while no scheduler runs, and a new one is drawn";
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok((made_at == place).then(|| name.to_owned()))
}

/// What no copy of a file has in common with it: the machine, the file system, the file's number there.
fn place_of(file: &File) -> io::Result<String> {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let data = file.metadata()?;
    Ok(format!("{}:{}:{}", machine.trim(), data.dev(), data.ino()))
}

/// Under its path stands a whole name or none, whenever the machine stops.
fn make(path: &Path, name: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    drop(fs::remove_file(&new));
    let mut file = File::create_new(&new)?;
    let place = place_of(&file)?;
    writeln!(file, "{name} {place}")?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::SystemRandom;

    #[test]
    fn a_folder_keeps_its_name() {
        let (one, two, random) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), SystemRandom::open().unwrap());
        let name = name_of(one.path(), &random).unwrap();
        assert_eq!(name_of(one.path(), &random).unwrap(), name);
        assert_ne!(name_of(two.path(), &random).unwrap(), name);
        fs::copy(one.path().join("node"), two.path().join("node")).unwrap();
        let copied = name_of(two.path(), &random).unwrap();
        assert_ne!(copied, name, "a copy is another node");
        assert_eq!(name_of(two.path(), &random).unwrap(), copied);
        assert_eq!(name_of(one.path(), &random).unwrap(), name);
        for damaged in ["", "x\n", "0123456789abcde", "0123456789abcdefg", "0123456789abcdeg"] {
            fs::write(one.path().join("node"), damaged).unwrap();
            let refused = name_of(one.path(), &random).unwrap_err().to_string();
            assert!(refused.contains("node: it is not the name of a node"), "{damaged:?}: {refused}");
        }
    }
}
