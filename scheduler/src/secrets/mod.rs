//! What runs and projects keep secret: stored sealed, resolved once for a run, opened when an attempt is sent to its agent.
//!
//! Invariant: no value leaves this module but to an agent that works for the run, or in a message to the one it is for, and
//! none is stored unsealed.

mod check;
mod key;
mod notification;
mod open;
mod project;
mod resolve;
mod run;
mod seal;
mod task;
mod vault;

pub use key::{KeyError, SecretKey};
pub use open::Unsent;
pub use project::{LoginView, SecretView};
pub use resolve::Unresolved;
pub use seal::{Sealer, Unsealable};
pub use task::TaskSecrets;
pub use vault::{Vault, VaultConfig, VaultSetup};

use crate::{
    parts::Random,
    store::{Store, StoreError},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, RunId},
    secret::{Confidential, Nonce},
};
use open::OpenRun;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// The secrets of all runs and projects.
pub struct Secrets {
    store: Arc<dyn Store>,
    sealer: Sealer,
    random: Arc<dyn Random>,
    vault: Option<Vault>,
    /// Those of runs that go on, as far as they were asked for.
    open: Mutex<BTreeMap<RunId, Arc<OpenRun>>>,
}

/// Why stored secrets were not to be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record does not open.
    #[error("{what} cannot be read: {why}")]
    Unsealable {
        /// Of what.
        what: String,
        /// Why.
        why: Unsealable,
    },
    /// What was asked for is against the rules.
    #[error("{0}")]
    Invalid(String),
    /// More than there may be.
    #[error("{0}")]
    TooMany(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
}

impl Secrets {
    /// Secrets in this store, under this key.
    pub fn new(store: Arc<dyn Store>, key: &SecretKey, random: Arc<dyn Random>, vault: Option<Vault>) -> Self {
        Self { store, sealer: Sealer::new(key, random.clone()), random, vault, open: Mutex::default() }
    }

    /// The nonce of a new run's tokens.
    pub fn nonce(&self) -> Nonce {
        let drawn = self.random.draw();
        Nonce::new(u128::from_le_bytes(std::array::from_fn(|index| drawn[index])))
    }

    /// A digest of a submission and of what came with it, for comparing; it tells nothing of the secrets.
    pub fn fingerprint(&self, submission: &[u8], given: &Confidential) -> Digest {
        let mut parts = vec![submission];
        for (id, value) in &given.secrets {
            parts.extend([id.as_str().as_bytes(), value.expose()]);
        }
        for login in &given.logins {
            parts.extend([login.registry.as_bytes(), login.username.as_bytes(), login.password.expose()]);
        }
        self.sealer.fingerprint(&parts)
    }

    /// What came with a submission, checked, and with the project's logins where it brings none of its own.
    pub async fn given(&self, project: &ProjectName, mut given: Confidential) -> Result<Confidential, SecretsError> {
        check::given(&mut given)?;
        for login in self.project_logins(project).await? {
            if given.logins.iter().all(|own| own.registry != login.registry) {
                given.logins.push(login);
            }
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests;
