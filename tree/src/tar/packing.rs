//! What an archive is packed with, told from its first bytes, and its content.

use std::io::{self, BufRead as _, BufReader, Read};

/// The most memory that unpacking takes: a dictionary of 128 MiB (`xz -9` has 64) and what is round it.
const XZ_MEMORY_KIB: u32 = 160 << 10;
const ZSTD_WINDOW_LOG: u32 = 27;

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    /// By the first bytes.
    const fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Whether a file that begins so is packed by gzip, bzip2, xz or zstd.
pub fn is_packed(begin: &[u8]) -> bool {
    Packing::of(begin) != Packing::Plain
}

/// The content of what may be packed by gzip, bzip2, xz or zstd. More than `limit` bytes of it are an error, whatever
/// they are made of.
///
/// # Errors
/// Where the first bytes cannot be read.
pub fn unpacked(from: impl Read + 'static, limit: u64) -> io::Result<Box<dyn Read>> {
    let mut from = BufReader::with_capacity(64 << 10, from);
    let content: Box<dyn Read> = match Packing::of(from.fill_buf()?) {
        Packing::Plain => Box::new(from),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(from)),
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(from, true, XZ_MEMORY_KIB)),
        Packing::Zstd => {
            let mut content = zstd::Decoder::with_buffer(from)?;
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
        let over = || io::Error::other("it unpacks to far more than it should; it was made to fill disks");
        self.left = self.left.checked_sub(count as u64).ok_or_else(over)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write as _};

    fn read(packed: Vec<u8>, limit: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        unpacked(Cursor::new(packed), limit)?.read_to_end(&mut content)?;
        Ok(content)
    }

    /// `content` as `xz --check=crc32` packs it.
    const XZ: &str = "fd377a585a0000016922de360200210116000000742fe5a3010006636f6e74656e740000a930c5fe00011b0712ebd4179042990d010000000001595a";

    #[test]
    fn every_packing_is_told_by_its_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(b"content").unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        bzip2.write_all(b"content").unwrap();
        let packed = [
            b"content".to_vec(),
            gzip.finish().unwrap(),
            bzip2.finish().unwrap(),
            zstd::encode_all(&b"content"[..], 3).unwrap(),
            (0..XZ.len()).step_by(2).map(|at| u8::from_str_radix(&XZ[at..at + 2], 16).unwrap()).collect(),
        ];
        for packed in packed {
            assert_eq!(read(packed.clone(), 7).unwrap(), b"content", "{packed:?}");
            let fault = read(packed.clone(), 6).unwrap_err().to_string();
            assert!(fault.contains("far more than it should"), "{packed:?}: {fault}");
        }
        assert_eq!(read(Vec::new(), 0).unwrap(), b"");
    }

    #[test]
    fn what_is_cut_or_damaged_is_told() {
        let cut = zstd::encode_all(&b"content"[..], 3).unwrap();
        for packed in [&cut[..cut.len() - 2], b"\x1f\x8bnothing", b"BZh9nothing", b"\xfd7zXZ\0nothing"] {
            assert!(read(packed.to_vec(), 100).is_err(), "{packed:?}");
        }
    }
}
