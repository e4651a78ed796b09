//! What can go wrong with the farm of this machine.

use crate::{farm::BadAddress, system::HOME};
use std::io;

/// What can go wrong with the farm of this machine.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// This system is not Linux.
    #[error(
        "no farm is named, and acre starts one of its own on Linux only; join one with `acre farm add NAME \
         https://HOST:PORT --token-file FILE`, then name it with --farm NAME, or once with `acre farm use NAME`"
    )]
    NotHere,
    /// Nothing says where its files are.
    #[error("{HOME} is not set; set it, or ACRE_HOME to the folder that shall hold the farm's files")]
    NoHome,
    /// A folder that depends on the working directory.
    #[error("ACRE_HOME must be an absolute path, not `{0}`")]
    RelativeHome(String),
    /// The socket cannot be there.
    #[error("{0}; set ACRE_HOME or XDG_RUNTIME_DIR to a shorter one")]
    Socket(BadAddress),
    /// A file or process.
    #[error("{what}: {why}")]
    System {
        /// What was to be done.
        what: String,
        /// What the system says.
        why: io::Error,
    },
    /// A program is missing.
    #[error(
        "no farm is configured, and none can be started on this machine: `{program}` is neither in {folder} nor on \
         PATH; install it beside `acre`, or name a farm with --farm"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// The folder of `acre`.
        folder: String,
    },
    /// A program was started and did not become ready.
    #[error("{program} did not start: {why}; its messages are in {log}")]
    NotReady {
        /// The program.
        program: &'static str,
        /// What it says.
        why: String,
        /// Its log file.
        log: String,
    },
    /// A scheduler that does not answer.
    #[error("the scheduler (process {pid}) does not answer: {why}; `acre down --now` stops it whatever it does")]
    Silent {
        /// Its number.
        pid: i32,
        /// What the connection says.
        why: String,
    },
    /// Another `acre` has the lock.
    #[error("another acre starts or stops the farm for more than {seconds} seconds", seconds = super::LOCK.as_secs())]
    Locked,
}

impl LocalError {
    pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::System { what: what.into(), why }
    }
}
