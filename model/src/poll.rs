//! How often others are asked for what is new.

use crate::duration::{self, BadDuration};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How often registries and hosts of repositories are asked for what is new. As text: `10m`, or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PollInterval(Option<u64>);

/// Why a text does not say how often others are asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPollInterval {
    /// It is no duration.
    #[error("{0}, or never")]
    Duration(#[from] BadDuration),
    /// Registries limit how often they are asked.
    #[error("at least 1s, or never")]
    Short,
}

impl PollInterval {
    /// The shortest, in milliseconds.
    const SHORTEST: u64 = 1_000;

    /// In milliseconds; `None`: nobody is asked.
    pub const fn millis(self) -> Option<u64> {
        self.0
    }
}

impl Default for PollInterval {
    /// Ten minutes.
    fn default() -> Self {
        Self(Some(600_000))
    }
}

impl FromStr for PollInterval {
    type Err = BadPollInterval;

    fn from_str(text: &str) -> Result<Self, BadPollInterval> {
        match text {
            "never" => Ok(Self(None)),
            text => match duration::parse(text)? {
                millis @ Self::SHORTEST.. => Ok(Self(Some(millis))),
                _ => Err(BadPollInterval::Short),
            },
        }
    }
}

impl fmt::Display for PollInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(millis) => f.write_str(&duration::exact(millis)),
            None => f.write_str("never"),
        }
    }
}

impl TryFrom<String> for PollInterval {
    type Error = BadPollInterval;

    fn try_from(text: String) -> Result<Self, BadPollInterval> {
        text.parse()
    }
}

impl From<PollInterval> for String {
    fn from(interval: PollInterval) -> Self {
        interval.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_they_are_printed() {
        for text in ["10m", "1s", "1h30m", "never"] {
            assert_eq!(text.parse::<PollInterval>().map(|interval| interval.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(PollInterval::default().to_string(), "10m");
        let table = [
            ("5x", "`5x` is not a duration; write for example 90s, 15m, 1h30m or 250ms, or never"),
            ("0", "at least 1s, or never"),
            ("999ms", "at least 1s, or never"),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<PollInterval>().unwrap_err().to_string(), expected, "{text}");
        }
    }
}
