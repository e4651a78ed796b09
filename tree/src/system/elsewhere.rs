//! Windows: neither modes nor inodes that std would tell.

use crate::walk::Record;
use std::{
    fs::{self, File, FileType, Metadata},
    io,
    path::Path,
};

/// Permission bits: all may be run, which is Docker's choice for what comes from Windows, too.
pub(crate) const fn mode(_: &Metadata) -> u32 {
    0o755
}

/// The record of a file: none, so that content is read anew.
pub(crate) const fn record(_: &Metadata) -> Option<Record> {
    None
}

/// What something is that is neither file, directory nor link.
pub(crate) const fn special(_: FileType) -> &'static str {
    "device"
}

/// A path as a tree writes it.
pub(crate) fn with_slashes(path: String) -> String {
    path.replace('\\', "/")
}

/// A file that may not be written could not be removed either.
pub(crate) const fn protect(_: &File) -> io::Result<()> {
    Ok(())
}

/// Opens a file for reading. A link is refused; one that takes the file's place at this very moment is followed, which
/// takes privileges to make on Windows. (To open it unfollowed would leave files of OneDrive where they are: on the net.)
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path)?.is_symlink() {
        true => Err(io::Error::other("a link has taken its place")),
        false => File::open(path),
    }
}
