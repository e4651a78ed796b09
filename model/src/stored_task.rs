//! A task that a project keeps: what its runs are, and what starts them.

use crate::{
    ids::{PoolName, ProjectName, TaskName, TimerName},
    platform::Platform,
    submission::{Emulation, NamedText, Narrowing, Source},
    time::Timestamp,
    trigger::CommitStatus,
};
use serde::{Deserialize, Serialize};

/// A task that a project keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredTask {
    /// Its owner.
    #[serde(default)]
    pub project: ProjectName,
    /// Its name in the project.
    pub name: TaskName,
    /// Whether anything starts it.
    pub status: TaskStatus,
    /// Where the files of its runs come from: an address, or nowhere.
    pub source: Source,
    /// What its runs do.
    pub definition: Definition,
    /// Texts of values files; a later one wins.
    pub values: Vec<NamedText>,
    /// Values, which win over those of files.
    pub sets: Vec<(String, String)>,
    /// Names of values that are kept secret.
    pub secret_sets: Vec<String>,
    /// Registries to which the task has logins of its own.
    pub logins: Vec<String>,
    /// Platforms of its runs; empty: those of its text, else linux/amd64.
    pub platforms: Vec<Platform>,
    /// The registry that names without one get in front.
    pub registry: Option<String>,
    /// Limit of a run, in milliseconds.
    pub timeout_ms: u64,
    /// The pool whose agents may take its runs.
    pub pool: PoolName,
    /// When to emulate.
    pub emulation: Emulation,
    /// What starts it besides somebody's wish.
    pub triggers: Triggers,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl StoredTask {
    /// Limit of a run unless said, in milliseconds: ACR's hour.
    pub const TIMEOUT_MS: u64 = 3_600_000;

    /// A task of which nothing is said yet.
    pub fn new(name: TaskName) -> Self {
        Self {
            project: ProjectName::default(),
            name,
            status: TaskStatus::Enabled,
            source: Source::None,
            definition: Definition::File(None),
            values: Vec::new(),
            sets: Vec::new(),
            secret_sets: Vec::new(),
            logins: Vec::new(),
            platforms: Vec::new(),
            registry: None,
            timeout_ms: Self::TIMEOUT_MS,
            pool: PoolName::default(),
            emulation: Emulation::default(),
            triggers: Triggers::default(),
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }
}

/// These pairs, and further ones, which take the place of those of one name.
pub fn replaced(pairs: &[(String, String)], further: Vec<(String, String)>) -> Vec<(String, String)> {
    let stays = |pair: &&(String, String)| further.iter().all(|(name, _)| *name != pair.0);
    let mut all: Vec<_> = pairs.iter().filter(stays).cloned().collect();
    all.extend(further);
    all
}

/// What is different in one run of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Another source.
    pub source: Option<Source>,
    /// Another file of it: the task file, or the Dockerfile.
    pub file: Option<String>,
    /// Another stage to build.
    pub target: Option<String>,
    /// Build arguments besides the task's, or instead of those of one name.
    pub arguments: Vec<(String, String)>,
    /// Values besides the task's, or instead of those of one name.
    pub sets: Vec<(String, String)>,
    /// Names of further values that are secret.
    pub secret_sets: Vec<String>,
    /// Names of further build arguments that are secret.
    pub secret_arguments: Vec<String>,
    /// Other platforms; empty: the task's.
    pub platforms: Vec<Platform>,
    /// What of its images is left as an earlier run built it; `None`: nothing.
    pub narrowing: Option<Narrowing>,
}

/// Whether anything starts a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Its triggers do, and everybody may.
    #[default]
    Enabled,
    /// Nothing does.
    Disabled,
}

impl std::fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// What the runs of a task do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Definition {
    /// A task file of the source; `None`: the first of the default names that exists.
    File(Option<String>),
    /// A text that is kept with the task.
    Text(NamedText),
    /// One command: `IMAGE ARG...`.
    Cmd(String),
    /// A build, and a push of what it builds.
    Build(ImageBuild),
}

/// A build, and a push of what it builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ImageBuild {
    /// Names of the image; templates such as `img:{{.Run.ID}}` are left to the run.
    pub images: Vec<String>,
    /// The Dockerfile, in the source; `None`: `Dockerfile`.
    pub dockerfile: Option<String>,
    /// The stage to build; `None`: the last.
    pub target: Option<String>,
    /// Build arguments.
    pub arguments: Vec<(String, String)>,
    /// Names of build arguments that are kept secret.
    pub secret_arguments: Vec<String>,
    /// Whether nothing of earlier builds is used.
    pub no_cache: bool,
    /// Whether the image is pushed.
    pub push: bool,
}

/// What starts a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Triggers {
    /// What happens in its source.
    pub source: SourceTrigger,
    /// What its images are built on.
    pub base_image: BaseImageTrigger,
    /// Schedules.
    pub timers: Vec<Timer>,
}

/// Which events of its source start a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SourceTrigger {
    /// Pushes to a branch.
    pub commits: bool,
    /// Pull requests that are opened or changed.
    pub pull_requests: bool,
    /// Pushes of tags that match one of these patterns.
    pub tags: Vec<String>,
    /// Branches (of a pull request: where it goes), as names or patterns such as `release/*`; empty: the branch of the
    /// source's address, else every one.
    pub branches: Vec<String>,
    /// Only if one of the changed paths matches one of these patterns, and none that begins with `!`; empty: always.
    pub paths: Vec<String>,
    /// Whether the host of the source is told what becomes of its commits.
    pub commit_status: CommitStatus,
    /// Whether a newer commit of a branch, or of a pull request, ends runs that earlier ones have started.
    pub cancel_superseded: bool,
    /// Whether the repository is asked for new commits and tags, where no webhook tells of them.
    pub poll: bool,
}

/// Which changes of the images that a task builds on start it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseImageTrigger {
    /// None.
    Disabled,
    /// Of the image that the last stage is built on.
    #[default]
    Runtime,
    /// Of every image that a stage is built on.
    All,
}

impl std::fmt::Display for BaseImageTrigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// A schedule of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timer {
    /// Its name among the task's timers.
    pub name: TimerName,
    /// Five fields: minute, hour, day of the month, month, day of the week; behind them, if not UTC, a time zone.
    pub schedule: String,
    /// Whether it starts the task.
    pub status: TaskStatus,
    /// In answers about one task, if it starts that: the next five instants, RFC 3339, in its time zone. Never
    /// stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
}

impl Timer {
    /// An enabled timer.
    pub const fn new(name: TimerName, schedule: String) -> Self {
        Self { name, schedule, status: TaskStatus::Enabled, next: Vec::new() }
    }
}
