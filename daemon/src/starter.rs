//! Who started a daemon.

use std::{
    fs::File,
    io::Write,
    os::fd::FromRawFd,
    sync::{Arc, Mutex, PoisonError},
};

/// Who started this program and waits to hear, in one line, that it is ready or why it is not.
#[derive(Clone, Debug)]
pub struct Starter(Arc<Mutex<Option<File>>>);

impl Starter {
    /// Who waits at this descriptor, which is the starter's to give and nobody else's; `None`: nobody waits.
    #[allow(unsafe_code, reason = "the starter hands over a descriptor by number, and nobody else uses it")]
    pub fn new(ready_fd: Option<i32>) -> Self {
        Self(Arc::new(Mutex::new(ready_fd.map(|fd| unsafe { File::from_raw_fd(fd) }))))
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
