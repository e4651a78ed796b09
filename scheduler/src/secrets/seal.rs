//! Sealing: a record becomes bytes that only the farm's key opens, and only in the place for which they were made.

use super::key::{BYTES, SecretKey};
use crate::parts::Random;
use acre_model::digest::Digest;
use bytes::Bytes;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The form that this program writes, and the newest that it reads: this byte, a nonce, the sealed record as JSON.
const FORM: u8 = 1;
/// Bytes of a nonce: so many that random ones do not meet.
const NONCE: usize = 24;

/// Seals and opens records.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    fingerprints: Zeroizing<[u8; 32]>,
    random: Arc<dyn Random>,
}

/// Sealed bytes that do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// Written by a newer program.
    #[error("it is sealed in form {0}; this program reads form {FORM}")]
    Newer(u8),
    /// Damaged, of another place, or of another key; which of them cannot be told.
    #[error("it does not open under this scheduler's secret.key: it is damaged, or the key was replaced")]
    Closed,
}

impl Sealer {
    /// A sealer with this key.
    pub fn new(key: &SecretKey, random: Arc<dyn Random>) -> Self {
        let cipher = XChaCha20Poly1305::new(&(*key.bytes()).into());
        let fingerprints = Sha256::new().chain_update(b"acre fingerprints").chain_update(key.bytes()).finalize();
        Self { cipher, fingerprints: Zeroizing::new(fingerprints.into()), random }
    }

    /// A record as it is stored under `key`.
    pub fn seal<T: Serialize>(&self, key: &str, record: &T) -> Bytes {
        // As `store::encode`: plain structs with text keys.
        let plain = Zeroizing::new(serde_json::to_vec(record).expect("a record is serializable"));
        let drawn: [u8; BYTES] = self.random.draw();
        let nonce: [u8; NONCE] = std::array::from_fn(|index| drawn[index]);
        let payload = Payload { msg: &plain, aad: key.as_bytes() };
        // It fails for more than 256 GiB only.
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a record is small");
        [&[FORM][..], &nonce, &sealed].concat().into()
    }

    /// The record that is stored under `key`.
    pub fn open<T: DeserializeOwned>(&self, key: &str, sealed: &[u8]) -> Result<T, Unsealable> {
        let (form, rest) = sealed.split_first().ok_or(Unsealable::Closed)?;
        if *form != FORM {
            return Err(if *form > FORM { Unsealable::Newer(*form) } else { Unsealable::Closed });
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Unsealable::Closed)?;
        let payload = Payload { msg: sealed, aad: key.as_bytes() };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unsealable::Closed)?;
        serde_json::from_slice(&Zeroizing::new(plain)).map_err(|_| Unsealable::Closed)
    }

    /// A digest that tells nothing of its content to anybody without the key: for comparing with what comes later.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> Digest {
        let mut hash = Sha256::new().chain_update(self.fingerprints.as_slice());
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Digest::from_bytes(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::SystemRandom;

    fn sealer(key: u8) -> Sealer {
        Sealer::new(&SecretKey::new([key; BYTES]), Arc::new(SystemRandom::open().unwrap()))
    }

    #[test]
    fn a_sealed_record_opens_in_its_place_and_nowhere_else() {
        let record = vec!["s3cret-value".to_owned()];
        let sealed = sealer(1).seal("secrets/a/x", &record);
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
        assert_ne!(sealer(1).seal("secrets/a/x", &record), sealed, "a nonce is used once");
        let open = |key: u8, place: &str, bytes: &[u8]| sealer(key).open::<Vec<String>>(place, bytes);
        assert_eq!(open(1, "secrets/a/x", &sealed), Ok(record));
        assert_eq!(open(1, "secrets/b/x", &sealed), Err(Unsealable::Closed));
        assert_eq!(open(2, "secrets/a/x", &sealed), Err(Unsealable::Closed));
    }

    #[test]
    fn damaged_bytes_do_not_open() {
        let sealer = sealer(1);
        let sealed = sealer.seal("k", &7u32);
        for length in 0..sealed.len() {
            assert_eq!(sealer.open::<u32>("k", &sealed[..length]), Err(Unsealable::Closed), "cut to {length}");
        }
        for at in 1..sealed.len() {
            let mut bytes = sealed.to_vec();
            bytes[at] ^= 1;
            assert_eq!(sealer.open::<u32>("k", &bytes), Err(Unsealable::Closed), "changed at {at}");
        }
        assert_eq!(sealer.open::<String>("k", &sealed), Err(Unsealable::Closed), "another record");
        assert_eq!(sealer.open::<u32>("k", &[9]), Err(Unsealable::Newer(9)));
    }

    #[test]
    fn fingerprints_tell_bodies_apart() {
        let of = |parts: &[&[u8]]| sealer(1).fingerprint(parts);
        assert_eq!(of(&[b"a", b"b"]), of(&[b"a", b"b"]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"ab", b""]));
        assert_ne!(of(&[b"a"]), sealer(2).fingerprint(&[b"a"]));
    }
}
