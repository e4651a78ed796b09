//! The farm's own certificate authority: made once, by `acre-scheduler init`; signs the server's certificate and those
//! of agents and people.

use crate::parts::Clock;
use acre_model::{
    joining::{Identity, Token},
    time::Timestamp,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKey,
    PublicKeyData as _, SanType,
};
use rustls::{crypto::ring, sign::CertifiedKey};
use rustls_pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

const DAY_MS: u64 = 86_400_000;
/// How long the CA is good. A farm that is older gets a new one, and everybody joins anew.
const CA_MS: u64 = 10 * 365 * DAY_MS;
/// How long the server's certificate is good; it is renewed at half of it.
pub const SERVER_MS: u64 = 7 * DAY_MS;
/// How long an agent's certificate is good.
const AGENT_MS: u64 = DAY_MS;
/// How long a person's is: people are away for longer than machines.
const PERSON_MS: u64 = 30 * DAY_MS;
/// How much the clocks of a farm's machines may differ.
const SKEW_MS: u64 = 5 * 60_000;
/// Largest file of the CA that is read, in bytes.
const LARGEST: u64 = 64 * 1024;
/// Largest request for a certificate, in bytes.
pub const LARGEST_REQUEST: usize = 16 * 1024;

/// The farm's certificate authority: the one of its folder, which may be read again.
pub struct Authority(RwLock<Arc<Ca>>);

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// Why there is no CA, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// It is not there.
    #[error("this farm has no CA in {0}; make one with `acre-scheduler init`, or listen on unix:PATH only")]
    Missing(PathBuf),
    /// Half of it is there.
    #[error("{0} is missing, although the rest of the farm's CA is there; put it back from a copy of the folder")]
    Half(PathBuf),
    /// It is there already.
    #[error("{0} is there already; whoever has joined the farm trusts it, so it is not replaced")]
    Exists(PathBuf),
    /// Others could read the key.
    #[error("{path} is readable by others (mode {mode:04o}), and whoever has it can join; run: chmod 600 {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is damaged.
    #[error("{path}: {why}; put the right file back: what was signed by another CA is not trusted")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file failed.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A name that no certificate can be for.
    #[error("`{0}` is neither a host name nor an IP address")]
    Name(String),
    /// What somebody sent is no request for a certificate.
    #[error("the request for a certificate is not one: {0}")]
    Request(String),
    /// Signing failed.
    #[error("no certificate could be made: {0}")]
    Signing(String),
}

/// A request for a certificate whose signature holds. What it says of its subject is not looked at.
pub struct SigningRequest(PublicKey);

impl SigningRequest {
    /// PKCS #10 (RFC 2986) in DER.
    pub fn from_der(der: Vec<u8>) -> Result<Self, CaError> {
        if der.len() > LARGEST_REQUEST {
            return Err(CaError::Request(format!("it is longer than {} KiB", LARGEST_REQUEST >> 10)));
        }
        let der = CertificateSigningRequestDer::from(der);
        let request =
            CertificateSigningRequestParams::from_der(&der).map_err(|why| CaError::Request(why.to_string()))?;
        Ok(Self(request.public_key))
    }
}

/// A certificate with what proves it.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The certificate first, the CA last; in DER.
    pub chain: Vec<CertificateDer<'static>>,
    /// How long it is good from now on, in milliseconds.
    pub lifetime_ms: u64,
}

impl Authority {
    /// Makes a CA in this folder, which is made if it is missing. One that is there stays.
    pub fn init(folder: &Path, clock: &dyn Clock) -> Result<Self, CaError> {
        let (certificate_file, key_file) = (certificate_file(folder), key_file(folder));
        for path in [&certificate_file, &key_file] {
            if fs::symlink_metadata(path).is_ok() {
                return Err(CaError::Exists(path.clone()));
            }
        }
        let failed = |why| CaError::File { path: folder.to_owned(), why };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(signing)?;
        let certificate = ca_params(clock.now().wall)?.self_signed(&key).map_err(signing)?;
        // The key first: a key without a certificate is of no use to anybody.
        write(&key_file, &Zeroizing::new(key.serialize_pem()))?;
        write(&certificate_file, &certificate.pem())?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ca::of(key, certificate.der().clone()).map(Self::of)
    }

