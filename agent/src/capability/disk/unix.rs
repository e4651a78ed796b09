//! statvfs(3).

use super::Room;
use acre_model::capability::room;
use std::{io, path::Path};

pub(super) fn room_of(folder: &Path) -> io::Result<Room> {
    let disk = rustix::fs::statvfs(folder)?;
    let (free, size) = room(disk.f_frsize, (disk.f_blocks, disk.f_bfree, disk.f_bavail));
    Ok(Room { free, size })
}
