//! What a user hands in.

use crate::{
    digest::Digest,
    ids::{PoolName, ProjectName},
    platform::Platform,
};
use serde::{Deserialize, Serialize};

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
    /// A second submission with the same key is the same run.
    pub idempotency_key: Option<String>,
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

/// When a unit may run under an emulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Emulation {
    /// Never.
    Never,
    /// Where the fleet has no native agent, or none free within the wait.
    #[default]
    Fallback,
    /// Without waiting for a native agent.
    Always,
}

impl std::str::FromStr for Emulation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Self::Never),
            "fallback" => Ok(Self::Fallback),
            "always" => Ok(Self::Always),
            _ => Err(format!(
                "`{}` is not an emulation policy; write never, fallback or always",
                crate::text::clip(text)
            )),
        }
    }
}

impl std::fmt::Display for Emulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::Fallback => "fallback",
            Self::Always => "always",
        })
    }
}