    /// The CA in this folder.
    pub fn load(folder: &Path) -> Result<Self, CaError> {
        read_ca(folder).map(Self::of)
    }

    /// From now on it is the one that is in this folder now. Who has joined under another one has to join again.
    pub fn reload(&self, folder: &Path) -> Result<(), CaError> {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read_ca(folder)?);
        Ok(())
    }

    fn of(ca: Ca) -> Self {
        Self(RwLock::new(Arc::new(ca)))
    }

    fn ca(&self) -> Arc<Ca> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The CA's certificate, in DER.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.ca().certificate.clone()
    }

    /// SHA-256 of its certificate, as tokens hold it.
    pub fn hash(&self) -> [u8; Token::HASH] {
        Sha256::digest(self.certificate()).into()
    }

    /// A certificate for an agent or a person, by which it may ask the farm and nothing else.
    pub fn sign(&self, request: &SigningRequest, identity: &Identity, now: Timestamp) -> Result<Signed, CaError> {
        let lifetime_ms = match identity {
            Identity::Agent { .. } => AGENT_MS,
            Identity::Person { .. } => PERSON_MS,
        };
        let mut params = params(now, lifetime_ms)?;
        let uri = identity.to_string().try_into().map_err(signing)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let ca = self.ca();
        let certificate = params.signed_by(&request.0, &ca.issuer).map_err(signing)?;
        Ok(Signed { chain: vec![certificate.der().clone(), ca.certificate.clone()], lifetime_ms })
    }

    /// A key and certificate for the server that is known by these names and addresses.
    pub fn server(&self, names: &[String], now: Timestamp) -> Result<CertifiedKey, CaError> {
        let mut params = params(now, SERVER_MS)?;
        params.subject_alt_names = names.iter().map(|name| subject(name)).collect::<Result<_, _>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(signing)?;
        let ca = self.ca();
        let certificate = params.signed_by(&key, &ca.issuer).map_err(signing)?;
        // The CA goes along, so that who joins can find it by its hash.
        let chain = vec![certificate.der().clone(), ca.certificate.clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(signing)
    }
}

impl Ca {
    fn of(key: KeyPair, certificate: CertificateDer<'static>) -> Result<Self, CaError> {
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(signing)?;
        Ok(Self { issuer, certificate })
    }
}

fn read_ca(folder: &Path) -> Result<Ca, CaError> {
    let (certificate_file, key_file) = (certificate_file(folder), key_file(folder));
    match (certificate_file.exists(), key_file.exists()) {
        (true, true) => {}
        (false, false) => return Err(CaError::Missing(folder.to_owned())),
        (true, false) => return Err(CaError::Half(key_file)),
        (false, true) => return Err(CaError::Half(certificate_file)),
    }
    let damaged = |path: &Path, why: String| CaError::Damaged { path: path.to_owned(), why };
    let pem = read(&certificate_file)?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
    let certificate = certificate.map_err(|why| damaged(&certificate_file, why.to_string()))?;
    let pem = read(&key_file)?;
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_ECDSA_P256_SHA256);
    let key = key.map_err(|_| damaged(&key_file, "it is not a private key for ECDSA on P-256".to_owned()))?;
    if !is_for(&certificate, &key) {
        return Err(damaged(&certificate_file, format!("it is not for the key in {}", key_file.display())));
    }
    Ca::of(key, certificate).map_err(|why| damaged(&certificate_file, why.to_string()))
}

/// Whether a certificate is for a key.
fn is_for(certificate: &CertificateDer<'_>, key: &KeyPair) -> bool {
    let parsed = x509_parser::parse_x509_certificate(certificate);
    parsed.is_ok_and(|(_, certificate)| certificate.public_key().raw == key.subject_public_key_info())
}

