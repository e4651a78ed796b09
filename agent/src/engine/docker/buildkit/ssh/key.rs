//! A private key, as OpenSSH or OpenSSL write it, and what it signs.
//!
//! Sources: OpenSSH's `PROTOCOL.key`; RFC 4253 §6.6, RFC 5656 §3.1, RFC 8332 and RFC 8709 for what keys and signatures
//! look like on the wire; RFC 5958 (PKCS#8), RFC 8017 (PKCS#1).

use super::wire::{Reader, Writer};
use num_bigint::BigUint;
use ring::{
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
    },
};

/// The largest text of a key, in bytes.
const LARGEST: usize = 64 << 10;

/// What begins a key in OpenSSH's own form.
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Flags of a request to sign with RSA (RFC 8332 §3.1 by way of the agent's protocol).
const RSA_SHA256: u32 = 2;
const RSA_SHA512: u32 = 4;

/// Why a text is no key that can be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadKey {
    #[error("it is not a private key: write the whole file, from `-----BEGIN … PRIVATE KEY-----` to its end")]
    NoKey,
    #[error("it is protected by a passphrase; give a key without (`ssh-keygen -p -N '' -f KEY`)")]
    Locked,
    #[error("it is damaged")]
    Damaged,
    #[error(
        "keys of this kind are not served: {0}; give one of type ed25519, ecdsa (256, 384) or rsa (2048 to 4096 bits)"
    )]
    Kind(String),
    #[error("an EC key in this old form is not read; `ssh-keygen -p -N '' -f KEY` writes it in OpenSSH's")]
    Sec1,
}

/// A private key.
pub(super) struct PrivateKey {
    /// The public key as it is on the wire.
    public: Vec<u8>,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
    Ecdsa(EcdsaKeyPair, &'static Curve),
}

struct Curve {
    /// In SSH (RFC 5656 §10.1).
    name: &'static str,
    algorithm: &'static EcdsaSigningAlgorithm,
    /// Bytes of a number below its order.
    size: usize,
}

static CURVES: [Curve; 2] = [
    Curve { name: "nistp256", algorithm: &ECDSA_P256_SHA256_FIXED_SIGNING, size: 32 },
    Curve { name: "nistp384", algorithm: &ECDSA_P384_SHA384_FIXED_SIGNING, size: 48 },
];

impl PrivateKey {
    /// The key of a text.
    pub(super) fn read(text: &str) -> Result<Self, BadKey> {
        let (label, body) = armored(text)?;
        match label {
            "OPENSSH PRIVATE KEY" => openssh(&body),
            "PRIVATE KEY" => pkcs8(&body),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&body).map_err(kind).map(Self::rsa),
            "EC PRIVATE KEY" => Err(BadKey::Sec1),
            "ENCRYPTED PRIVATE KEY" => Err(BadKey::Locked),
            other if other.ends_with("PRIVATE KEY") => Err(BadKey::Kind(acre_model::text::clip(other))),
            _ => Err(BadKey::NoKey),
        }
    }

    /// The public key as it is on the wire.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Signs; the signature as it is on the wire. `None` where the flags ask for what is not to be had.
    pub(super) fn sign(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Ed25519(pair) => Some(signature("ssh-ed25519", pair.sign(data).as_ref())),
            Pair::Rsa(pair) if flags & RSA_SHA512 != 0 => rsa_signature("rsa-sha2-512", &RSA_PKCS1_SHA512, pair, data),
            Pair::Rsa(pair) if flags & RSA_SHA256 != 0 => rsa_signature("rsa-sha2-256", &RSA_PKCS1_SHA256, pair, data),
            Pair::Rsa(_) => None,
            Pair::Ecdsa(pair, curve) => {
                let signed = pair.sign(&SystemRandom::new(), data).ok()?;
                let (r, s) = signed.as_ref().split_at_checked(curve.size)?;
                let numbers = Writer::default().mpint(r).mpint(s).0;
                Some(signature(&format!("ecdsa-sha2-{}", curve.name), &numbers))
            }
        }
    }

    fn ed25519(pair: Ed25519KeyPair) -> Self {
        let public = Writer::default().string(b"ssh-ed25519").string(pair.public_key().as_ref()).0;
        Self { public, pair: Pair::Ed25519(pair) }
    }

    fn rsa(pair: RsaKeyPair) -> Self {
        let rsa::PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
        let public = Writer::default().string(b"ssh-rsa").mpint(&e).mpint(&n).0;
        Self { public, pair: Pair::Rsa(Box::new(pair)) }
    }

    fn ecdsa(pair: EcdsaKeyPair, curve: &'static Curve) -> Self {
        let kind = format!("ecdsa-sha2-{}", curve.name);
        let public = Writer::default().string(kind.as_bytes()).string(curve.name.as_bytes());
        Self { public: public.string(pair.public_key().as_ref()).0, pair: Pair::Ecdsa(pair, curve) }
    }
}

