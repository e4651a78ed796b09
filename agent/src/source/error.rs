//! Why a source could not be fetched.

use crate::attempt::Failure;
use acre_model::outcome::{Cause, Outcome};
use acre_tree::tar::UntarError;
use std::io;

/// Why a source could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfetched {
    /// The address asks for what is not fetched: the step is wrong, not the place.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing at the address, or it is not shown to this user.
    #[error("{0}")]
    NotFound(String),
    /// What is there is not what a source is.
    #[error("{0}")]
    Unfit(String),
    /// It did not answer, or not in time.
    #[error("{0}")]
    Away(String),
    /// No room for it.
    #[error("no place to fetch into: {0}")]
    Disk(io::Error),
}

impl From<Unfetched> for Failure {
    /// Wherever it is fetched, the address stays what it is: only this agent's disk is not the step's fault.
    fn from(why: Unfetched) -> Self {
        let message = why.to_string();
        match why {
            Unfetched::Disk(_) => Outcome::Infrastructure { cause: Cause::DiskFull, message }.into(),
            _ => Outcome::Failed { exit_code: None, message }.into(),
        }
    }
}

impl From<UntarError> for Unfetched {
    fn from(why: UntarError) -> Self {
        match why {
            UntarError::Cache(why) => Self::Disk(io::Error::other(why.to_string())),
            other => Self::Unfit(chain(&other)),
        }
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
