//! Names of things. Each is checked once, when it is made, and cannot be mistaken for another.

use crate::{digest::Digest, text::clip};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a text is not a name of some kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not {kind}: it must be {rule}")]
pub struct BadName {
    shown: String,
    kind: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadName { shown: clip(text), kind: $kind, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The owner of tasks, secrets, registry credentials and quotas; `default` unless said.
    ProjectName, "a project name", "1 to 63 of a-z, 0-9 and -, beginning with a letter", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
}

impl Default for ProjectName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

name! {
    /// The id of a step: its name in logs, in container names and on the run's network.
    StepId, "a step id", "1 to 63 of A-Z, a-z, 0-9, _ . and -, beginning with a letter or digit", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
            && text != "acb_root"
    }
}

name! {
    /// The id of an agent, unique in its farm.
    AgentId, "an agent id", "1 to 63 of A-Z, a-z, 0-9, _ . and -, beginning with a letter or digit", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    }
}

name! {
    /// The name of a person who uses a farm over the network.
    PersonName, "a person's name", "1 to 63 of A-Z, a-z, 0-9, _ . and -, beginning with a letter or digit", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    }
}

name! {
    /// A pool: agents that an operator set apart by name; `default` unless said.
    PoolName, "a pool name", "1 to 63 of a-z, 0-9 and -, beginning with a letter", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
}

impl Default for PoolName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

name! {
    /// The name of a task that a project keeps.
    TaskName, "a task name", "1 to 63 of A-Z, a-z, 0-9, _ and -, beginning with a letter or digit", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    }
}

name! {
    /// The name of a timer, in its task.
    TimerName, "a timer name", "1 to 63 of A-Z, a-z, 0-9, _ and -, beginning with a letter or digit", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    }
}

name! {
    /// The name of somebody whom a project notifies.
    NotificationName, "a notification's name", "1 to 63 of A-Z, a-z, 0-9, _ and -, beginning with a letter or digit", |text| {
        (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    }
}

name! {
    /// The id of a secret, in its task, its submission or its project.
    SecretId, "a secret id", "1 to 127 of A-Z, a-z, 0-9, _ . and -", |text| {
        (1..=127).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    }
}

name! {
    /// The full name of a commit, or of a tag object: 40 lower-case hexadecimal digits (git's SHA-1 object names).
    CommitId, "a commit", "40 lower-case hexadecimal digits", |text| {
        text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

name! {
    /// The id of one delivery of a webhook: the sender's own where there is one, else the digest of what was sent.
    DeliveryId, "a delivery id", "1 to 127 of A-Z, a-z, 0-9, _ . : and -", |text| {
        (1..=127).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
    }
}

impl From<Digest> for DeliveryId {
    fn from(digest: Digest) -> Self {
        Self(digest.to_string())
    }
}

impl SecretId {
    /// The id under which the value of `--set-secret NAME=…` goes, which `.Values.NAME` stands for.
    pub fn of_set(name: &str) -> Result<Self, BadName> {
        format!("set.{name}").parse()
    }
}

/// Crockford's base 32 in lower case: sorts as the numbers do, and has no i, l, o, u.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

name! {
    /// The id of a run: 10 characters of lower-case base 32, sorted by time of submission.
    RunId, "a run id", "10 characters of lower-case base 32, as `acre list` shows it", |text| {
        text.len() == RunId::LENGTH && text.bytes().all(|b| BASE32.contains(&b))
    }
}

impl RunId {
    /// Characters of a run id. It becomes part of image tags, hence short.
    pub const LENGTH: usize = 10;
    /// Ids that one farm can give in one second.
    pub const PER_SECOND: u32 = 1 << 10;
    /// 2024-01-01T00:00:00Z in Unix seconds; 30 bits of seconds reach into 2058.
    const EPOCH: u64 = 1_704_067_200;

    /// The id of the `sequence`-th run that the farm with this `salt` was given in this Unix `second`.
    ///
    /// 30 bits of seconds, 10 of salt (so that ids of different farms differ), 10 of sequence.
    pub fn new(second: u64, salt: u16, sequence: u32) -> Self {
        let second = second.saturating_sub(Self::EPOCH) & 0x3fff_ffff;
        let number = second << 20 | u64::from(salt & 0x3ff) << 10 | u64::from(sequence % Self::PER_SECOND);
        let digit = |index: usize| char::from(BASE32[(number >> (45 - 5 * index)) as usize & 31]);
        Self((0..Self::LENGTH).map(digit).collect())
    }

    /// The Unix second in which the id was given.
    pub fn second(&self) -> u64 {
        let digit = |b: u8| BASE32.iter().position(|d| *d == b).unwrap_or(0) as u64;
        (self.0.bytes().fold(0, |number, b| number << 5 | digit(b)) >> 20) + Self::EPOCH
    }
}

/// A unit by its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitId(pub u32);

impl UnitId {
    /// The place in the plan's list of units.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A group by its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The place in the plan's list of groups.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_time_and_differ_between_farms() {
        let second = 1_795_197_781;
        let ids = [
            RunId::new(second, 7, 0),
            RunId::new(second, 7, 1),
            RunId::new(second, 8, 0),
            RunId::new(second + 1, 0, 0),
        ];
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.as_str().parse() == Ok(id.clone()) && id.as_str().len() == RunId::LENGTH));
        assert_eq!(ids[0].second(), second);
    }

    #[test]
    fn step_ids_follow_their_pattern() {
        for good in ["build-web", "1", "acb_step_0", "a.b"] {
            assert!(good.parse::<StepId>().is_ok(), "{good}");
        }
        for bad in ["", "../../etc", "-a", "a b", "acb_root", "ü", &"x".repeat(64)] {
            assert!(bad.parse::<StepId>().is_err(), "{bad}");
        }
    }
}
