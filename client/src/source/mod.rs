//! Where the files of a run come from: what the word SOURCE means, and how a folder gets to the farm.

mod archive;
mod files;
mod packed;
mod send;

pub use files::{FolderFiles, Recorded, WholeFolder};
pub use packed::PackedFiles;
pub use send::{Local, Sent, pack, send};

use crate::{error::Error, system};
use acre_model::text::clip;
use acre_task::address;
use std::{
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

/// Largest text that is read from a file or standard input, in bytes: that of a task file.
const LARGEST_TEXT: u64 = acre_task::TASK_SIZE as u64;
/// Longest name of a source that a farm takes, in bytes (`runs.proto`).
const LONGEST_SHOWN: usize = 1024;

/// What SOURCE means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `/dev/null`: no files.
    None,
    /// A folder of this machine.
    Folder(PathBuf),
    /// An address that an agent fetches: git, an archive, an artifact.
    Address(String),
    /// A tar archive on standard input.
    Archive,
}

impl Choice {
    /// What `text` means; a folder must be there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if system::is_nothing(text) {
            return Ok(Self::None);
        }
        if text == "-" {
            return Ok(Self::Archive);
        }
        if address::is_address(text) {
            address::parse(text).map_err(|why| Error::Usage(why.to_string()))?;
            return Ok(Self::Address(text.to_owned()));
        }
        let wrong = |why: &str| {
            Error::Usage(format!("source `{}` {why}; name a folder, an address, - or /dev/null", clip(text)))
        };
        match fs::metadata(text) {
            Ok(data) if data.is_dir() => Ok(Self::Folder(PathBuf::from(text))),
            Ok(_) => Err(wrong("is not a folder")),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Err(wrong("does not exist")),
            Err(why) => Err(wrong(&format!("cannot be read ({why})"))),
        }
    }

    /// How a person names it, without secrets and not too long.
    pub fn shown(&self) -> String {
        let mut shown = match self {
            Self::None => "/dev/null".to_owned(),
            Self::Folder(path) => system::shown_folder(path).display().to_string(),
            Self::Address(text) => address::shown(text),
            Self::Archive => "standard input".to_owned(),
        };
        let end = (0..=LONGEST_SHOWN.min(shown.len())).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or(0);
        shown.truncate(end);
        shown
    }
}

/// A file of a source folder by its relative path: its text.
pub fn read_in(folder: &Path, name: &str) -> Result<String, Error> {
    let shown = clip(name);
    let looked_up = || format!("`{shown}` is looked up in the source {}", folder.display());
    let path = Path::new(name);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || name.is_empty() {
        return Err(Error::Usage(format!("{}: write a path relative to the source, inside of it", looked_up())));
    }
    match fs::metadata(folder.join(path)) {
        Ok(data) if data.is_file() => read_text(&folder.join(path)),
        Ok(_) => Err(Error::Usage(format!("{}, where it is not a file", looked_up()))),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            Err(Error::Usage(format!("{}, where it is not", looked_up())))
        }
        Err(why) => Err(Error::File { what: looked_up(), why }),
    }
}

/// The first of the default names that a source folder has, with its text.
pub fn read_default(folder: &Path) -> Result<(String, String), Error> {
    let found = acre_task::DEFAULT_NAMES.iter().find(|name| folder.join(name).is_file());
    let Some(name) = found else {
        let names = acre_task::DEFAULT_NAMES.join(", ");
        let why = format!("the source {} has no task file ({names}); name one with --file", folder.display());
        return Err(Error::Usage(why));
    };
    Ok(((*name).to_owned(), read_in(folder, name)?))
}

/// The text of a file of the user, not larger than a task file may be.
pub fn read_text(path: &Path) -> Result<String, Error> {
    let shown = path.display().to_string();
    let file = fs::File::open(path).map_err(Error::file(format!("cannot read {shown}")))?;
    bounded(file, &shown)
}

/// The text on standard input.
pub fn read_stdin() -> Result<String, Error> {
    bounded(io::stdin(), "standard input")
}

fn bounded(from: impl Read, shown: &str) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = from.take(LARGEST_TEXT + 1).read_to_end(&mut bytes);
    read.map_err(Error::file(format!("cannot read {shown}")))?;
    if bytes.len() as u64 > LARGEST_TEXT {
        return Err(Error::Usage(format!("{shown} is larger than 1 MiB, the limit of a task file")));
    }
    String::from_utf8(bytes)
        .map_err(|fault| Error::Usage(format!("{shown} is not UTF-8 at byte {}", fault.utf8_error().valid_up_to())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_folder_an_address_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let path = folder.path().to_str().unwrap();
        assert_eq!(Choice::parse("/dev/null").unwrap(), Choice::None);
        assert_eq!(Choice::parse(path).unwrap(), Choice::Folder(path.into()));
        let git = "http://127.0.0.1:80/r.git#main";
        for address in [git, "https://h.example/x.tar.gz", "ssh://git@h.example/r"] {
            assert_eq!(Choice::parse(address).unwrap(), Choice::Address(address.to_owned()));
        }
        assert_eq!(Choice::parse("-").unwrap(), Choice::Archive);
        let table = [
            ("ftp://h.example/x.tar.gz", "sources are fetched from"),
            ("./not-there", "`./not-there` does not exist"),
            (file.to_str().unwrap(), "is not a folder"),
            ("http://h.example/r.git", "write https://"),
        ];
        for (text, expected) in table {
            let found = Choice::parse(text).unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn files_are_looked_up_in_the_source() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("acre.yaml"), "steps: []").unwrap();
        fs::write(folder.path().join("odd"), b"a\xff").unwrap();
        assert_eq!(read_in(folder.path(), "./acre.yaml").unwrap(), "steps: []");
        assert_eq!(read_default(folder.path()).unwrap().0, "acre.yaml");
        let table = [
            ("../acre.yaml", "looked up in the source"),
            ("/etc/passwd", "looked up in the source"),
            ("", "looked up in the source"),
            ("acb.yaml", "where it is not"),
            (".", "where it is not a file"),
            ("odd", "not UTF-8 at byte 1"),
        ];
        for (name, expected) in table {
            let found = read_in(folder.path(), name).unwrap_err().to_string();
            assert!(found.contains(expected), "{name}: {found}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let shown = Choice::Address(format!("https://h/{}.git", "ü".repeat(1000))).shown();
        assert!(shown.len() <= LONGEST_SHOWN && shown.len() > LONGEST_SHOWN - 4);
    }
}
