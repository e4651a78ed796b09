//! Conversions between the wire and the model. Out is infallible; in names the field that is wrong.

mod agents;
mod common;
mod fleet;
mod logs;
mod notifications;
mod origin;
mod plan;
mod runs;
mod tasks;

pub use runs::secret;

use acre_model::time::Timestamp;
use std::{fmt::Display, str::FromStr};

/// A message that does not convert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Invalid {
    field: &'static str,
    why: String,
}

impl Invalid {
    /// `field` is wrong because of `why`.
    pub fn new(field: &'static str, why: impl Display) -> Self {
        Self { field, why: why.to_string() }
    }

    /// `field` must be there and is not.
    pub fn missing(field: &'static str) -> Self {
        Self { field, why: "must be set".to_owned() }
    }
}

impl From<Invalid> for tonic::Status {
    fn from(invalid: Invalid) -> Self {
        Self::invalid_argument(invalid.to_string())
    }
}

/// Names the field of an error.
pub fn field<T, E: Display>(field: &'static str, result: Result<T, E>) -> Result<T, Invalid> {
    result.map_err(|why| Invalid::new(field, why))
}

/// A checked text.
pub fn parsed<T: FromStr<Err: Display>>(name: &'static str, text: &str) -> Result<T, Invalid> {
    field(name, text.parse())
}

/// A checked text that may be empty, which means none.
pub fn parsed_or_none<T: FromStr<Err: Display>>(name: &'static str, text: &str) -> Result<Option<T>, Invalid> {
    if text.is_empty() { Ok(None) } else { parsed(name, text).map(Some) }
}

/// A checked text that may be empty, which means the default.
pub fn parsed_or_default<T: FromStr<Err: Display> + Default>(name: &'static str, text: &str) -> Result<T, Invalid> {
    Ok(parsed_or_none(name, text)?.unwrap_or_default())
}

/// A text, or none where it is empty.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A value as text; empty where there is none.
fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

impl From<Timestamp> for crate::v1::Instant {
    fn from(at: Timestamp) -> Self {
        Self { unix_ms: at.as_millis() }
    }
}

impl From<crate::v1::Instant> for Timestamp {
    fn from(at: crate::v1::Instant) -> Self {
        Self::from_millis(at.unix_ms)
    }
}
