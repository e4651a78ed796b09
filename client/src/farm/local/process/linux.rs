//! /proc, and descriptors of processes (pidfd_open(2)).

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::retry_on_intr,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use serde::{Deserialize, Serialize};
use std::{fs, io, os::fd::OwnedFd, sync::Arc, time::Duration};

/// Whether acre starts a farm of its own on this system.
pub(in super::super) const HERE: bool = true;

/// A process: its number, and when it was started on which boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) struct Identity {
    pid: i32,
    /// Clock ticks from boot to start (proc_pid_stat(5), field 22).
    started_ticks: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    boot: String,
}

impl Identity {
    /// The identity of the process that has this number now.
    pub(in super::super) fn of(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).map_err(io::Error::other)?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, started_ticks) = state_and_start(&stat).ok_or_else(|| io::Error::other("/proc/PID/stat is odd"))?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        Ok(Self { pid, started_ticks, boot })
    }

    /// The number.
    pub(in super::super) const fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it is this very process that has the number now, and it has not ended.
    pub(in super::super) fn is_alive(&self) -> bool {
        let ended = |stat: &str| state_and_start(stat).is_none_or(|(state, _)| matches!(state, 'Z' | 'X'));
        let same = u32::try_from(self.pid).is_ok_and(|pid| Self::of(pid).is_ok_and(|now| now == *self));
        same && fs::read_to_string(format!("/proc/{}/stat", self.pid)).is_ok_and(|stat| !ended(&stat))
    }

    /// A handle to the process, if it is still there.
    pub(in super::super) fn open(&self) -> Option<Process> {
        let fd = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        // Only now is the number held: what it means is looked at after it was opened.
        self.is_alive().then(|| Process(Arc::new(fd)))
    }
}

/// State and start of a process from the text of `/proc/PID/stat`. The name of the program, in brackets, may hold
/// anything, brackets and blanks too.
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    // Field 3 is the state, field 22 the start.
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// A process that can be signalled and waited for without a race (pidfd_open(2)).
#[derive(Debug)]
pub(in super::super) struct Process(Arc<OwnedFd>);

impl Process {
    /// Asks it to end.
    pub(in super::super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it.
    pub(in super::super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Whether it has ended within `limit`.
    pub(in super::super) async fn ended_within(&self, limit: Duration) -> bool {
        let fd = Arc::clone(&self.0);
        let timeout = Timespec::try_from(limit).ok();
        let ended = move || {
            // A process's descriptor is readable once the process has ended.
            let mut fds = [PollFd::new(&fd, PollFlags::IN)];
            retry_on_intr(|| poll(&mut fds, timeout.as_ref())).is_ok_and(|ready| ready > 0)
        };
        tokio::task::spawn_blocking(ended).await.unwrap_or(false)
    }

    fn signal(&self, signal: Signal) {
        // It fails only where the process has ended, which is what is wanted.
        let _ = pidfd_send_signal(&self.0, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn state_and_start_are_found_behind_any_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        for name in ["sleep", "a b", ") S 1 (", "))"] {
            assert_eq!(state_and_start(&format!("42 ({name}) {rest}")), Some(('S', 777)), "{name}");
        }
        assert_eq!(state_and_start("42 (short) S 1 2"), None);
    }

    #[tokio::test]
    async fn a_process_is_known_until_it_ends_and_no_longer() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        let stranger = Identity { started_ticks: identity.started_ticks + 1, ..identity.clone() };
        assert!(!stranger.is_alive() && stranger.open().is_none(), "a recycled number is a stranger");
        let process = identity.open().unwrap();
        process.terminate();
        assert!(process.ended_within(Duration::from_secs(10)).await);
        assert!(!identity.is_alive(), "a zombie counts as ended");
        child.wait().unwrap();
    }
}
