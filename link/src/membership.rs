//! A machine's place in a farm.

use crate::{Credentials, CredentialsError, FarmAddress, JoinError, dial, join, tls};
use acre_model::{
    joining::{Identity, Joiner, Token},
    time::Timestamp,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tonic::transport::Channel;

/// Longest wait between two looks at whether it is time to renew, in milliseconds: a machine may have slept meanwhile.
const LOOK_MS: u64 = 60_000;
/// Wait after a renewal that failed, in milliseconds.
const RETRY_MS: u64 = 30_000;

/// A machine's place in a farm: its credentials, in a file, and the connections that are opened with them.
#[derive(Clone, Debug)]
pub struct Membership {
    path: PathBuf,
    current: Arc<RwLock<Arc<Credentials>>>,
}

impl Membership {
    /// The membership that is kept in this file, if there is one.
    pub fn load(path: &Path) -> Result<Option<Self>, CredentialsError> {
        Ok(Credentials::load(path)?.map(|credentials| Self::of(path, credentials)))
    }

    /// Joins a farm, which uses the token up, and keeps the membership in this file.
    pub async fn join(
        path: &Path,
        farm: &FarmAddress,
        token: &Token,
        joiner: Joiner,
        now: impl Fn() -> Timestamp,
    ) -> Result<Self, JoinError> {
        let credentials = join::join(farm, token, joiner, now).await?;
        credentials.store(path)?;
        Ok(Self::of(path, credentials))
    }

    fn of(path: &Path, credentials: Credentials) -> Self {
        Self { path: path.to_owned(), current: Arc::new(RwLock::new(Arc::new(credentials))) }
    }

    /// The credentials as they are now.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who this machine is to the farm.
    pub fn identity(&self) -> Identity {
        self.credentials().identity.clone()
    }

    /// The same membership of a farm that has moved: where it is from now on.
    pub fn moved_to(&self, farm: FarmAddress) -> Result<(), CredentialsError> {
        let old = self.credentials();
        if old.farm == farm {
            return Ok(());
        }
        self.put(Credentials { farm, ..(*old).clone() })
    }

    /// A way to the farm that opens connections when they are needed, again and again, each with the credentials of that
    /// moment.
    pub fn channel(&self) -> Channel {
        let of_now = self.clone();
        dial::channel(self.credentials().farm.clone(), move || tls::of_member(&of_now.credentials()))
    }

    /// A connection to the farm, opened now.
    pub async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        let of_now = self.clone();
        dial::connect(self.credentials().farm.clone(), move || tls::of_member(&of_now.credentials())).await
    }

    /// Takes the credentials that its file has now; connections that are open go on with those that they were opened with.
    pub fn reload(&self) -> Result<(), CredentialsError> {
        if let Some(credentials) = Credentials::load(&self.path)? {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
        }
        Ok(())
    }

    /// Whether it is time to renew.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.credentials().renew_at <= now
    }

    /// Whether it is too late to renew.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.credentials().expires_at <= now
    }

    /// Renews the certificate, over a connection of its own.
    pub async fn renew(&self, now: Timestamp) -> Result<(), JoinError> {
        let renewed = join::renew(self.channel(), &self.credentials(), now).await?;
        self.put(renewed)?;
        Ok(())
    }

    fn put(&self, credentials: Credentials) -> Result<(), CredentialsError> {
        credentials.store(&self.path)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
        Ok(())
    }

    /// Renews the certificate each time half of its life is over. Works until it is dropped.
    pub async fn keep(self, now: impl Fn() -> Timestamp) {
        loop {
            let left = self.credentials().renew_at.millis_since(now());
            if left > 0 {
                tokio::time::sleep(Duration::from_millis(left.min(LOOK_MS))).await;
                continue;
            }
            match self.renew(now()).await {
                Ok(()) => tracing::info!(identity = %self.identity(), "certificate renewed"),
                Err(why) => {
                    tracing::warn!(%why, "the certificate was not renewed yet");
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                }
            }
        }
    }
}
