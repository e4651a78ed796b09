//! Archives that are made while they are sent: what a thread writes comes out as a stream.

use bytes::Bytes;
use std::{
    io::{self, Write},
    mem,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Bytes of one piece of the stream.
const PIECE: usize = 128 << 10;

/// Pieces made ahead of the connection.
const AHEAD: usize = 8;

/// Writes into the stream, piece by piece.
pub(super) struct Pipe {
    out: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

/// What is written on a thread that may wait; if that fails, the stream ends with the error.
pub(super) fn written<W>(write: W) -> ReceiverStream<io::Result<Bytes>>
where
    W: FnOnce(Pipe) -> io::Result<()> + Send + 'static,
{
    let (out, pieces) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(Pipe { out: out.clone(), piece: Vec::new() }) {
            out.blocking_send(Err(error)).ok();
        }
    });
    ReceiverStream::new(pieces)
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = mem::take(&mut self.piece);
        let sent = piece.is_empty() || self.out.blocking_send(Ok(piece.into())).is_ok();
        if sent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }
}
