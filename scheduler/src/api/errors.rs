//! The one table from this crate's errors to gRPC codes.

use crate::{blobs::BlobError, compile::NotCompiled, driver::Refused, logs::LogError, store::StoreError};
use tonic::{Code, Status};

/// An error that a client is told.
pub(super) fn status(error: impl Into<Told>) -> Status {
    let Told { code, message } = error.into();
    Status::new(code, message)
}

/// Code and text of an error.
pub(super) struct Told {
    code: Code,
    message: String,
}

macro_rules! told {
    ($type:ty, $($pattern:pat => $code:ident),+ $(,)?) => {
        impl From<$type> for Told {
            fn from(error: $type) -> Self {
                let code = match &error { $($pattern => Code::$code),+ };
                Self { code, message: error.to_string() }
            }
        }
    };
}

told!(Refused,
    Refused::Stopping | Refused::Unavailable(_) => Unavailable,
    Refused::KeyReused(_) => AlreadyExists,
    Refused::Full(_) => ResourceExhausted,
);
told!(StoreError,
    StoreError::Full { .. } => ResourceExhausted,
    StoreError::Conflict | StoreError::InUse { .. } | StoreError::Failed { .. } => Unavailable,
);
told!(BlobError,
    BlobError::Missing(_) => NotFound,
    BlobError::Mismatch { .. } | BlobError::NotADirectory(..) => InvalidArgument,
    BlobError::Open { .. } => FailedPrecondition,
    BlobError::TooLarge { .. } | BlobError::Full => ResourceExhausted,
    BlobError::Failed(_) => Unavailable,
);
told!(NotCompiled,
    NotCompiled::Faults(_) => InvalidArgument,
    NotCompiled::TooLarge(_) => ResourceExhausted,
    NotCompiled::Missing(_) => FailedPrecondition,
    NotCompiled::Farm(_) => Internal,
);
told!(LogError,
    LogError::Gap { .. } => InvalidArgument,
    LogError::Damaged(_) => DataLoss,
    LogError::Store(_) => Unavailable,
);
