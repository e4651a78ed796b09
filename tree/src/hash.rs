//! SHA-256 as the model's [`Digest`].

use acre_model::digest::Digest;
use sha2::{Digest as _, Sha256};

/// A digest that is being computed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

/// The digest of `data`.
pub(crate) fn digest(data: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(data).into())
}
