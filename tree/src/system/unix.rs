//! Modes, inodes, and flags of open(2).

use crate::walk::Record;
use rustix::fs::OFlags;
use std::{
    fs::{File, FileType, Metadata, Permissions},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Permission bits (0o7777).
pub(crate) fn mode(meta: &Metadata) -> u32 {
    meta.mode() & 0o7777
}

/// The record of a file.
pub(crate) fn record(meta: &Metadata) -> Option<Record> {
    let changed_ns = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
    Some(Record { changed_ns, inode: meta.ino(), device: meta.dev() })
}

/// What something is that is neither file, directory nor link.
pub(crate) fn special(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "FIFO"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

/// A path as a tree writes it.
pub(crate) fn with_slashes(path: String) -> String {
    path
}

/// Nobody is to write what is found by its digest.
pub(crate) fn protect(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o444))
}

/// Opens a file for reading. A link at its place is not followed, and nothing hangs on a FIFO.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}
