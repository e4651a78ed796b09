//! The file format of a spool: frames one after another, each a header of 13 bytes and its data. The header is the
//! length (u32), the time in milliseconds (u64) and the stream (u8), little-endian.

use acre_model::{
    log::{Frame, Stream},
    time::Timestamp,
};
use std::io::{self, Read, Write};

/// Bytes of a header.
pub(super) const HEADER: u64 = 13;

/// Writes a frame.
pub(super) fn write(file: &mut impl Write, at: Timestamp, stream: Stream, data: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(HEADER as usize + data.len());
    bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&at.as_millis().to_le_bytes());
    bytes.push(match stream {
        Stream::Stdout => 1,
        Stream::Stderr => 2,
        Stream::Notice => 3,
    });
    bytes.extend_from_slice(data);
    file.write_all(&bytes)
}

/// Reads the next frame, which begins at this offset of the log; `None` at the end, and where a crash cut one short.
pub(super) fn read(file: &mut impl Read, offset: u64) -> io::Result<Option<Frame>> {
    let mut header = [0; HEADER as usize];
    if !fill(file, &mut header)? {
        return Ok(None);
    }
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let millis = u64::from_le_bytes(header[4..12].try_into().unwrap_or_default());
    let stream = match header[12] {
        1 => Stream::Stdout,
        2 => Stream::Stderr,
        3 => Stream::Notice,
        _ => return Ok(None),
    };
    if length == 0 || length > Frame::LIMIT {
        return Ok(None);
    }
    let mut data = vec![0; length];
    if !fill(file, &mut data)? {
        return Ok(None);
    }
    Ok(Some(Frame { offset, at: Timestamp::from_millis(millis), stream, data }))
}

/// Fills the buffer; `false` where the file ends before.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
