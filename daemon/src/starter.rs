//! Who started a daemon.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

/// Who started this program and waits to hear, in one line, that it is ready or why it is not.
#[derive(Clone, Debug)]
pub struct Starter(Arc<Mutex<Option<system::Line>>>);

impl Starter {
    /// Who waits at this descriptor, which is the starter's to give and nobody else's; `None`: nobody waits.
    pub fn new(ready_fd: Option<i32>) -> Self {
        Self(Arc::new(Mutex::new(ready_fd.and_then(system::line))))
    }

    /// Says that the program is ready, by the line `ready`; to a service manager in its own way.
    pub fn ready(&self) {
        self.tell("ready");
        #[cfg(target_os = "linux")]
        crate::service::ready();
    }

    /// Says one line, once. A starter that has gone does not matter.
    pub fn tell(&self, line: &str) {
        let pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut pipe) = pipe {
            drop(writeln!(pipe, "{line}"));
        }
    }
}
