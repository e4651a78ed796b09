//! An attempt: one assignment of a unit to one agent, numbered from 1.

use crate::{
    digest::Digest,
    ids::{AgentId, RunId, UnitId},
    outcome::Outcome,
    plan::ResolvedSource,
    reference::Reference,
    report::{Artifact, Coverage, TestSummary},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One assignment of one unit. Names its log, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The run.
    pub run: RunId,
    /// The unit of its plan.
    pub unit: UnitId,
    /// From 1.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.run, self.unit.0, self.number)
    }
}

/// The store's revision at which an attempt was assigned. A message about the attempt with another fence is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// Where an attempt stands, as its agent tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Taken, not yet irrevocable: sandbox, files, image.
    Preparing,
    /// The container, build or push has been started.
    Started {
        /// By the agent's clock.
        at: Timestamp,
    },
    /// Over; told until the scheduler no longer wants the attempt.
    Ended(Ended),
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// When its work started; `None`: never.
    pub started_at: Option<Timestamp>,
    /// By the agent's clock.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// What it leaves besides.
    pub result: UnitResult,
    /// Bytes of its log, all told.
    pub log_bytes: u64,
}

/// What an attempt leaves besides its outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitResult {
    /// Of a source unit: the tree and its commit.
    pub source: Option<ResolvedSource>,
    /// Of a build: the image's id on the engine.
    pub image: Option<Digest>,
    /// Of a build: the images it used and their digests, as far as known.
    pub used: Vec<UsedImage>,
    /// Of a build whose Dockerfile was not readable before: its text (at most 1 MiB), so that the report can tell roles.
    pub dockerfile: Option<String>,
    /// Of a push or index: what the registry has under the reference.
    pub pushed: Option<Digest>,
    /// The media type of that, as far as known.
    pub media_type: Option<String>,
    /// Of a `cmd`: the container's exit code.
    pub exit_code: Option<i64>,
    /// Test results found in its reports.
    pub tests: Option<TestSummary>,
    /// Coverage found in its reports.
    pub coverage: Option<Coverage>,
    /// Files that are kept with the run.
    pub artifacts: Vec<Artifact>,
    /// Of a detached `cmd`: how its container ended or ailed later, which does not change the unit's outcome.
    pub afterwards: Option<String>,
    /// What went wrong without failing the unit.
    pub warnings: Vec<String>,
    /// Of a `cmd` whose workspace is handed over.
    pub workspace: Option<Workspace>,
}

/// What became of a workspace: trees, by the digests of their root directories; `None`: no files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// With which its group began.
    pub before: Option<Digest>,
    /// As the unit left it.
    pub after: Option<Digest>,
}

/// An image that a build used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedImage {
    /// As the build named it.
    pub reference: Reference,
    /// Manifest or index digest; `None` where the engine does not tell.
    pub digest: Option<Digest>,
}

/// An attempt as the scheduler assigned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Which.
    pub attempt: AttemptId,
    /// To whom.
    pub agent: AgentId,
    /// When.
    pub at: Timestamp,
}
