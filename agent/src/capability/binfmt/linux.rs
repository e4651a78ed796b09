//! binfmt_misc, and inotify on it (Linux's
//! `Documentation/admin-guide/binfmt-misc.rst`).

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::{
    fs::File,
    future, io,
    os::fd::{AsFd as _, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};
use tokio::io::{Interest, unix::AsyncFd};

/// Where the table is mounted. Every write to a file of it is a change.
const TABLE: &str = "/proc/sys/fs/binfmt_misc";
/// The file in it that is there only if it is mounted.
const REGISTER: &str = "register";
/// What is mounted; a mount or unmount is an exceptional condition of it (proc(5)).
const MOUNTS: &str = "/proc/self/mountinfo";

/// Watches the table, and for it to be mounted as long as it is not.
pub(in super::super) struct Binfmt {
    place: PathBuf,
    table: Option<AsyncFd<OwnedFd>>,
    mounts: Option<AsyncFd<File>>,
}

impl Binfmt {
    /// Watches from now on.
    pub(in super::super) fn watch() -> Self {
        Self::at(TABLE.into())
    }

    fn at(place: PathBuf) -> Self {
        // Before the table, so that a mount in between is not missed.
        let mounts = File::open(MOUNTS).and_then(|file| registered(file, Interest::PRIORITY));
        let mounts = mounts.inspect_err(|why| tracing::info!(%why, "mounts cannot be watched")).ok();
        Self { table: watched(&place), place, mounts }
    }

    /// Resolves after the table was changed or mounted; never, on a machine where that cannot be seen.
    pub(in super::super) async fn changed(&mut self) {
        if let Some(table) = &self.table {
            if let Ok(mut written) = table.readable().await {
                drain(table.get_ref());
                written.clear_ready();
            }
            if !self.place.join(REGISTER).exists() {
                self.table = None;
            }
            return;
        }
        while let Some(mounts) = &self.mounts {
            let Ok(mut mounted) = mounts.ready(Interest::PRIORITY).await else { break };
            mounted.clear_ready();
            self.table = watched(&self.place);
            if self.table.is_some() {
                return;
            }
        }
        future::pending().await
    }
}

/// The table, watched, if it is mounted.
fn watched(place: &Path) -> Option<AsyncFd<OwnedFd>> {
    // To look for a file in it has an automount take place.
    if !place.join(REGISTER).exists() {
        return None;
    }
    let watch = || -> io::Result<AsyncFd<OwnedFd>> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        inotify::add_watch(&inotify, place, WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR)?;
        registered(inotify, Interest::READABLE)
    };
    watch().inspect_err(|why| tracing::info!(%why, "the table of emulators cannot be watched")).ok()
}

/// A descriptor that the runtime waits on.
#[allow(unsafe_code, reason = "a file or an owned descriptor stays open, and the same, for as long as it lives")]
fn registered<T: AsRawFd>(descriptor: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    unsafe { AsyncFd::register_with_interest(descriptor, interest) }.map_err(io::Error::from)
}

/// Takes all events: what they are does not matter.
fn drain(inotify: &OwnedFd) {
    let mut events = [0; 4096];
    while rustix::io::read(inotify.as_fd(), &mut events).is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

    use super::*;
    use futures::FutureExt as _;
    use std::{fs, time::Duration};

    #[tokio::test]
    async fn each_write_to_the_table_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let register = folder.path().join(REGISTER);
        fs::write(&register, "").unwrap();
        let mut binfmt = Binfmt::at(folder.path().to_owned());
        for line in [":qemu-x:M::x::/bin/x:F", ":qemu-y:M::y::/bin/y:F"] {
            assert_eq!(binfmt.changed().now_or_never(), None, "nothing was written");
            fs::write(&register, line).unwrap();
            fs::write(folder.path().join("status"), "0").unwrap();
            let changed = tokio::time::timeout(Duration::from_secs(10), binfmt.changed()).await;
            assert_eq!(changed, Ok(()), "{line} was written");
        }
    }

    #[tokio::test]
    async fn a_table_that_is_not_there_does_not_change() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other"), "").unwrap();
        assert_eq!(Binfmt::at(folder.path().to_owned()).changed().now_or_never(), None);
    }
}
