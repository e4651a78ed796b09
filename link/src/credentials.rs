//! What a machine has of a farm: a key, the certificate for it, and the CA that it trusts; one file, for its owner alone.

use crate::{FarmAddress, keep};
use acre_model::{joining::Identity, secret::SecretValue, time::Timestamp};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 256 * 1024;
/// The form of the file.
const VERSION: u32 = 1;

/// What a machine has of a farm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Credentials {
    pub(crate) version: u32,
    /// Where the farm is.
    pub farm: FarmAddress,
    /// Who the certificate is for.
    pub identity: Identity,
    /// The private key: PKCS #8 in DER.
    #[serde(with = "base64_secret")]
    pub(crate) key: SecretValue,
    /// The certificate first, the farm's CA last; in DER.
    #[serde(with = "base64_chain")]
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// From when on it is renewed, by this machine's clock.
    pub renew_at: Timestamp,
    /// When it runs out, by this machine's clock.
    pub expires_at: Timestamp,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Others could read them.
    #[error("{path} is readable by others (mode {mode:04o}), and holds a private key; run: chmod 600 {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// They are none.
    #[error("{path} does not hold credentials ({why}); remove it, and join the farm with a new token")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file failed.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

impl Credentials {
    pub(crate) fn new(
        farm: FarmAddress,
        identity: Identity,
        key: SecretValue,
        chain: Vec<CertificateDer<'static>>,
        (now, lifetime_ms): (Timestamp, u64),
    ) -> Self {
        let (renew_at, expires_at) = (now.plus_millis(lifetime_ms / 2), now.plus_millis(lifetime_ms));
        Self { version: VERSION, farm, identity, key, chain, renew_at, expires_at }
    }

    /// Reads them; `None`: there is no such file.
    pub fn load(path: &Path) -> Result<Option<Self>, CredentialsError> {
        let failed = |why| CredentialsError::File { path: path.to_owned(), why };
        let damaged = |why: String| CredentialsError::Damaged { path: path.to_owned(), why };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(failed(why)),
        };
        if let Some(mode) = keep::open_to_others(&file).map_err(failed)? {
            return Err(CredentialsError::Open { path: path.to_owned(), mode });
        }
        let mut json = zeroize::Zeroizing::new(Vec::new());
        file.take(LARGEST + 1).read_to_end(&mut json).map_err(failed)?;
        if json.len() as u64 > LARGEST {
            return Err(damaged("it is larger than 256 KiB".to_owned()));
        }
        // The parser's own words would show what it stumbled over, which may be the key.
        let place = |why: serde_json::Error| damaged(format!("line {}, column {}", why.line(), why.column()));
        let credentials: Self = serde_json::from_slice(&json).map_err(place)?;
        if credentials.version != VERSION {
            return Err(damaged(format!("it has version {}, and this program knows {VERSION}", credentials.version)));
        }
        match credentials.chain.len() {
            0 | 1 => Err(damaged("it has no certificate of a CA".to_owned())),
            _ => Ok(Some(credentials)),
        }
    }

    /// Writes them for the owner alone. Under the name stand whole credentials, old or new, whenever the machine stops.
    pub fn store(&self, path: &Path) -> Result<(), CredentialsError> {
        self.write(path).map_err(|why| CredentialsError::File { path: path.to_owned(), why })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        keep::make_private_folder(folder)?;
        // Made with mode 0600 (tempfile's documentation, "Security").
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let json = zeroize::Zeroizing::new(serde_json::to_vec_pretty(self)?);
        file.write_all(&json)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        keep::sync_folder(folder)
    }
}

mod base64_secret {
    use super::SecretValue;
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &SecretValue, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&zeroize::Zeroizing::new(BASE64.encode(value.expose())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<SecretValue, D::Error> {
        let text = zeroize::Zeroizing::new(String::deserialize(input)?);
        BASE64.decode(text.as_bytes()).map(SecretValue::new).map_err(D::Error::custom)
    }
}

mod base64_chain {
    use data_encoding::BASE64;
    use rustls_pki_types::CertificateDer;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(chain: &[CertificateDer<'static>], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(chain.iter().map(|certificate| BASE64.encode(certificate)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<CertificateDer<'static>>, D::Error> {
        let texts = Vec::<String>::deserialize(input)?;
        let decode = |text: String| BASE64.decode(text.as_bytes()).map(CertificateDer::from).map_err(D::Error::custom);
        texts.into_iter().map(decode).collect()
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt},
    };

    fn credentials() -> Credentials {
        let farm = "https://farm.example:7443".parse().unwrap();
        let chain = vec![CertificateDer::from(vec![1; 9]), CertificateDer::from(vec![2; 9])];
        let identity = "agent:m1:default".parse().unwrap();
        let key = SecretValue::new(b"the key".to_vec());
        Credentials::new(farm, identity, key, chain, (Timestamp::from_millis(1000), 600))
    }

    #[test]
    fn they_are_kept_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("farms/ci.json");
        assert_eq!(Credentials::load(&path).unwrap(), None);
        credentials().store(&path).unwrap();
        credentials().store(&path).unwrap();
        assert_eq!(Credentials::load(&path).unwrap(), Some(credentials()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing half done is left");
        assert!(!format!("{:?}", credentials()).contains("the key"));
        assert_eq!(credentials().renew_at, Timestamp::from_millis(1300), "at half life");
    }

    #[test]
    fn what_is_none_or_open_to_others_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ci.json");
        let good = serde_json::to_string(&credentials()).unwrap();
        let newer = good.replace("\"version\":1", "\"version\":2");
        let lonely = good.replace("\"AgICAgICAgIC\"", "").replace(",]", "]");
        let table = [
            (good.as_str(), 0o640, "readable by others (mode 0640)"),
            (&newer, 0o600, "it has version 2"),
            (&lonely, 0o600, "no certificate of a CA"),
            ("", 0o600, "line 1, column 0"),
            ("{\"key\": \"secret!\"}", 0o600, "line 1, column "),
        ];
        for (text, mode, expected) in table {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Credentials::load(&path).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret!"), "{text}: {error}");
        }
    }
}
