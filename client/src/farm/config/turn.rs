//! Turns at the list of farms: changes are made one after the other, so that none is lost. The turn of a process that ends
//! is over, however it ends.

use crate::system::REPLACES_OPEN_FILES;
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "it is locked as long as it is open")] Option<File>);

/// The file that is locked: the list itself is replaced.
fn lock(list: &Path) -> PathBuf {
    list.with_extension("lock")
}

impl Turn {
    /// Waits for the turn to change a list.
    pub(super) fn to_change(list: &Path) -> io::Result<Self> {
        let lock = lock(list);
        fs::create_dir_all(lock.parent().unwrap_or(Path::new("/")))?;
        let file = OpenOptions::new().create(true).append(true).open(lock)?;
        match file.lock() {
            // A file system without locks.
            Err(why) if why.kind() == io::ErrorKind::Unsupported => Ok(Self(None)),
            locked => locked.map(|()| Self(Some(file))),
        }
    }

    /// Waits for the turn to read a list, where it could not be changed meanwhile.
    pub(super) fn to_read(list: &Path) -> Self {
        let file = if REPLACES_OPEN_FILES { None } else { File::open(lock(list)).ok() };
        Self(file.filter(|file| file.lock_shared().is_ok()))
    }
}
