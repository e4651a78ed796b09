//! Records as bytes: JSON in an envelope that carries a version, so that a newer farm reads what an older one wrote.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version that this program writes, and the newest that it reads.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u32,
    r: T,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

/// Bytes that are not a record.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// Written by a newer program.
    #[error("it has version {0}; this program reads up to {VERSION}")]
    Newer(u32),
    /// Damaged.
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

/// The bytes of a record.
pub fn encode<T: Serialize>(record: &T) -> Bytes {
    // The records of this crate are plain structs with text keys: serializing them cannot fail.
    let bytes = serde_json::to_vec(&Envelope { v: VERSION, r: record });
    Bytes::from(bytes.expect("a record is serializable"))
}

/// The record in these bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Undecodable> {
    let version = serde_json::from_slice::<VersionOnly>(bytes)?.v;
    if version > VERSION {
        return Err(Undecodable::Newer(version));
    }
    Ok(serde_json::from_slice::<Envelope<T>>(bytes)?.r)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_and_newer_records_are_told_apart() {
        assert_eq!(decode::<Vec<u8>>(&encode(&vec![1u8, 2])).unwrap(), [1, 2]);
        assert!(matches!(decode::<Vec<u8>>(br#"{"v":2,"r":[1]}"#), Err(Undecodable::Newer(2))));
        for bytes in [&b""[..], b"\xff\x00", br#"{"v":1,"r":"#, br#"{"v":1,"r":"x"}"#, b"[]"] {
            assert!(matches!(decode::<Vec<u8>>(bytes), Err(Undecodable::Damaged(_))), "{bytes:?}");
        }
    }
}
