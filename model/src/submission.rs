//! What a user hands in.

use crate::{
    digest::Digest,
    ids::{PoolName, ProjectName},
    origin::Origin,
    platform::Platform,
    report::Image,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A source and a task, and everything the run needs to know besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Submission {
    /// The owner.
    pub project: ProjectName,
    /// Where the files come from.
    pub source: Source,
    /// How a person would name the source, for display: the folder's path or the address without its secrets.
    pub source_shown: String,
    /// Where the steps come from.
    pub task: TaskSource,
    /// Texts of `--values` files, in order; a later one wins.
    pub values: Vec<NamedText>,
    /// `--set k=v`, in order; wins over [`Submission::values`].
    pub sets: Vec<(String, String)>,
    /// Names of `--set-secret`: `.Values.NAME` is a secret, whose value is none of the submission's.
    pub secret_sets: Vec<String>,
    /// Platforms of the run; empty: the task's, else linux/amd64.
    pub platforms: Vec<Platform>,
    /// The registry that names without one get in front: `host[:port][/path]`.
    pub registry: Option<String>,
    /// Limit of the whole run in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The pool whose agents may take it.
    pub pool: PoolName,
    /// When to emulate.
    pub emulation: Emulation,
    /// An index is published with the platforms that succeeded, if others failed; the run fails all the same.
    pub allow_partial: bool,
    /// What is built is left on its engine, also where nothing of the run needs it there.
    pub leave_images: bool,
    /// What of its images is left as an earlier run built it; `None`: nothing.
    pub narrowing: Option<Narrowing>,
    /// A second submission with the same key is the same run.
    pub idempotency_key: Option<String>,
    /// What it is a run of, and what started it.
    pub origin: Origin,
    /// Whether it ends earlier runs of its task that [`crate::origin::Start::supersedes`] says it stands for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cancel_superseded: bool,
}

/// A run that builds some platforms of its images anew, and leaves the others in their indexes as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Narrowing {
    /// What is built anew.
    pub platforms: BTreeSet<Platform>,
    /// What an earlier run of the same task built for the others, from the same commit.
    pub kept: Vec<Image>,
}

/// Where the files of a run come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// No files.
    #[default]
    None,
    /// A tree whose blobs the client has put.
    Tree(Digest),
    /// An address that an agent fetches: git, tar by http, OCI artifact (task language §9).
    Address(String),
}

/// Where the steps of a run come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskSource {
    /// A file of the source; `None`: the first of the default names that exists.
    File(Option<String>),
    /// A text that came with the submission.
    Text(NamedText),
}

impl Default for TaskSource {
    fn default() -> Self {
        Self::File(None)
    }
}

/// A text and the file name it is shown under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedText {
    /// For messages.
    pub name: String,
    /// The text.
    pub text: String,
}

/// When a unit may run under an emulator. As text: `never`, `fallback`, `fallback:WAIT`, `always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Emulation {
    /// Never.
    Never,
    /// Where the fleet has no native agent, or none free within the wait.
    Fallback {
        /// In milliseconds.
        wait_ms: u64,
    },
    /// Without waiting for a native agent.
    Always,
}

impl Emulation {
    /// How long a native agent that is busy is waited for, unless said, in milliseconds.
    pub const WAIT_MS: u64 = 30_000;
    /// The longest wait, in milliseconds: a day.
    pub const LONGEST_WAIT_MS: u64 = 86_400_000;
}

impl Default for Emulation {
    fn default() -> Self {
        Self::Fallback { wait_ms: Self::WAIT_MS }
    }
}

impl std::str::FromStr for Emulation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| {
            let text = crate::text::clip(text);
            Err(format!("`{text}` is not an emulation policy: {why}"))
        };
        match text.split_once(':') {
            None => match text {
                "never" => Ok(Self::Never),
                "fallback" => Ok(Self::default()),
                "always" => Ok(Self::Always),
                _ => bad("write never, fallback, fallback:WAIT or always"),
            },
            Some(("fallback", wait)) => match crate::duration::parse(wait) {
                Ok(wait_ms) if wait_ms <= Self::LONGEST_WAIT_MS => Ok(Self::Fallback { wait_ms }),
                Ok(_) => bad("the longest wait is 24h"),
                Err(_) => bad("the wait is a time such as 90s or 5m"),
            },
            Some(_) => bad("only fallback takes a wait, as in fallback:90s"),
        }
    }
}

impl std::fmt::Display for Emulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Fallback { wait_ms: Self::WAIT_MS } => f.write_str("fallback"),
            Self::Fallback { wait_ms } => write!(f, "fallback:{wait_ms}ms"),
            Self::Always => f.write_str("always"),
        }
    }
}

impl TryFrom<String> for Emulation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Emulation> for String {
    fn from(emulation: Emulation) -> Self {
        emulation.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_and_shown() {
        let table = [
            ("never", Ok("never")),
            ("fallback", Ok("fallback")),
            ("fallback:30s", Ok("fallback")),
            ("fallback:1m", Ok("fallback:60000ms")),
            ("fallback:1500ms", Ok("fallback:1500ms")),
            ("always", Ok("always")),
            ("sometimes", Err("write never")),
            ("never:3s", Err("only fallback takes a wait")),
            ("fallback:", Err("the wait is a time")),
            ("fallback:25h", Err("the longest wait is 24h")),
        ];
        for (text, expected) in table {
            match (text.parse::<Emulation>(), expected) {
                (Ok(policy), Ok(shown)) => assert_eq!(policy.to_string(), shown, "{text}"),
                (Err(why), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
