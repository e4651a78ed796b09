//! Who asks: known from the connection, by its certificate.

use acre_model::{
    ids::{AgentId, PoolName},
    joining::Identity,
    time::Timestamp,
};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody with access to the farm's Unix socket: its owner.
    Here,
    /// Somebody on the network who showed no certificate.
    Nobody,
    /// Somebody with a certificate of the farm's CA.
    Member(Identity),
}

/// Why an agent may not say what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOwn {
    /// A person.
    #[error("the certificate is of a person, who cannot speak as an agent")]
    Person,
    /// Another agent.
    #[error("the certificate is of agent `{own}`, which cannot speak as agent `{said}`")]
    Agent {
        /// Who it is.
        own: AgentId,
        /// Who it says it is.
        said: AgentId,
    },
    /// Another pool.
    #[error(
        "the certificate of agent `{agent}` is for pool `{own}`, not for `{said}`; a token for that pool is needed"
    )]
    Pool {
        /// Who it is.
        agent: AgentId,
        /// Its pool.
        own: PoolName,
        /// The one it says.
        said: PoolName,
    },
    /// Nobody in particular.
    #[error("there is no certificate")]
    Nobody,
}

impl Caller {
    /// Whether the caller may speak as this agent; of this pool, where it says one.
    pub fn speaks_as(&self, said: &AgentId, pool: Option<&PoolName>) -> Result<(), NotOwn> {
        match self {
            Self::Here => Ok(()),
            Self::Nobody => Err(NotOwn::Nobody),
            Self::Member(Identity::Person { .. }) => Err(NotOwn::Person),
            Self::Member(Identity::Agent { id, .. }) if id != said => {
                Err(NotOwn::Agent { own: id.clone(), said: said.clone() })
            }
            Self::Member(Identity::Agent { id, pool: own }) => match pool.filter(|said| *said != own) {
                Some(said) => Err(NotOwn::Pool { agent: id.clone(), own: own.clone(), said: said.clone() }),
                None => Ok(()),
            },
        }
    }

    /// The agent that asks, if the network says that it is one.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Member(Identity::Agent { id, .. }) => Some(id),
            Self::Here | Self::Nobody | Self::Member(Identity::Person { .. }) => None,
        }
    }
}

/// Who a certificate of the farm's CA is for, and until when. TLS has verified all else.
pub fn of_certificate(der: &CertificateDer<'_>) -> Result<(Identity, Timestamp), String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|why| why.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|why| why.to_string())?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let [GeneralName::URI(name)] = names else { return Err("it names nobody".to_owned()) };
    let identity = name.parse::<Identity>().map_err(|why| why.to_string())?;
    let until = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    Ok((identity, Timestamp::from_millis(until.saturating_mul(1000))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_speaks_for_himself() {
        let member = |text: &str| Caller::Member(text.parse().unwrap());
        let table = [
            (Caller::Here, "m1", Some("gpu"), Ok(())),
            (Caller::Nobody, "m1", None, Err("no certificate")),
            (member("person:m1"), "m1", None, Err("cannot speak as an agent")),
            (member("agent:m1:default"), "m1", None, Ok(())),
            (member("agent:m1:default"), "m1", Some("default"), Ok(())),
            (member("agent:m1:default"), "m2", Some("default"), Err("of agent `m1`, which cannot speak as agent `m2`")),
            (member("agent:m1:default"), "m1", Some("gpu"), Err("for pool `default`, not for `gpu`")),
        ];
        for (caller, said, pool, expected) in table {
            let pool: Option<PoolName> = pool.map(|pool| pool.parse().unwrap());
            match (caller.speaks_as(&said.parse().unwrap(), pool.as_ref()), expected) {
                (Ok(()), Ok(())) => {}
                (Err(found), Err(expected)) => {
                    assert!(found.to_string().contains(expected), "{caller:?} as {said}: {found}");
                }
                (found, _) => panic!("{caller:?} as {said}: {found:?}"),
            }
        }
    }
}
