//! Sources that could not be fetched, as failures of their units.

use crate::attempt::Failure;
use acre_model::outcome::{Cause, Outcome};
use acre_tree::tar::UntarError;
use acre_web::Unfetched;
use std::io;

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

/// An archive that could not be unpacked.
pub(super) fn untarred(why: UntarError) -> Unfetched {
    match why {
        UntarError::Cache(why) => Unfetched::Disk(io::Error::other(why.to_string())),
        other => Unfetched::Unfit(chain(&other)),
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
