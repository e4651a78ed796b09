//! What a run is one of, and what started it.

use crate::{
    digest::Digest,
    ids::{TaskName, TimerName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a run is one of, and what started it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The stored task; `None`: a task that came with the run.
    pub task: Option<TaskName>,
    /// What started it.
    #[serde(default)]
    pub cause: Start,
}

/// What starts a run. As text: the words of ACR's column TRIGGER.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Somebody asked for it.
    #[default]
    Manual,
    /// Something was pushed to its source.
    Commit {
        /// 40 hexadecimal digits.
        commit: String,
        /// The branch that was pushed to; `None`: a tag was.
        branch: Option<String>,
        /// The tag that was pushed.
        tag: Option<String>,
    },
    /// A pull request for its source was opened or changed.
    PullRequest {
        /// Its number.
        number: u64,
        /// The commit that it would bring.
        commit: String,
        /// The branch that it is from.
        branch: String,
    },
    /// An image that it is built on has changed.
    ImageUpdate {
        /// The image, with its tag.
        image: String,
        /// What the tag stands for now.
        digest: Digest,
    },
    /// A schedule.
    Timer {
        /// Which of the task's timers.
        timer: TimerName,
        /// The instant that the schedule names.
        at: Timestamp,
    },
}

impl Start {
    /// The branch that the run is about, where it is about one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Commit { branch, .. } => branch.as_deref(),
            Self::PullRequest { branch, .. } => Some(branch),
            Self::Manual | Self::ImageUpdate { .. } | Self::Timer { .. } => None,
        }
    }
}

impl Start {
    /// The tag that the run is about, where it is about one.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Commit { tag, .. } => tag.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manual => "Manual",
            Self::Commit { .. } => "Commit",
            Self::PullRequest { .. } => "Pull Request",
            Self::ImageUpdate { .. } => "Image Update",
            Self::Timer { .. } => "Timer",
        })
    }
}
