//! What is told of a path before its content is asked for: fsutil's `Stat` (github.com/tonistiigi/fsutil,
//! `types/stat.proto`), whose mode is Go's `os.FileMode`. Pure.

use crate::engine::{SnapshotEntry, SnapshotNode};
use acre_model::digest::Digest;
use bollard_buildkit_proto::fsutil::types::Stat;

const GO_DIRECTORY: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_STICKY: u32 = 1 << 20;

/// Seconds since 1970 of every path: 2001-09-09. Later than 1980, before which archives of type zip cannot reach, and
/// far enough in the past to be older than anything a build makes.
const WHEN: i64 = 1_000_000_000;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A path of a snapshot.
pub(super) fn of_entry(entry: &SnapshotEntry) -> Stat {
    let path = entry.path.clone();
    match &entry.node {
        SnapshotNode::File { digest, size, mode } => of_file(path, digest, *size, *mode),
        SnapshotNode::Directory { mode } => Stat {
            path,
            mode: GO_DIRECTORY | go_permissions(*mode),
            mod_time: WHEN * NANOS_PER_SECOND,
            ..Stat::default()
        },
        SnapshotNode::Symlink { target } => Stat {
            path,
            mode: GO_SYMLINK | 0o777,
            linkname: target.clone(),
            mod_time: WHEN * NANOS_PER_SECOND,
            ..Stat::default()
        },
    }
}

/// A regular file. The owner is root, as with every client of BuildKit.
pub(super) fn of_file(path: String, digest: &Digest, size: u64, mode: u32) -> Stat {
    Stat {
        path,
        mode: go_permissions(mode),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        mod_time: modified(digest),
        ..Stat::default()
    }
}

/// A time that stands for the content. BuildKit keeps what it was sent and asks again only for files whose size, mode,
/// owner or time differ: with one time for all, a file that changes and keeps its size would silently stay the old one.
/// The nanoseconds, which reach no layer, take 30 bits of the digest, the seconds 10 more.
fn modified(digest: &Digest) -> i64 {
    let bytes = digest.as_bytes();
    let nanos = i64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) % NANOS_PER_SECOND;
    let seconds = i64::from(u16::from_be_bytes([bytes[4], bytes[5]]) & 0x3ff);
    (WHEN + seconds) * NANOS_PER_SECOND + nanos
}

fn go_permissions(mode: u32) -> u32 {
    let bit = |unix: u32, go: u32| if mode & unix == 0 { 0 } else { go };
    (mode & 0o777) | bit(0o4000, GO_SETUID) | bit(0o2000, GO_SETGID) | bit(0o1000, GO_STICKY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_go() {
        let file = |mode| {
            let node = SnapshotNode::File { digest: Digest::from_bytes([0; 32]), size: 1, mode };
            of_entry(&SnapshotEntry { path: "f".to_owned(), node }).mode
        };
        assert_eq!(file(0o644), 0o644);
        assert_eq!(file(0o6755), GO_SETUID | GO_SETGID | 0o755);
        assert_eq!(file(0o1777), GO_STICKY | 0o777);
        let directory = SnapshotEntry { path: "d".to_owned(), node: SnapshotNode::Directory { mode: 0o755 } };
        assert_eq!(of_entry(&directory).mode, GO_DIRECTORY | 0o755);
    }

    #[test]
    fn another_content_is_another_time() {
        let time = |first: u8, fifth: u8| {
            let mut bytes = [7; 32];
            (bytes[3], bytes[5]) = (first, fifth);
            modified(&Digest::from_bytes(bytes))
        };
        assert_ne!(time(1, 1), time(2, 1), "nanoseconds");
        assert_ne!(time(1, 1), time(1, 2), "seconds");
        assert_eq!(time(1, 1), time(1, 1));
        assert_eq!(time(1, 1) % NANOS_PER_SECOND, 0x0707_0701);
    }
}
