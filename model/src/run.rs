//! A run as people see it.

use crate::{
    attempt::UnitResult,
    capability::Way,
    digest::Digest,
    ids::{AgentId, ProjectName, RunId, StepId, UnitId},
    origin::Origin,
    outcome::Outcome,
    platform::Platform,
    report::ImageName,
    time::Timestamp,
    trace::TraceId,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a run stands, in the words of ACR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RunStatus {
    /// Accepted; no unit has been assigned.
    Queued,
    /// A unit has been assigned.
    Started,
    /// A unit's work has begun.
    Running,
    /// All units succeeded.
    Succeeded,
    /// A step failed.
    Failed,
    /// Somebody stopped it.
    Canceled,
    /// The farm's fault.
    Error,
    /// The run, or a step of it, took longer than it may.
    Timeout,
}

impl RunStatus {
    /// All of them, in the order of a run's life.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Started,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
        Self::Error,
        Self::Timeout,
    ];

    /// Whether the run is over.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Started | Self::Running)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A run as `acre show` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunView {
    /// Which.
    pub id: RunId,
    /// Its owner.
    pub project: ProjectName,
    /// Where it stands.
    pub status: RunStatus,
    /// Why, where it did not succeed.
    pub error: Option<String>,
    /// Its source as a person would name it.
    pub source: String,
    /// Its task as a person would name it.
    pub task: String,
    /// What it is a run of, and what started it.
    #[serde(default)]
    pub origin: Origin,
    /// Those of its plan; of a run whose task is not compiled yet, that of what is fetched.
    #[serde(default)]
    pub platforms: Vec<Platform>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When its first unit was assigned.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its report, once it has ended.
    pub report: Option<Digest>,
    /// What it built, by name, once it has ended.
    #[serde(default)]
    pub output_images: Vec<ImageName>,
    /// The trace it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// Whether it is kept, whatever its age; no part of its record.
    #[serde(default)]
    pub is_archive_enabled: bool,
    /// The tree of its source, which stays in the farm as long as this record does. People are not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Digest>,
    /// Warnings of its plan.
    pub warnings: Vec<String>,
    /// Its units, in plan order; empty in lists.
    pub units: Vec<UnitView>,
}

/// A unit as `acre show` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnitView {
    /// Its place in the plan.
    pub id: UnitId,
    /// `step@os/arch`.
    pub name: String,
    /// Its step.
    pub step: StepId,
    /// `source`, `build`, `push`, `index` or `cmd`.
    pub kind: String,
    /// What it runs on.
    pub platform: Platform,
    /// Where it stands.
    pub phase: UnitPhase,
    /// The agent of its last attempt.
    pub agent: Option<AgentId>,
    /// Number of its last attempt; 0: none yet.
    pub attempt: u32,
    /// When its work started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it left, once it has ended.
    pub result: UnitResult,
    /// Bytes of its last attempt's log, once it has ended.
    pub log_bytes: u64,
    /// How its last attempt is served; `None`: no attempt yet, or nothing of a platform is in it.
    #[serde(default)]
    pub way: Option<Way>,
}

/// Where a unit stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitPhase {
    /// For other units.
    Waiting,
    /// For an agent; with every agent's reason, when asked for.
    Queued(Vec<String>),
    /// An agent prepares it.
    Assigned,
    /// Its work has begun.
    Running,
    /// It is over.
    Ended(Outcome),
}

/// Whose fault it is that a run did not succeed, as the exit code of a client tells it.
impl RunStatus {
    /// The exit code of `acre run`: 0 succeeded, 1 failed, 3 canceled, 4 the farm's fault, 5 timed out.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded | Self::Queued | Self::Started | Self::Running => 0,
            Self::Failed => 1,
            Self::Canceled => 3,
            Self::Error => 4,
            Self::Timeout => 5,
        }
    }
}
