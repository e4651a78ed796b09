//! Keeping files for their owner alone, in each system's way.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use std::{fs::File, io, path::Path};

/// Makes a folder, if it is not there, that only its owner can look into; one that is there stays as open as it is.
/// On Unix it has mode 0700. On Windows it takes over no permissions from the folder above and grants access to its
/// owner, the system and administrators, and so does what is made in it.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    system::make_private_folder(path)
}

/// Closes a folder that is there, as [`make_private_folder`] makes it.
pub fn close_folder(path: &Path) -> io::Result<()> {
    system::close_folder(path)
}

/// The permission bits of a file (0o7777) if others than its owner have any. On Windows what guards a file is the
/// folder that it was made in, so there is nothing to find.
pub(crate) fn open_to_others(file: &File) -> io::Result<Option<u32>> {
    system::open_to_others(file)
}

/// Waits until the names in a folder are on the disk, where a system can be asked for it.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    system::sync_folder(folder)
}
