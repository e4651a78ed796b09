//! Tokens: made for somebody to join the farm with, kept hashed, good once and for a time.

use crate::{
    parts::Random,
    store::{Change, Order, Store, StoreError, decode, encode, keys},
};
use acre_model::{
    joining::{Admits, Identity, Joiner, NotAdmitted, Token},
    secret::SecretValue,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;

/// How long a token may be good, in milliseconds.
pub const TTL_MS: RangeInclusive<u64> = 1_000..=7 * 86_400_000;
/// Tokens that a farm remembers, at most.
const TOKENS: usize = 1000;
/// How long one that is over is remembered, so that its holder learns why, in milliseconds.
const REMEMBERED_MS: u64 = 86_400_000;

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// SHA-256 of the secret. It is random and long, so that nothing slower is needed.
    secret: [u8; 32],
    admits: Admits,
    expires: Timestamp,
    /// Who joined by it.
    used_by: Option<Identity>,
}

/// A token as somebody shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its id.
    pub id: [u8; Token::ID],
    /// Its secret.
    pub secret: SecretValue,
    /// Who shows it.
    pub joiner: Joiner,
}

/// Why nobody joins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// It was never made, is forgotten, or its secret is wrong.
    #[error("the farm does not know this token; make a new one with `acre agents token` or `acre farm token`")]
    Unknown,
    /// It is good once.
    #[error("this token was used already, by {0}; make a new one")]
    Used(Identity),
    /// It is too old.
    #[error("this token expired at {} UTC; make a new one", .0.as_log_time())]
    Expired(Timestamp),
    /// It is for somebody else.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
}

impl TokenRecord {
    /// Uses the token up, if it is good for who shows it.
    pub fn take(mut self, shown: Shown, now: Timestamp) -> Result<(Self, Identity), TokenRefused> {
        if <[u8; 32]>::from(Sha256::digest(shown.secret.expose())) != self.secret {
            return Err(TokenRefused::Unknown);
        }
        if let Some(identity) = self.used_by {
            return Err(TokenRefused::Used(identity));
        }
        if self.expires <= now {
            return Err(TokenRefused::Expired(self.expires));
        }
        let identity = self.admits.clone().admit(shown.joiner)?;
        self.used_by = Some(identity.clone());
        Ok((self, identity))
    }
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are too many.
    #[error("the farm has {TOKENS} tokens that may still be used, and that is the limit; wait until some have expired")]
    TooMany,
}

/// What changes in the store, for the driver to commit: a new token, and those that are forgotten for it.
pub async fn make(
    store: &dyn Store,
    random: &dyn Random,
    (admits, expires): (Admits, Timestamp),
    ca: [u8; Token::HASH],
    now: Timestamp,
) -> Result<(Token, Vec<Change>), NotMade> {
    let known = store.range(keys::all_tokens(), Order::Ascending, TOKENS + 1).await?;
    let is_over = |expires: Timestamp| expires.plus_millis(REMEMBERED_MS) <= now;
    let over =
        known.iter().filter(|stored| decode::<TokenRecord>(&stored.value).map_or(true, |it| is_over(it.expires)));
    let mut changes: Vec<Change> = over.map(|stored| Change::Delete(stored.key.clone())).collect();
    if known.len() - changes.len() >= TOKENS {
        return Err(NotMade::TooMany);
    }
    let drawn = random.draw();
    let id = std::array::from_fn(|index| drawn[index]);
    let secret: [u8; Token::SECRET] = std::array::from_fn(|index| drawn[Token::ID + index]);
    let token = Token { id, secret: SecretValue::new(secret.to_vec()), ca };
    let record = TokenRecord { secret: Sha256::digest(secret).into(), admits, expires, used_by: None };
    changes.push(Change::Put(keys::token(&id), encode(&record)));
    Ok((token, changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once_for_a_time_and_for_whom_it_was_made() {
        let secret = |byte: u8| SecretValue::new(vec![byte; Token::SECRET]);
        let record = TokenRecord {
            secret: Sha256::digest([1; Token::SECRET]).into(),
            admits: Admits::Agent("arm".parse().unwrap()),
            expires: Timestamp::from_millis(1000),
            used_by: None,
        };
        let agent = || Joiner::Agent("m1".parse().unwrap());
        let (used, _) = record.clone().take(shown(secret(1), agent()), Timestamp::from_millis(0)).unwrap();
        let person = Joiner::Person("ann".parse().unwrap());
        let table = [
            (&record, secret(1), agent(), 999, Ok("agent:m1:arm")),
            (&record, secret(1), agent(), 1000, Err("expired at 1970/01/01 00:00:01 UTC")),
            (&record, secret(2), agent(), 0, Err("does not know this token")),
            (&record, secret(1), person, 0, Err("this token is for an agent")),
            (&used, secret(1), agent(), 0, Err("used already, by agent:m1:arm")),
            (&used, secret(2), agent(), 0, Err("does not know this token")),
        ];
        for (record, secret, joiner, now, expected) in table {
            let found = record.clone().take(shown(secret, joiner), Timestamp::from_millis(now));
            match (found, expected) {
                (Ok((_, identity)), Ok(expected)) => assert_eq!(identity.to_string(), expected),
                (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{expected}: {found}"),
                (found, _) => panic!("{expected:?}: {found:?}"),
            }
        }
    }

    fn shown(secret: SecretValue, joiner: Joiner) -> Shown {
        Shown { id: [0; Token::ID], secret, joiner }
    }
}
