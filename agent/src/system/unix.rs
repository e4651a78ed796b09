//! Signals, sockets, uname(2).

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where an engine listens that nobody has put elsewhere.
pub(crate) const ENGINE: &str = "unix:///var/run/docker.sock";
/// Whether a farm may be reached at a Unix socket.
pub(crate) const HAS_SOCKETS: bool = true;

/// Requests to stop: SIGTERM and SIGINT.
pub(crate) struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    /// Takes note of them from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The name that the machine has for itself.
pub(crate) fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
