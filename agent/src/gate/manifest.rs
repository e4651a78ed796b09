//! Manifests as they came through the gate.

use acre_model::digest::Digest;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// The manifest of an image, and what it is called by type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its media type.
    pub media_type: String,
    /// Its bytes, which its digest is of.
    pub content: Bytes,
}

impl Manifest {
    /// Its digest.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(Sha256::digest(&self.content).into())
    }

    /// As a file: the type in a line, then the content.
    pub fn to_file(&self) -> Vec<u8> {
        [self.media_type.as_bytes(), b"\n", &self.content].concat()
    }

    /// From a file. `None` unless it has this digest: it may not have been written to its end.
    pub fn from_file(bytes: &[u8], digest: Digest) -> Option<Self> {
        let at = bytes.iter().position(|byte| *byte == b'\n')?;
        let media_type = std::str::from_utf8(&bytes[..at]).ok()?.to_owned();
        let manifest = Self { media_type, content: Bytes::copy_from_slice(&bytes[at + 1..]) };
        (manifest.digest() == digest).then_some(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_none() {
        let manifest = Manifest { media_type: "a/b+json".to_owned(), content: "{\n}".into() };
        let (file, digest) = (manifest.to_file(), manifest.digest());
        assert_eq!(Manifest::from_file(&file, digest), Some(manifest));
        for torn in [&file[..file.len() - 1], &file[..4], b""] {
            assert_eq!(Manifest::from_file(torn, digest), None);
        }
        assert_eq!(Manifest::from_file(&file, Digest::from_bytes([7; 32])), None);
    }
}
