//! Unix sockets.

use std::io;
use tokio::net::UnixStream;

/// How the address of such an engine begins.
pub(super) const SCHEME: &str = "unix://";

pub(super) async fn connect(path: &str) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}
