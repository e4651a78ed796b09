//! Named pipes: `npipe:////./pipe/docker_engine`.

use std::{io, time::Duration};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient};
use windows_sys::Win32::Foundation::ERROR_PIPE_BUSY;

/// How the address of such an engine begins.
pub(super) const SCHEME: &str = "npipe://";

/// How long to wait until the engine has made its pipe's next instance, and how often.
const BUSY: (Duration, u32) = (Duration::from_millis(50), 100);

pub(super) async fn connect(path: &str) -> io::Result<NamedPipeClient> {
    let name = path.replace('/', "\\");
    let mut tries = 0;
    loop {
        match ClientOptions::new().open(&name) {
            Err(why) if why.raw_os_error() == Some(ERROR_PIPE_BUSY.cast_signed()) && tries < BUSY.1 => {
                tries += 1;
                tokio::time::sleep(BUSY.0).await;
            }
            opened => return opened,
        }
    }
}
