//! Room on the disk where the agent keeps its files.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use acre_model::capability::{Capability, is_full};
use std::path::Path;

/// The least change that is told: a hundredth of the disk, but not less than this.
const LEAST_STEP: u64 = 256 << 20;

/// Room on a disk, in bytes; of a disk that cannot be asked both are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// What is free for this user.
    pub free: u64,
    /// What is free for this user and what is taken.
    pub size: u64,
}

impl Room {
    /// The room where this folder lies. A disk on the network may be slow to tell.
    pub(crate) async fn of(folder: &Path) -> Option<Self> {
        let folder = folder.to_owned();
        let asked = tokio::task::spawn_blocking(move || system::room_of(&folder)).await.ok()?;
        asked.inspect_err(|why| tracing::debug!(%why, "the disk cannot be asked for its room")).ok()
    }

    /// What a capability says of it.
    pub(super) fn told(capability: &Capability) -> Self {
        Self { free: capability.disk_free, size: capability.disk_size }
    }

    /// Puts it into a capability if it is worth telling; whether it is.
    pub(super) fn tell(self, capability: &mut Capability) -> bool {
        let is_news = self.is_news(Self::told(capability));
        if is_news {
            (capability.disk_free, capability.disk_size) = (self.free, self.size);
        }
        is_news
    }

    /// Whether work is now refused or taken that was not before, or a good part of the disk came or went.
    fn is_news(self, told: Self) -> bool {
        let crossed = is_full(self.free, self.size) != is_full(told.free, told.size);
        crossed || self.size != told.size || self.free.abs_diff(told.free) >= LEAST_STEP.max(self.size / 100)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

    use super::*;

    #[test]
    fn what_matters_is_told() {
        const MIB: u64 = 1 << 20;
        const GIB: u64 = 1 << 30;
        // Free before, free now, of which size.
        let table = [
            (50 * GIB, 50 * GIB - 1, 100 * GIB, false),
            (50 * GIB, 49 * GIB, 100 * GIB, true),
            (50 * GIB, 50 * GIB - 900 * MIB, 100 * GIB, false),
            (10 * GIB, 10 * GIB - 1, 100 * GIB, true),
            (10 * GIB - 1, 10 * GIB, 100 * GIB, true),
            (3 * GIB, 3 * GIB - 255 * MIB, 8 * GIB, false),
            (3 * GIB, 3 * GIB - 256 * MIB, 8 * GIB, true),
            (2 * GIB, 2 * GIB - 1, 8 * GIB, true),
        ];
        for (before, now, size, expected) in table {
            let told = Room { free: before, size };
            assert_eq!(Room { free: now, size }.is_news(told), expected, "{before} to {now} of {size}");
        }
        let first = Room { free: 50 * GIB, size: 100 * GIB };
        assert!(first.is_news(Room::default()), "what was not known is told");
    }

    #[tokio::test]
    async fn a_folder_has_the_room_of_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::of(folder.path()).await.unwrap();
        assert!(room.size > 0 && room.free <= room.size, "{room:?}");
        assert_eq!(Room::of(&folder.path().join("missing")).await, None);
    }
}
