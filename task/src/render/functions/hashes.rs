//! Checksums of text, in hexadecimal digits.

use super::{Row, arg, string};
use data_encoding::HEXLOWER;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

pub(super) const TABLE: &[Row] = &[
    ("sha1sum", 1..=1, |a| string(HEXLOWER.encode(&Sha1::digest(arg(a, 0).as_bytes())))),
    ("sha256sum", 1..=1, |a| string(HEXLOWER.encode(&Sha256::digest(arg(a, 0).as_bytes())))),
    ("sha512sum", 1..=1, |a| string(HEXLOWER.encode(&Sha512::digest(arg(a, 0).as_bytes())))),
    ("adler32sum", 1..=1, |a| string(adler32(arg(a, 0).as_bytes()).to_string())),
];

/// RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % BASE;
        (low, (high + low) % BASE)
    });
    high << 16 | low
}
