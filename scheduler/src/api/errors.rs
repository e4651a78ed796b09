//! The one table from this crate's errors to gRPC codes.

use crate::{
    blobs::BlobError,
    ca::CaError,
    caller::NotOwn,
    compile::NotCompiled,
    driver::Refused,
    intake::Rejected,
    join::{NotMade, TokenRefused},
    logs::LogError,
    projects::ProjectError,
    secrets::{SecretsError, Unresolved},
    store::StoreError,
    stored_tasks::TaskError,
};
use tonic::{Code, Status, metadata::MetadataValue};

/// An error that a client is told.
pub(super) fn status(error: impl Into<Told>) -> Status {
    let Told { answer, message } = error.into();
    answer.with(message)
}

/// Code and text of an error.
pub(super) struct Told {
    answer: Answer,
    message: String,
}

/// A code, and whose fault it stands for where the code alone does not say.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    code: Code,
    is_farms_fault: bool,
}

/// RESOURCE_EXHAUSTED is also what a task gets that is too large; a full disk is not the task's fault.
pub(super) const DISK_FULL: Answer = Answer { code: Code::ResourceExhausted, is_farms_fault: true };

impl Answer {
    /// The answer with its text.
    pub(super) fn with(self, message: String) -> Status {
        let mut status = Status::new(self.code, message);
        if self.is_farms_fault {
            status.metadata_mut().insert(acre_proto::FAULT, MetadataValue::from_static("farm"));
        }
        status
    }
}

impl From<Code> for Answer {
    fn from(code: Code) -> Self {
        Self { code, is_farms_fault: false }
    }
}

macro_rules! told {
    ($type:ty, $($pattern:pat => $answer:expr),+ $(,)?) => {
        impl From<$type> for Told {
            fn from(error: $type) -> Self {
                let answer = match &error { $($pattern => Answer::from($answer)),+ };
                Self { answer, message: error.to_string() }
            }
        }
    };
}

told!(Refused,
    Refused::Stopping | Refused::Unavailable(_) | Refused::Unknown(_) => Code::Unavailable,
    Refused::KeyReused(_) => Code::AlreadyExists,
    Refused::Full(_) => DISK_FULL,
);
told!(StoreError,
    StoreError::Full { .. } => DISK_FULL,
    StoreError::Conflict
        | StoreError::InUse { .. }
        | StoreError::WentBack { .. }
        | StoreError::Unavailable { .. }
        | StoreError::Unknown { .. }
        | StoreError::Failed { .. } => Code::Unavailable,
);
told!(BlobError,
    BlobError::Missing(_) => Code::NotFound,
    BlobError::Mismatch { .. } | BlobError::NotADirectory(..) => Code::InvalidArgument,
    BlobError::Open { .. } => Code::FailedPrecondition,
    BlobError::TooLarge { .. } => Code::ResourceExhausted,
    BlobError::Full => DISK_FULL,
    BlobError::Failed(_) => Code::Unavailable,
);
told!(NotCompiled,
    NotCompiled::Faults(_) => Code::InvalidArgument,
    NotCompiled::TooLarge(_) => Code::ResourceExhausted,
    NotCompiled::Missing(_) => Code::FailedPrecondition,
    NotCompiled::Farm(_) => Code::Internal,
);
told!(Unresolved,
    Unresolved::Faults(_) => Code::InvalidArgument,
    Unresolved::TooLarge(_) => Code::ResourceExhausted,
    Unresolved::Missing(_) => Code::FailedPrecondition,
    Unresolved::Unavailable(_) => Code::Unavailable,
);
impl From<Rejected> for Told {
    fn from(error: Rejected) -> Self {
        let message = error.to_string();
        let answer = match error {
            Rejected::NoRoom(_) => DISK_FULL,
            Rejected::Address(_) => Code::InvalidArgument.into(),
            Rejected::NoTree(_) => Code::FailedPrecondition.into(),
            Rejected::NotCompiled(why) => return why.into(),
            Rejected::Unresolved(why) => return why.into(),
            Rejected::Secrets(why) => return why.into(),
            Rejected::Blobs(why) => return why.into(),
            Rejected::Refused(why) => return why.into(),
        };
        Self { answer, message }
    }
}
impl From<TaskError> for Told {
    fn from(error: TaskError) -> Self {
        let message = error.to_string();
        let code = match error {
            TaskError::Missing { .. } => Code::NotFound,
            TaskError::Exists(_) => Code::AlreadyExists,
            TaskError::Changed(_) | TaskError::Disabled(_) => Code::FailedPrecondition,
            TaskError::TooMany => Code::ResourceExhausted,
            TaskError::Faults(_) => Code::InvalidArgument,
            TaskError::Damaged(..) => Code::DataLoss,
            TaskError::Store(why) => return why.into(),
            TaskError::Refused(why) => return why.into(),
            TaskError::Secrets(why) => return why.into(),
            TaskError::Rejected(why) => return why.into(),
        };
        Self { answer: code.into(), message }
    }
}
told!(SecretsError,
    SecretsError::Store(StoreError::Full { .. }) => DISK_FULL,
    SecretsError::Store(_) => Code::Unavailable,
    SecretsError::Unsealable { .. } => Code::DataLoss,
    SecretsError::Invalid(_) => Code::InvalidArgument,
    SecretsError::TooMany(_) => Code::ResourceExhausted,
    SecretsError::Missing(_) => Code::NotFound,
);
impl From<ProjectError> for Told {
    fn from(error: ProjectError) -> Self {
        let message = error.to_string();
        let code = match error {
            ProjectError::Missing(_) => Code::NotFound,
            ProjectError::Busy { .. } => Code::FailedPrecondition,
            ProjectError::Store(why) => return why.into(),
            ProjectError::Refused(why) => return why.into(),
            ProjectError::Secrets(why) => return why.into(),
            ProjectError::Logs(why) => return why.into(),
        };
        Self { answer: code.into(), message }
    }
}
told!(TokenRefused,
    TokenRefused::Unknown
    | TokenRefused::Used(_)
    | TokenRefused::Expired(_)
    | TokenRefused::NotAdmitted(_) => Code::PermissionDenied,
);
told!(NotMade,
    NotMade::Store(StoreError::Full { .. }) => DISK_FULL,
    NotMade::Store(_) => Code::Unavailable,
    NotMade::TooMany => Code::ResourceExhausted,
);
told!(CaError,
    CaError::Request(_) => Code::InvalidArgument,
    CaError::Missing(_)
        | CaError::Half(_)
    | CaError::Exists(_)
    | CaError::Open { .. }
    | CaError::Damaged { .. }
    | CaError::File { .. }
    | CaError::Name(_)
    | CaError::Signing(_) => Code::Internal,
);
told!(NotOwn,
    NotOwn::Nobody => Code::Unauthenticated,
    NotOwn::Person | NotOwn::Agent { .. } | NotOwn::Pool { .. } => Code::PermissionDenied,
);
told!(LogError,
    LogError::Gap { .. } => Code::InvalidArgument,
    LogError::Damaged(_) => Code::DataLoss,
    LogError::Store(_) => Code::Unavailable,
);
