//! The key under which everything secret is sealed: a file of the scheduler's data folder that is no part of the store.

use crate::parts::Random;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Bytes of the key.
pub(super) const BYTES: usize = 32;

/// The key.
pub struct SecretKey(Zeroizing<[u8; BYTES]>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others could read it.
    #[error("{path} is readable by others (mode {mode:04o}), and opens every stored secret; run: chmod 600 {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not a key.
    #[error("{0} is not a key of {BYTES} bytes; put the right one back: what was sealed under it opens with no other")]
    NotAKey(PathBuf),
    /// The file failed.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: io::Error,
    },
}

impl SecretKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// The key in this file, which is made, of mode 0600, if it is not there.
    pub fn load_or_make(path: &Path, random: &dyn Random) -> Result<Self, KeyError> {
        let failed = |why| KeyError::File { path: path.to_owned(), why };
        match File::open(path) {
            Ok(file) => read(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::new(random.draw());
                make(path, &key).map_err(failed)?;
                Ok(key)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

fn read(file: File, path: &Path) -> Result<SecretKey, KeyError> {
    let failed = |why| KeyError::File { path: path.to_owned(), why };
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES + 1));
    file.take(BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let key = <[u8; BYTES]>::try_from(bytes.as_slice()).map_err(|_| KeyError::NotAKey(path.to_owned()))?;
    Ok(SecretKey::new(key))
}

/// Under its name stands a whole key or none, whenever the machine stops.
fn make(path: &Path, key: &SecretKey) -> io::Result<()> {
    let half_done = path.with_extension("new");
    if let Err(error) = fs::remove_file(&half_done)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half_done)?;
    file.write_all(key.bytes())?;
    file.sync_all()?;
    fs::rename(&half_done, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::SystemRandom;
    use std::os::unix::fs::PermissionsExt;

    fn load(path: &Path) -> Result<SecretKey, KeyError> {
        SecretKey::load_or_make(path, &SystemRandom::open().unwrap())
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let made = load(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(load(&path).unwrap().bytes(), made.bytes());
        let other = load(&folder.path().join("other.key")).unwrap();
        assert_ne!(other.bytes(), made.bytes());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing half done is left");
    }

    #[test]
    fn a_key_that_others_could_read_or_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let table: [(&[u8], u32, &str); 4] = [
            (&[1; 32], 0o644, "is readable by others (mode 0644), and opens every stored secret; run: chmod 600 "),
            (&[1; 32], 0o660, "is readable by others (mode 0660), and opens every stored secret; run: chmod 600 "),
            (&[1; 31], 0o600, "is not a key of 32 bytes"),
            (&[1; 33], 0o600, "is not a key of 32 bytes"),
        ];
        for (bytes, mode, expected) in table {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load(&path).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{} bytes of mode {mode:o}: {error}", bytes.len());
        }
    }
}