fn signature(kind: &str, bytes: &[u8]) -> Vec<u8> {
    Writer::default().string(kind.as_bytes()).string(bytes).0
}

fn rsa_signature(kind: &str, how: &'static dyn RsaEncoding, pair: &RsaKeyPair, data: &[u8]) -> Option<Vec<u8>> {
    let mut signed = vec![0; pair.public().modulus_len()];
    pair.sign(how, &SystemRandom::new(), data, &mut signed).ok()?;
    Some(signature(kind, &signed))
}

fn kind(rejected: ring::error::KeyRejected) -> BadKey {
    BadKey::Kind(rejected.to_string())
}

/// The label and the content of the first block between `-----BEGIN label-----` and its end (RFC 7468).
fn armored(text: &str) -> Result<(&str, Vec<u8>), BadKey> {
    if text.len() > LARGEST {
        return Err(BadKey::NoKey);
    }
    let (_, rest) = text.split_once("-----BEGIN ").ok_or(BadKey::NoKey)?;
    let (label, rest) = rest.split_once("-----").ok_or(BadKey::NoKey)?;
    let (body, _) = rest.split_once("-----END ").ok_or(BadKey::NoKey)?;
    if body.contains("ENCRYPTED") {
        return Err(BadKey::Locked);
    }
    let digits: String = body.split_ascii_whitespace().collect();
    let body = data_encoding::BASE64.decode(digits.as_bytes()).map_err(|_| BadKey::Damaged)?;
    Ok((label, body))
}

/// A key of any kind, without one's being named from outside.
fn pkcs8(body: &[u8]) -> Result<PrivateKey, BadKey> {
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(body) {
        return Ok(PrivateKey::ed25519(pair));
    }
    for curve in &CURVES {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(curve.algorithm, body, &SystemRandom::new()) {
            return Ok(PrivateKey::ecdsa(pair, curve));
        }
    }
    RsaKeyPair::from_pkcs8(body).map_err(kind).map(PrivateKey::rsa)
}

fn openssh(body: &[u8]) -> Result<PrivateKey, BadKey> {
    let mut reader = Reader(body.strip_prefix(MAGIC).ok_or(BadKey::Damaged)?);
    let cipher = reader.string().ok_or(BadKey::Damaged)?;
    if cipher != b"none" {
        return Err(BadKey::Locked);
    }
    let private = openssh_private(reader).ok_or(BadKey::Damaged)?;
    let mut reader = Reader(private);
    let name = String::from_utf8_lossy(reader.string().ok_or(BadKey::Damaged)?).into_owned();
    match name.as_str() {
        "ssh-ed25519" => openssh_ed25519(reader),
        "ssh-rsa" => openssh_rsa(reader),
        _ => match CURVES.iter().find(|curve| name.strip_prefix("ecdsa-sha2-") == Some(curve.name)) {
            Some(curve) => openssh_ecdsa(curve, reader),
            None => Err(BadKey::Kind(acre_model::text::clip(&name))),
        },
    }
}

/// What is behind the key derivation's name, its options, the one public key, and two equal numbers that tell a right
/// passphrase from a wrong one.
fn openssh_private<'a>(mut reader: Reader<'a>) -> Option<&'a [u8]> {
    let (_derivation, _options) = (reader.string()?, reader.string()?);
    if reader.number()? != 1 {
        return None;
    }
    let _public = reader.string()?;
    let mut private = Reader(reader.string()?);
    (private.number()? == private.number()?).then_some(private.0)
}

fn openssh_ed25519(mut reader: Reader<'_>) -> Result<PrivateKey, BadKey> {
    let (public, both) = reader.string().zip(reader.string()).ok_or(BadKey::Damaged)?;
    let seed = both.get(..32).ok_or(BadKey::Damaged)?;
    Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| BadKey::Damaged).map(PrivateKey::ed25519)
}

fn openssh_ecdsa(curve: &'static Curve, mut reader: Reader<'_>) -> Result<PrivateKey, BadKey> {
    let _curve = reader.string().ok_or(BadKey::Damaged)?;
    let (public, number) = reader.string().zip(reader.mpint()).ok_or(BadKey::Damaged)?;
    let zeros = curve.size.checked_sub(number.len()).ok_or(BadKey::Damaged)?;
    let private = [&vec![0; zeros], number].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.algorithm, &private, public, &SystemRandom::new());
    pair.map_err(|_| BadKey::Damaged).map(|pair| PrivateKey::ecdsa(pair, curve))
}

