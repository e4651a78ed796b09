//! A plain connection to an engine, by its address.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use crate::engine::EngineError;
use std::io;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// What a connection to an engine must be able to do.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// Connects to what listens at `tcp://HOST:PORT`, or in this system's own way.
pub(super) async fn connect(host: &str) -> Result<Box<dyn Socket>, EngineError> {
    let unreachable = |why: io::Error| EngineError::Unreachable { address: host.to_owned(), why: why.to_string() };
    if let Some(address) = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://")) {
        return Ok(Box::new(TcpStream::connect(address).await.map_err(unreachable)?));
    }
    match host.strip_prefix(system::SCHEME) {
        Some(path) => Ok(Box::new(system::connect(path).await.map_err(unreachable)?)),
        None => {
            Err(unreachable(io::Error::other(format!("BuildKit is spoken over {} and tcp:// only", system::SCHEME))))
        }
    }
}
