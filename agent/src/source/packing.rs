//! What an archive is packed with, told from its first bytes, and its content.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
};

/// The most memory that unpacking takes, in bytes: a dictionary of 128 MiB (`xz -9` has 64) and what is round it.
const MEMORY_KIB: u32 = 160 << 10;
const ZSTD_WINDOW_LOG: u32 = 27;

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    /// By the first bytes of a file.
    pub(super) fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// The content of a file, unpacked; more than `limit` bytes of it are an error.
pub(super) fn unpacked(file: File, limit: u64) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::with_capacity(64 << 10, file);
    let content: Box<dyn Read> = match Packing::of(file.fill_buf()?) {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(file, true, MEMORY_KIB)),
        Packing::Zstd => {
            let mut content = zstd::Decoder::with_buffer(file)?;
            content.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(content)
        }
    };
    Ok(Box::new(Limited { content, left: limit }))
}

/// Content that may not be longer than it should be.
struct Limited<R> {
    content: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("it unpacks to far more than it should; it was made to fill disks"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn nothing_unpacks_to_more_than_it_may() {
        let bomb = zstd::encode_all(io::repeat(0).take(1 << 20), 19).unwrap();
        let read = |limit| unpacked(file(&bomb), limit).and_then(|mut content| io::copy(&mut content, &mut io::sink()));
        assert_eq!(read(1 << 20).unwrap(), 1 << 20);
        assert!(read((1 << 20) - 1).unwrap_err().to_string().contains("made to fill disks"));
    }

    #[test]
    fn what_is_cut_or_damaged_is_told() {
        let packed = zstd::encode_all(&b"content"[..], 3).unwrap();
        for content in [&packed[..packed.len() - 2], b"\x1f\x8bnothing", b"BZh9nothing", b"\xfd7zXZ\0nothing"] {
            assert!(unpacked(file(content), 100).and_then(|mut read| read.read_to_end(&mut Vec::new())).is_err());
        }
    }
}
