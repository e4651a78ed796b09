//! What can end a command early. One table from error to exit code; every text names cause and remedy.

use crate::{
    exit_code::ExitCode,
    farm::{BadAddress, BadConfig, NotJoined, local::LocalError},
};
use acre_model::ids::BadName;
use std::io;

/// Why a command ended without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that does not go.
    #[error("{0}")]
    Usage(String),
    /// Faults of the task file, several lines, ready to print.
    #[error("{0}")]
    Task(String),
    /// A name of the command line is none.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The farm's address is none.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The list of farms cannot be read.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// This machine is not a member of the farm.
    #[error(transparent)]
    NotJoined(#[from] NotJoined),
    /// The farm of this machine could not be started, found or stopped.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A file of the user.
    #[error("{what}: {why}")]
    File {
        /// The file and what was to be done with it.
        what: String,
        /// What the system says.
        why: io::Error,
    },
    /// Nobody answers at the farm's address, or not any more.
    #[error("farm {farm} does not answer: {why}")]
    Unreachable {
        /// The farm as the user named it.
        farm: String,
        /// What the connection says.
        why: String,
    },
    /// The farm answers, and says no.
    #[error("{0}")]
    Refused(String),
    /// The farm answers that it is in trouble, or answers nonsense.
    #[error("the farm failed: {0}")]
    Farm(String),
    /// Whoever read the output went away.
    #[error("the reader of the output went away")]
    OutputClosed,
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

impl Error {
    /// What a file error is about.
    pub fn file(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::File { what: what.into(), why }
    }

    /// The exit code that tells it.
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_)
            | Self::Task(_)
            | Self::Name(_)
            | Self::Address(_)
            | Self::Config(_)
            | Self::NotJoined(_)
            | Self::File { .. }
            | Self::Refused(_)
            | Self::Output(_) => ExitCode::Usage,
            Self::Local(_) | Self::Unreachable { .. } => ExitCode::Unreachable,
            Self::Farm(_) => ExitCode::Farm,
            Self::OutputClosed => ExitCode::OutputClosed,
        }
    }

    /// What is written to standard error; `None`: nothing.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::OutputClosed => None,
            Self::Task(diagnostics) => Some(diagnostics.trim_end().to_owned()),
            error => Some(format!("error: {error}")),
        }
    }
}

/// Of writing to standard output.
impl From<io::Error> for Error {
    fn from(why: io::Error) -> Self {
        if why.kind() == io::ErrorKind::BrokenPipe { Self::OutputClosed } else { Self::Output(why) }
    }
}
