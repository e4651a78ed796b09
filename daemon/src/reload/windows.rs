//! Nobody asks for it here.

use std::io;

/// Requests to read the configuration again: none, on Windows, where a program is started again for it.
#[derive(Debug)]
pub struct Reloads;

impl Reloads {
    /// Takes note of them from now on.
    pub fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        std::future::pending().await
    }
}
