//! `GetDiskFreeSpaceExW`, which counts what this user's quota leaves.

use super::Room;
use std::{io, iter, os::windows::ffi::OsStrExt, path::Path, ptr};
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

pub(super) fn room_of(folder: &Path) -> io::Result<Room> {
    let name: Vec<u16> = folder.as_os_str().encode_wide().chain(iter::once(0)).collect();
    let mut room = Room::default();
    #[allow(unsafe_code, reason = "the name ends with a zero, and both numbers are ours to write to")]
    let done = unsafe { GetDiskFreeSpaceExW(name.as_ptr(), &mut room.free, &mut room.size, ptr::null_mut()) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(room) }
}
