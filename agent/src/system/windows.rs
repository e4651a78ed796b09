//! Control events (`SetConsoleCtrlHandler`), named pipes, the computer's name.

use std::{env, io};
use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

/// Where an engine listens that nobody has put elsewhere.
pub(crate) const ENGINE: &str = "npipe:////./pipe/docker_engine";
/// Whether a farm may be reached at a Unix socket.
pub(crate) const HAS_SOCKETS: bool = false;

/// Requests to stop: Ctrl-C, Ctrl-Break, the end of the console, the end of the system.
pub(crate) struct Stops {
    ctrl_c: CtrlC,
    ctrl_break: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl Stops {
    /// Takes note of them from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { ctrl_c: ctrl_c()?, ctrl_break: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

/// The name that the machine has for itself, in small letters, since Windows makes no difference.
pub(crate) fn machine_name() -> String {
    env::var("COMPUTERNAME").unwrap_or_default().to_lowercase()
}
