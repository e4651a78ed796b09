//! How a unit ended, and whose fault it was. The step's own failure and the farm's are different values everywhere.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The one recorded end of a unit (per incarnation of its group), or of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what the step says.
    Succeeded,
    /// The step failed by itself.
    Failed {
        /// The exit code of its container, where there was one.
        exit_code: Option<i64>,
        /// What a person needs to know: cause and remedy.
        message: String,
    },
    /// The farm failed it.
    Infrastructure {
        /// Which part of the farm.
        cause: Cause,
        /// What a person needs to know: cause and remedy.
        message: String,
    },
    /// Somebody stopped it.
    Canceled,
    /// It took longer than its step allows.
    TimedOut {
        /// What the step allows, in milliseconds.
        limit_ms: u64,
    },
    /// It had started, must not run twice, and its agent is gone: nobody knows how it ended.
    Lost,
    /// It never started.
    Skipped(Skip),
}

/// The part of the farm that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The agent died, was cut off or was restarted.
    AgentLost,
    /// The engine does not answer, or broke while it worked.
    Engine,
    /// No room on the agent's disk.
    DiskFull,
    /// The emulator of a foreign platform crashed.
    Emulator,
    /// The registry answered 429 or 5xx, or not at all.
    Registry,
    /// A transfer between agent and scheduler failed.
    Transfer,
    /// No agent of the fleet could take it.
    Placement,
}

/// Why a unit never started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// The run ended before its turn.
    RunEnded,
    /// What it waits for did not succeed.
    Predecessor(String),
    /// The exit codes of what it waits for are not those of its condition; what waits for it goes on.
    Condition,
}

impl Outcome {
    /// Which of them it is, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Infrastructure { .. } => "infrastructure",
            Self::Canceled => "canceled",
            Self::TimedOut { .. } => "timed-out",
            Self::Lost => "lost",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Whether what waits for the unit may start.
    pub const fn succeeded(&self) -> bool {
        matches!(self, Self::Succeeded)
    }

    /// Whether another agent may do better (for units that may run twice).
    pub const fn is_infrastructure(&self) -> bool {
        matches!(self, Self::Infrastructure { .. })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AgentLost => "agent lost",
            Self::Engine => "engine failed",
            Self::DiskFull => "disk full",
            Self::Emulator => "emulator crashed",
            Self::Registry => "registry failed",
            Self::Transfer => "transfer failed",
            Self::Placement => "cannot be placed",
        })
    }
}

/// One line for people.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { message, .. } => f.write_str(message),
            Self::Infrastructure { cause, message } => write!(f, "{cause}: {message}"),
            Self::Canceled => f.write_str("canceled"),
            Self::TimedOut { limit_ms } => write!(f, "timed out after {}", crate::duration::show(*limit_ms)),
            Self::Lost => {
                f.write_str("lost: its agent is gone, and a command may not run twice unless it is `idempotent`")
            }
            Self::Skipped(Skip::RunEnded) => f.write_str("skipped: the run ended before its turn"),
            Self::Skipped(Skip::Condition) => {
                f.write_str("skipped: nothing it waits for exited as its `exitedWith` or `exitedWithout` asks")
            }
            Self::Skipped(Skip::Predecessor(name)) => write!(f, "skipped: {name} did not succeed"),
        }
    }
}
