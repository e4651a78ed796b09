//! One call to etcd: bounded, and its failure told apart by what it says of the call's effect.

use super::super::StoreError;
use etcd_client::Error;
use std::time::Duration;
use tonic::{Code, Status};

/// How a call failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// etcd refused it; nothing was changed.
    Refused(Refusal),
    /// No answer: it may have been done, or be done yet.
    Unanswered(String),
}

/// Why etcd refused a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its disk, or its quota, is full.
    Full,
    /// It has too much to do.
    Busy(String),
    /// The lease is not there: it expired.
    LeaseGone,
    /// What was asked of it is wrong, or not allowed.
    Wrong(String),
}

/// Makes a call that is given up after `limit`.
pub(super) async fn bounded<T>(limit: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(told(error)),
        Err(_) => Err(Trouble::Unanswered(format!("no answer within {limit:?}"))),
    }
}

fn told(error: Error) -> Trouble {
    match error {
        Error::GRpcStatus(status) => told_by_status(&status),
        Error::LeaseKeepAliveError(why) if why.contains("not found") => Trouble::Refused(Refusal::LeaseGone),
        Error::InvalidArgs(_) | Error::InvalidUri(_) | Error::Utf8Error(_) | Error::InvalidMetadataValue(_) => {
            Trouble::Refused(Refusal::Wrong(error.to_string()))
        }
        error => Trouble::Unanswered(error.to_string()),
    }
}

/// etcd's codes and texts are those of `api/v3rpc/rpctypes/error.go`.
fn told_by_status(status: &Status) -> Trouble {
    let said = || status.message().to_owned();
    match status.code() {
        Code::ResourceExhausted if status.message().contains("space exceeded") => Trouble::Refused(Refusal::Full),
        Code::ResourceExhausted => Trouble::Refused(Refusal::Busy(said())),
        Code::NotFound if status.message().contains("lease") => Trouble::Refused(Refusal::LeaseGone),
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => Trouble::Refused(Refusal::Wrong(said())),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Trouble::Unanswered(said_with_causes(status)),
    }
}

/// A status and what led to it: a connection that fails says why only there.
fn said_with_causes(status: &Status) -> String {
    let mut said = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}

impl Refusal {
    /// As the store's callers know it.
    pub(super) fn into_error(self, place: &str) -> StoreError {
        let place = place.to_owned();
        match self {
            Self::Full => StoreError::Full { place },
            Self::Busy(why) => StoreError::Unavailable { place, why },
            Self::LeaseGone => StoreError::Conflict,
            Self::Wrong(why) => StoreError::Failed { place, why },
        }
    }
}

impl Trouble {
    /// As the store's callers know it, where nothing could have changed.
    pub(super) fn into_error(self, place: &str) -> StoreError {
        match self {
            Self::Refused(refusal) => refusal.into_error(place),
            Self::Unanswered(why) => StoreError::Unavailable { place: place.to_owned(), why },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcd_says_is_told_apart_by_what_it_means() {
        let refused = |code, said: &str| match told_by_status(&Status::new(code, said)) {
            Trouble::Refused(refusal) => Some(refusal),
            Trouble::Unanswered(_) => None,
        };
        let wrong = |said: &str| Some(Refusal::Wrong(said.to_owned()));
        let table = [
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", Some(Refusal::Full)),
            (
                Code::ResourceExhausted,
                "etcdserver: too many requests",
                Some(Refusal::Busy("etcdserver: too many requests".to_owned())),
            ),
            (Code::NotFound, "etcdserver: requested lease not found", Some(Refusal::LeaseGone)),
            (Code::InvalidArgument, "etcdserver: request is too large", wrong("etcdserver: request is too large")),
            (Code::PermissionDenied, "etcdserver: permission denied", wrong("etcdserver: permission denied")),
            (Code::Unavailable, "etcdserver: request timed out", None),
            (Code::Unavailable, "etcdserver: leader changed", None),
            (Code::DeadlineExceeded, "context deadline exceeded", None),
            (Code::Unknown, "transport error", None),
        ];
        for (code, said, expected) in table {
            assert_eq!(refused(code, said), expected, "{code:?} {said}");
        }
    }

    #[tokio::test]
    async fn a_call_without_an_answer_ends() {
        let never = std::future::pending::<Result<(), Error>>();
        let ended = bounded(Duration::from_millis(3), never).await;
        assert!(matches!(ended, Err(Trouble::Unanswered(why)) if why == "no answer within 3ms"));
    }
}
