//! Farms on the network that this machine has joined.

use super::{Config, both, deepest};
use crate::{error::Error, now, tell};
use acre_link::{CredentialsError, FarmAddress, JoinError, Membership};
use acre_model::{
    ids::PersonName,
    joining::{Identity, Joiner, Token},
};
use std::time::Duration;
use tonic::transport::Channel;

/// How long a renewal may take before the old certificate is used on.
const RENEW: Duration = Duration::from_secs(5);

/// Why a farm on the network does not let this machine in.
#[derive(Debug, thiserror::Error)]
pub enum NotJoined {
    /// It has never joined.
    #[error(
        "this machine has not joined {0}; get a token (`acre farm token` on a machine that has), then run: acre farm add NAME {0} --token-file FILE"
    )]
    Never(String),
    /// It was away for too long.
    #[error(
        "the certificate for farm {farm} expired at {at} UTC; join it anew with a new token: acre farm add {farm} {address} --token-file FILE"
    )]
    Expired {
        /// The farm.
        farm: String,
        /// Where it is.
        address: String,
        /// When.
        at: String,
    },
    /// What was kept of it is of no use.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Joining failed.
    #[error(transparent)]
    Join(#[from] JoinError),
}

/// A connection to a farm on the network. The certificate is renewed by the way, when half of its life is over.
pub(super) async fn connect(name: &str, farm: &FarmAddress) -> Result<Channel, Error> {
    let config = Config::load()?;
    let known = config.name_of(farm).filter(|_| super::Address::is_meant(name)).unwrap_or(name);
    let never = || NotJoined::Never(farm.to_string());
    if super::Address::is_meant(known) {
        return Err(never().into());
    }
    let membership = Membership::load(&Config::membership(known)?).map_err(NotJoined::from)?.ok_or_else(never)?;
    if membership.has_expired(now()) {
        let at = membership.credentials().expires_at.as_log_time();
        return Err(NotJoined::Expired { farm: known.to_owned(), address: farm.to_string(), at }.into());
    }
    membership.moved_to(farm.clone()).map_err(NotJoined::from)?;
    let unreachable = |why| Error::Unreachable { farm: both(name, &farm.to_string()), why: deepest(&why) };
    let channel = membership.connect().await.map_err(unreachable)?;
    if membership.is_due(now()) {
        match tokio::time::timeout(RENEW, membership.renew(now())).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tell(&format!("the certificate for farm {known} was not renewed: {why}")),
            Err(_) => tell(&format!("the certificate for farm {known} was not renewed: no answer in time")),
        }
    }
    Ok(channel)
}

/// Joins a farm under this name, which uses the token up. Returns who this user is to it.
pub async fn join(name: &str, farm: &FarmAddress, token: &Token, person: PersonName) -> Result<Identity, Error> {
    let path = Config::membership(name)?;
    let joined = Membership::join(&path, farm, token, Joiner::Person(person), now).await;
    let membership = joined.map_err(|why| match why {
        JoinError::Dial(why) => Error::Unreachable { farm: both(name, &farm.to_string()), why: why.to_string() },
        JoinError::Silent { why, .. } => Error::Unreachable { farm: both(name, &farm.to_string()), why },
        why => NotJoined::from(why).into(),
    })?;
    Ok(membership.identity())
}
