//! What a run is one of, and what started it.

use crate::{
    digest::Digest,
    ids::{TaskName, TimerName},
    time::Timestamp,
    trigger::Provider,
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
        /// The kind of host that told it; `None`: none did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<Provider>,
    },
    /// A pull request for its source was opened or changed.
    PullRequest {
        /// Its number.
        number: u64,
        /// The commit that it would bring.
        commit: String,
        /// The branch that it is from.
        branch: String,
        /// The kind of host that told it; `None`: none did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<Provider>,
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

    /// The commit that the run is about, where somebody told one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Commit { commit, .. } | Self::PullRequest { commit, .. } => {
                Some(commit).filter(|id| !id.is_empty()).map(String::as_str)
            }
            Self::Manual | Self::ImageUpdate { .. } | Self::Timer { .. } => None,
        }
    }

    /// The kind of host that told of the commit that the run is about.
    pub const fn provider(&self) -> Option<Provider> {
        match self {
            Self::Commit { provider, .. } | Self::PullRequest { provider, .. } => *provider,
            Self::Manual | Self::ImageUpdate { .. } | Self::Timer { .. } => None,
        }
    }

    /// Whether a run that this starts says the same of a branch, or of a pull request, as one that `earlier` started,
    /// only later.
    pub fn supersedes(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Commit { branch: Some(branch), .. }, Self::Commit { branch: Some(other), .. }) => branch == other,
            (Self::PullRequest { number, .. }, Self::PullRequest { number: other, .. }) => number == other,
            _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(branch: Option<&str>, tag: Option<&str>) -> Start {
        let (branch, tag) = (branch.map(str::to_owned), tag.map(str::to_owned));
        Start::Commit { commit: "a".repeat(40), branch, tag, provider: None }
    }

    fn request(number: u64) -> Start {
        Start::PullRequest {
            number,
            commit: "b".repeat(40),
            branch: "main".to_owned(),
            provider: Some(Provider::Gitea),
        }
    }

    #[test]
    fn a_newer_commit_of_a_branch_or_pull_request_supersedes() {
        let timer = Start::Timer { timer: "night".parse().unwrap(), at: Timestamp::from_millis(0) };
        let table = [
            (commit(Some("main"), None), commit(Some("main"), None), true),
            (commit(Some("main"), None), commit(Some("other"), None), false),
            (commit(None, Some("v1")), commit(None, Some("v1")), false),
            (request(7), request(7), true),
            (request(7), request(8), false),
            (commit(Some("main"), None), request(7), false),
            (request(7), commit(Some("main"), None), false),
            (commit(Some("main"), None), Start::Manual, false),
            (commit(Some("main"), None), timer, false),
            (Start::Manual, commit(Some("main"), None), false),
        ];
        for (newer, earlier, expected) in table {
            assert_eq!(newer.supersedes(&earlier), expected, "{newer:?} {earlier:?}");
        }
    }

    #[test]
    fn what_older_programs_have_stored_is_read() {
        let stored = r#"{"commit":{"commit":"aa","branch":"main","tag":null}}"#;
        let read: Start = serde_json::from_str(stored).unwrap();
        assert_eq!((read.commit(), read.provider()), (Some("aa"), None));
        assert_eq!(serde_json::to_string(&read).unwrap(), stored);
    }
}
