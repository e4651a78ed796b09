//! Joining a farm over the network: who somebody is, and the token with which a machine becomes somebody.

use crate::{
    ids::{AgentId, PersonName, PoolName},
    secret::SecretValue,
    text::clip,
};
use data_encoding::{BASE32_NOPAD, Specification};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::LazyLock};

/// Who holds a certificate of the farm's CA. As text it is the certificate's one subject alternative name, a URI:
/// `agent:ID:POOL` or `person:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Identity {
    /// A machine that carries out.
    Agent {
        /// Its id.
        id: AgentId,
        /// The pool that it may work in.
        pool: PoolName,
    },
    /// Somebody who hands in runs.
    Person {
        /// The name.
        name: PersonName,
    },
}

/// A text that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names neither an agent (`agent:ID:POOL`) nor a person (`person:NAME`)")]
pub struct BadIdentity(String);

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent { id, pool } => write!(f, "agent:{id}:{pool}"),
            Self::Person { name } => write!(f, "person:{name}"),
        }
    }
}

impl FromStr for Identity {
    type Err = BadIdentity;

    fn from_str(text: &str) -> Result<Self, BadIdentity> {
        let parts: Vec<&str> = text.split(':').collect();
        let identity = match parts[..] {
            ["agent", id, pool] => id.parse().ok().zip(pool.parse().ok()).map(|(id, pool)| Self::Agent { id, pool }),
            ["person", name] => name.parse().ok().map(|name| Self::Person { name }),
            _ => None,
        };
        identity.ok_or_else(|| BadIdentity(clip(text)))
    }
}

impl TryFrom<String> for Identity {
    type Error = BadIdentity;

    fn try_from(text: String) -> Result<Self, BadIdentity> {
        text.parse()
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        identity.to_string()
    }
}

/// Whom a token admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admits {
    /// An agent, into this pool; it says its id when it joins.
    Agent(PoolName),
    /// A person; of this name, else of the name that is said at joining.
    Person(Option<PersonName>),
}

/// Who wants to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joiner {
    /// An agent of this id.
    Agent(AgentId),
    /// A person who would be called so.
    Person(PersonName),
}

/// Why a token does not admit somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// A person's token, shown by an agent.
    #[error("this token is for a person; make one for an agent with `acre agents token`")]
    NotForAgents,
    /// An agent's token, shown by a person.
    #[error("this token is for an agent; make one for a person with `acre farm token`")]
    NotForPeople,
}

impl Admits {
    /// Who a joiner becomes.
    pub fn admit(self, joiner: Joiner) -> Result<Identity, NotAdmitted> {
        match (self, joiner) {
            (Self::Agent(pool), Joiner::Agent(id)) => Ok(Identity::Agent { id, pool }),
            (Self::Person(name), Joiner::Person(said)) => Ok(Identity::Person { name: name.unwrap_or(said) }),
            (Self::Person(_), Joiner::Agent(_)) => Err(NotAdmitted::NotForAgents),
            (Self::Agent(_), Joiner::Person(_)) => Err(NotAdmitted::NotForPeople),
        }
    }
}

/// A token: good for one joining. It names the farm's CA, so that its holder knows the farm before showing the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Under which the farm knows it; not secret.
    pub id: [u8; Token::ID],
    /// What only its holder knows.
    pub secret: SecretValue,
    /// SHA-256 of the certificate of the farm's CA, in DER.
    pub ca: [u8; Token::HASH],
}

/// A text that is no token. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a token; one looks like acre1-ID-SECRET-HASH, and comes from `acre agents token` or `acre farm token`"
)]
pub struct BadToken;

/// What a token begins with; the number is that of its form.
const MARK: &str = "acre1";

impl Token {
    /// Bytes of the id.
    pub const ID: usize = 10;
    /// Bytes of the secret.
    pub const SECRET: usize = 20;
    /// Bytes of the hash.
    pub const HASH: usize = 32;
    /// Bytes of the longest text that is looked at.
    pub const LONGEST: usize = 256;

    /// The id as text: 16 characters.
    pub fn id_text(id: &[u8; Self::ID]) -> String {
        encode(id)
    }

    /// The whole token as text, secret included.
    pub fn expose(&self) -> SecretValue {
        let text = [MARK, &encode(&self.id), &encode(self.secret.expose()), &encode(&self.ca)].join("-");
        SecretValue::new(text.into_bytes())
    }
}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        if text.len() > Self::LONGEST {
            return Err(BadToken);
        }
        let parts: Vec<&str> = text.trim().split('-').collect();
        let [MARK, id, secret, ca] = parts[..] else { return Err(BadToken) };
        let secret: [u8; Self::SECRET] = decode(secret)?;
        Ok(Self { id: decode(id)?, secret: SecretValue::new(secret.to_vec()), ca: decode(ca)? })
    }
}

/// Base 32 of RFC 4648 in lower case, without padding.
static BASE32: LazyLock<data_encoding::Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().unwrap_or(BASE32_NOPAD)
});

fn encode(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], BadToken> {
    let bytes = BASE32.decode(text.as_bytes()).map_err(|_| BadToken)?;
    bytes.try_into().map_err(|_| BadToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_read_as_they_are_written() {
        for text in ["agent:m-1:default", "agent:a.b_c:arm", "person:ann"] {
            assert_eq!(text.parse::<Identity>().unwrap().to_string(), text);
        }
        let table = [
            "",
            "agent",
            "agent:x",
            "agent:x:",
            "agent:x:y:z",
            "agent:x:Y",
            "person:",
            "person:a:b",
            "robot:x",
            "person:a b",
        ];
        for text in table {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_admits_whom_it_was_made_for() {
        let agents = || Admits::Agent("arm".parse().unwrap());
        let (m1, ann) = (Joiner::Agent("m1".parse().unwrap()), Joiner::Person("ann".parse().unwrap()));
        let bob = Admits::Person(Some("bob".parse().unwrap()));
        let table = [
            (agents(), m1.clone(), Ok("agent:m1:arm")),
            (agents(), ann.clone(), Err(NotAdmitted::NotForPeople)),
            (Admits::Person(None), m1, Err(NotAdmitted::NotForAgents)),
            (Admits::Person(None), ann.clone(), Ok("person:ann")),
            (bob, ann, Ok("person:bob")),
        ];
        for (admits, joiner, expected) in table {
            let found = admits.clone().admit(joiner.clone()).map(|identity| identity.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{admits:?} {joiner:?}");
        }
    }

    fn token() -> Token {
        Token { id: [1; 10], secret: SecretValue::new(vec![2; 20]), ca: [3; 32] }
    }

    #[test]
    fn a_token_is_read_as_it_is_written_and_shows_its_secret_nowhere_else() {
        let exposed = token().expose();
        let text = std::str::from_utf8(exposed.expose()).unwrap();
        assert_eq!(text.parse(), Ok(token()));
        assert_eq!(format!("{text}\n").parse(), Ok(token()), "with a line's end");
        let secret = encode(&[2; 20]);
        assert!(text.contains(&secret) && !format!("{:?}", token()).contains(&secret));
        for bad in ["", "acre1", "acre1-a-b-c", &text[1..], &text[..text.len() - 1], &text.replace("acre1", "acre2")] {
            assert_eq!(bad.parse::<Token>(), Err(BadToken), "{bad}");
        }
        assert_eq!(format!("{text}{}", " ".repeat(300)).parse::<Token>(), Err(BadToken));
    }
}
