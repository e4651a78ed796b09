//! SIGHUP.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Requests to read the configuration again: SIGHUP.
#[derive(Debug)]
pub struct Reloads(Signal);

impl Reloads {
    /// Takes note of them from now on.
    pub fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