fn openssh_rsa(mut reader: Reader<'_>) -> Result<PrivateKey, BadKey> {
    let mut number = || reader.mpint().ok_or(BadKey::Damaged);
    let [n, e, d, q_inv, p, q] = [number()?, number()?, number()?, number()?, number()?, number()?];
    // Of these OpenSSH's form leaves out what can be computed.
    let below = |prime: &[u8]| {
        let prime = BigUint::from_bytes_be(prime);
        let one = BigUint::from(1_u8);
        (prime > one).then(|| (BigUint::from_bytes_be(d) % (prime - one)).to_bytes_be()).ok_or(BadKey::Damaged)
    };
    let (d_p, d_q) = (below(p)?, below(q)?);
    let components = rsa::KeyPairComponents {
        public_key: rsa::PublicKeyComponents { n, e },
        d,
        p,
        q,
        dP: &d_p,
        dQ: &d_q,
        qInv: q_inv,
    };
    RsaKeyPair::from_components(&components).map_err(kind).map(PrivateKey::rsa)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
    };

    /// As `ssh-keygen` and `openssl` wrote them, for these tests.
    macro_rules! data {
        ($name:literal) => {
            include_str!(concat!("testdata/", $name))
        };
    }

    /// A key for other tests.
    pub(in super::super) const ED25519_KEY: &str = data!("ed25519");

    /// What stands in the second column of a `.pub` file.
    fn of_public_file(text: &str) -> Vec<u8> {
        data_encoding::BASE64.decode(text.split(' ').nth(1).unwrap().as_bytes()).unwrap()
    }

    fn is_right(key: &PrivateKey, flags: u32) -> bool {
        let signed = key.sign(b"data", flags).unwrap();
        let (mut public, mut signed) = (Reader(&key.public), Reader(&signed));
        let (_, kind) = (public.string().unwrap(), signed.string().unwrap());
        let (mut blob, kind) = (Reader(signed.string().unwrap()), std::str::from_utf8(kind).unwrap());
        let padded = |number: &[u8], size: usize| [&vec![0; size - number.len()], number].concat();
        let verified = match kind {
            "ssh-ed25519" => UnparsedPublicKey::new(&ED25519, public.string().unwrap()).verify(b"data", blob.0),
            "rsa-sha2-256" | "rsa-sha2-512" => {
                let (e, n) = (public.mpint().unwrap(), public.mpint().unwrap());
                let how =
                    if kind == "rsa-sha2-256" { &RSA_PKCS1_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA512 };
                RsaPublicKeyComponents { n, e }.verify(how, b"data", blob.0)
            }
            _ => {
                let is_256 = kind == "ecdsa-sha2-nistp256";
                let (how, size) = if is_256 { (&ECDSA_P256_SHA256_FIXED, 32) } else { (&ECDSA_P384_SHA384_FIXED, 48) };
                let _curve = public.string().unwrap();
                let both = [padded(blob.mpint().unwrap(), size), padded(blob.mpint().unwrap(), size)].concat();
                UnparsedPublicKey::new(how, public.string().unwrap()).verify(b"data", &both)
            }
        };
        verified.is_ok()
    }

    #[test]
    fn keys_of_every_form_are_read_and_sign() {
        let table = [
            (data!("ed25519"), data!("ed25519.pub"), 0),
            (data!("rsa"), data!("rsa.pub"), RSA_SHA256),
            (data!("rsa"), data!("rsa.pub"), RSA_SHA512),
            (data!("rsa-pkcs1"), data!("rsa.pub"), RSA_SHA512),
            (data!("rsa-pkcs8"), data!("rsa.pub"), RSA_SHA512),
            (data!("ecdsa256"), data!("ecdsa256.pub"), 0),
            (data!("ecdsa256-pkcs8"), data!("ecdsa256.pub"), 0),
            (data!("ecdsa384"), data!("ecdsa384.pub"), 0),
        ];
        for (text, public, flags) in table {
            let key = PrivateKey::read(text).unwrap_or_else(|why| panic!("{public}: {why}"));
            assert_eq!(key.public(), of_public_file(public), "{public}");
            assert!(is_right(&key, flags), "{public}");
        }
        assert!(is_right(&PrivateKey::read(data!("ed25519-pkcs8")).unwrap(), 0));
    }

    #[test]
    fn sha_1_is_not_signed_with() {
        assert_eq!(PrivateKey::read(data!("rsa")).unwrap().sign(b"data", 0), None);
    }

    #[test]
    fn what_is_no_key_is_told_by_what_it_is() {
        let cut = data!("ed25519").replace("b3BlbnNzaC1rZXktdjE", "b3BlbnNzaC1rZXktdjF");
        let short = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n";
        let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let table = [
            ("", "not a private key"),
            (data!("ed25519.pub"), "not a private key"),
            (&pem("CERTIFICATE"), "not a private key"),
            (data!("locked"), "passphrase"),
            (&pem("ENCRYPTED PRIVATE KEY"), "passphrase"),
            (data!("ecdsa256-sec1"), "ssh-keygen -p"),
            (data!("ecdsa521"), "not served: ecdsa-sha2-nistp521"),
            (&pem("DSA PRIVATE KEY"), "not served: DSA"),
            (&pem("RSA PRIVATE KEY"), "not served"),
            (&cut, "damaged"),
            (short, "damaged"),
        ];
        for (text, expected) in table {
            let why = PrivateKey::read(text).err().unwrap_or_else(|| panic!("{text} is a key")).to_string();
            assert!(why.contains(expected), "{expected}: {why}");
        }
    }
}