fn certificate_file(folder: &Path) -> PathBuf {
    folder.join("ca.crt")
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("ca.key")
}

fn signing(why: impl ToString) -> CaError {
    CaError::Signing(why.to_string())
}

fn subject(name: &str) -> Result<SanType, CaError> {
    match rustls_pki_types::ServerName::try_from(name) {
        Ok(rustls_pki_types::ServerName::IpAddress(address)) => Ok(SanType::IpAddress(std::net::IpAddr::from(address))),
        Ok(_) => Ok(SanType::DnsName(name.to_owned().try_into().map_err(|_| CaError::Name(name.to_owned()))?)),
        Err(_) => Err(CaError::Name(name.to_owned())),
    }
}

/// Good from a little before now, since clocks differ, for so long.
fn params(now: Timestamp, lifetime_ms: u64) -> Result<CertificateParams, CaError> {
    let second = |millis: u64| OffsetDateTime::from_unix_timestamp((millis / 1000) as i64).map_err(signing);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = second(now.as_millis().saturating_sub(SKEW_MS))?;
    params.not_after = second(now.as_millis().saturating_add(lifetime_ms))?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn ca_params(now: Timestamp) -> Result<CertificateParams, CaError> {
    let mut params = params(now, CA_MS)?;
    params.distinguished_name.push(DnType::CommonName, "acre farm CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn write(path: &Path, text: &str) -> Result<(), CaError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|why| match why.kind() {
        io::ErrorKind::AlreadyExists => CaError::Exists(path.to_owned()),
        _ => CaError::File { path: path.to_owned(), why },
    })
}

fn read(path: &Path) -> Result<Zeroizing<String>, CaError> {
    let failed = |why: io::Error| CaError::File { path: path.to_owned(), why };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(CaError::Open { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::SystemClock;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_ca_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("ca");
        let missing = Authority::load(&place).err().unwrap().to_string();
        assert!(missing.contains("acre-scheduler init"), "{missing}");
        let made = Authority::init(&place, &SystemClock::start()).unwrap();
        for path in [certificate_file(&place), key_file(&place)] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o600);
        }
        assert_eq!(Authority::load(&place).unwrap().hash(), made.hash());
        let again = Authority::init(&place, &SystemClock::start()).err().unwrap().to_string();
        assert!(again.contains("is there already"), "{again}");
        fs::remove_file(certificate_file(&place)).unwrap();
        assert!(matches!(Authority::init(&place, &SystemClock::start()), Err(CaError::Exists(_))), "its key is there");
    }

    #[test]
    fn a_ca_that_is_damaged_or_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Authority::init(folder.path(), &SystemClock::start()).unwrap();
        let (certificate, key) = (certificate_file(folder.path()), key_file(folder.path()));
        let load = || Authority::load(folder.path()).err().map(|why| why.to_string()).unwrap_or_default();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load().contains("chmod 600"), "{}", load());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let other = tempfile::tempdir().unwrap();
        Authority::init(other.path(), &SystemClock::start()).unwrap();
        let own = fs::read(&key).unwrap();
        fs::copy(key_file(other.path()), &key).unwrap();
        assert!(load().contains("it is not for the key in"), "{}", load());
        fs::remove_file(&key).unwrap();
        assert!(load().contains("ca.key is missing"), "{}", load());
        fs::write(&key, own).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(load(), "");
        fs::write(&key, "x").unwrap();
        assert!(load().contains("it is not a private key"), "{}", load());
        fs::write(&certificate, "x").unwrap();
        assert!(load().contains("put the right file back"), "{}", load());
    }

    #[test]
    fn servers_are_named_by_names_and_addresses() {
        for name in ["farm.example", "localhost", "10.0.0.1", "::1"] {
            assert!(subject(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "https://farm", "farm:7443", "*"] {
            assert!(subject(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for der in [vec![], vec![0x30; 40], vec![0; LARGEST_REQUEST + 1]] {
            assert!(matches!(SigningRequest::from_der(der.clone()), Err(CaError::Request(_))), "{} bytes", der.len());
        }
    }
}
