//! Command lines of `acre task`, in the words of `az acr task`.

use super::{Follow, Format, ListRunsArgs, TaskLogsArgs, TaskRunRef, UpdateRunArgs};
use acre_model::{
    duration,
    ids::{PoolName, TaskName, TimerName},
    platform::Platform,
    stored_task::{BaseImageTrigger, TaskStatus},
    submission::Emulation,
    trigger::CommitStatus,
};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `acre task`
#[derive(Clone, Debug, Subcommand)]
pub enum TaskCommand {
    /// Keep a task with the project: what its runs are, and what starts them
    Create(Box<CreateArgs>),
    /// Change a task; what no flag names stays as it is
    Update(Box<UpdateArgs>),
    /// Create what files say and is missing, change what differs, and leave the rest; other tasks stay
    Apply(ApplyArgs),
    /// List the tasks of the project
    List(TaskListArgs),
    /// Show a task
    Show(TaskShowArgs),
    /// Forget a task; its runs stay
    Delete(TaskShowArgs),
    /// Start a run of a task, and follow it
    Run(Box<TaskRunArgs>),
    /// List runs, newest first
    ListRuns(ListRunsArgs),
    /// Show a run
    ShowRun(TaskRunRef),
    /// Keep a run whatever its age, or do not
    UpdateRun(UpdateRunArgs),
    /// Ask for the end of a run
    CancelRun(TaskRunRef),
    /// Print the log of a run: of the newest one, of the newest one of a task, or of the one with an id
    Logs(TaskLogsArgs),
    /// Print where and with which secret the host of a task's source, or a registry, tells the farm what happens
    Webhook(WebhookArgs),
    /// Schedules of a task
    #[command(subcommand)]
    Timer(TimerCommand),
    /// Logins of a task to registries, besides those of the project
    #[command(subcommand)]
    Credential(CredentialCommand),
}

/// Which task.
#[derive(Clone, Debug, Args)]
pub struct TaskNamed {
    /// The task
    #[arg(short, long, value_name = "TASK")]
    pub name: TaskName,
    /// Registry of the task, for the sake of `az acr`: not looked at
    #[arg(short, long, value_name = "REGISTRY", hide = true)]
    pub registry: Option<String>,
    /// Do not ask
    #[arg(short, long, hide = true)]
    pub yes: bool,
}

/// `acre task create`
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// Its name
    #[arg(short, long, value_name = "TASK")]
    pub name: TaskName,
    /// What it is
    #[command(flatten)]
    pub flags: TaskFlags,
    /// A schedule, `NAME:CRON` or `CRON`; may be repeated: minute, hour, day, month, day of the week, and behind them a
    /// time zone if it is not UTC
    #[arg(long, value_name = "[NAME:]CRON", help_heading = "Triggers")]
    pub schedule: Vec<String>,
    /// How to print it
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre task update`
#[derive(Clone, Debug, Args)]
pub struct UpdateArgs {
    /// Its name
    #[arg(short, long, value_name = "TASK")]
    pub name: TaskName,
    /// What changes
    #[command(flatten)]
    pub flags: TaskFlags,
    /// How to print it
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre task apply`
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    /// Files with tasks as YAML, whose keys are the flags of `acre task create` (noPush for --no-push); several tasks of a
    /// file are separated by `---`; `-` is standard input. `acre task show -o yaml` prints such a task
    #[arg(short, long, value_name = "FILE", required = true, num_args = 1..)]
    pub file: Vec<PathBuf>,
    /// Show what would change, field by field, and store nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print what became of them
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// What a task is; each flag may be left out.
#[derive(Clone, Debug, Default, Args)]
pub struct TaskFlags {
    /// The source of its runs: an address (`https://HOST/REPO.git[#REF[:FOLDER]]`, `https://HOST/X.tar.gz`,
    /// `oci://REGISTRY/REPO:TAG`), or /dev/null for none
    #[arg(short, long, value_name = "ADDRESS")]
    pub context: Option<String>,
    /// A task file (ending in .yaml or .yml) or a Dockerfile, looked up in the source; `-` keeps the task file that
    /// comes on standard input [default: Dockerfile with --image, else acb.yaml, acr-task.yaml or acre.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<String>,
    /// One command: `IMAGE ARG...`, as the `cmd` of a step
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["file", "image", "target"])]
    pub cmd: Option<String>,
    /// Name of the image that is built; may be repeated
    #[arg(short = 't', long, value_name = "NAME")]
    pub image: Vec<String>,
    /// Platforms, separated by commas, as `OS/ARCH[/VARIANT]` [default: the task's, else linux/amd64]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// A build argument; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub arg: Vec<String>,
    /// A secret build argument; may be repeated. Its value is in the history of the image all the same: a secret of
    /// `RUN --mount=type=secret` is not
    #[arg(long, value_name = "KEY[=@FILE|=VALUE]")]
    pub secret_arg: Vec<String>,
    /// One value for the task's templates; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// One secret value for the task's templates; may be repeated. Write KEY, which takes the environment variable of
    /// that name, or KEY=@FILE
    #[arg(long, value_name = "KEY[=@FILE|=VALUE]")]
    pub set_secret: Vec<String>,
    /// A YAML file of this machine with values for the task's templates, kept with the task; may be repeated
    #[arg(long, value_name = "FILE")]
    pub values: Vec<PathBuf>,
    /// The stage to build [default: the last]
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Do not push what is built
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", value_parser = yes_or_no)]
    pub no_push: Option<bool>,
    /// Use nothing of earlier builds
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", value_parser = yes_or_no)]
    pub no_cache: Option<bool>,
    /// Registry of its images, `HOST[:PORT][/PATH]`; a name without a dot is one of Azure's, NAME.azurecr.io
    #[arg(short, long, value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// Limit of a run: a number of seconds, or 90s, 15m, 1h30m [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<u64>,
    /// Whether it may run: Enabled or Disabled
    #[arg(long, value_enum, ignore_case = true, value_name = "STATUS")]
    pub status: Option<Status>,
    /// Pool whose agents may take its runs
    #[arg(long, alias = "pool", value_name = "POOL")]
    pub agent_pool: Option<PoolName>,
    /// When to emulate: never, fallback[:WAIT] or always
    #[arg(long, value_name = "POLICY")]
    pub emulation: Option<Emulation>,
    /// How `az acr` lets a task into its registry; here that is `acre login`
    #[arg(long, value_name = "MODE", hide = true)]
    pub auth_mode: Option<String>,
    /// The branch of the source, and of the commits that start a run [default: the source's own]
    #[arg(long, value_name = "BRANCH", help_heading = "Triggers")]
    pub branch: Option<String>,
    /// Whether a commit starts a run [default: true for a git address, once its webhook is set up]
    #[arg(long, value_name = "BOOL", value_parser = yes_or_no, help_heading = "Triggers")]
    pub commit_trigger_enabled: Option<bool>,
    /// Whether a pull request starts a run [default: false]
    #[arg(long, value_name = "BOOL", value_parser = yes_or_no, help_heading = "Triggers")]
    pub pull_request_trigger_enabled: Option<bool>,
    /// Only for changes of paths that match, as `src/**`; one that begins with `!` is left out; may be repeated
    #[arg(long, value_name = "PATTERN", help_heading = "Triggers")]
    pub path: Vec<String>,
    /// Tags whose push starts a run, as `v*`; may be repeated
    #[arg(long, value_name = "PATTERN", help_heading = "Triggers")]
    pub tag_trigger: Vec<String>,
    /// A token for the source, and for the commit's status there; better through the file: --git-access-token @FILE
    #[arg(long, value_name = "@FILE|TOKEN", help_heading = "Triggers")]
    pub git_access_token: Option<String>,
    /// Whether the source's host is told what becomes of its commits: auto (where its webhook tells of them, and the task
    /// has a token), off, or the kind of host: github, gitlab, gitea [default: auto]
    #[arg(long, value_name = "HOST", help_heading = "Triggers")]
    pub commit_status: Option<CommitStatus>,
    /// Whether a newer commit of a branch, or of a pull request, ends runs that earlier ones have started [default: false]
    #[arg(long, value_name = "BOOL", value_parser = yes_or_no, help_heading = "Triggers")]
    pub cancel_superseded: Option<bool>,
    /// Whether the repository is asked for new commits and tags, where its webhooks cannot reach the farm [default: false]
    #[arg(long, value_name = "BOOL", value_parser = yes_or_no, help_heading = "Triggers")]
    pub poll_source: Option<bool>,
    /// Whether a change of a base image starts a run [default: true]
    #[arg(long, value_name = "BOOL", value_parser = yes_or_no, help_heading = "Triggers")]
    pub base_image_trigger_enabled: Option<bool>,
    /// Of which base images: that of the last stage, or all [default: Runtime]
    #[arg(long, value_enum, ignore_case = true, value_name = "Runtime|All", help_heading = "Triggers")]
    pub base_image_trigger_type: Option<BaseImages>,
}

/// `true` or `false`, however it is written.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

/// Whether a task may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Status {
    /// It may
    Enabled,
    /// It may not
    Disabled,
}

impl From<Status> for TaskStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Enabled => Self::Enabled,
            Status::Disabled => Self::Disabled,
        }
    }
}

/// Which base images start a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum BaseImages {
    /// That of the last stage
    Runtime,
    /// That of every stage
    All,
}

impl From<BaseImages> for BaseImageTrigger {
    fn from(images: BaseImages) -> Self {
        match images {
            BaseImages::Runtime => Self::Runtime,
            BaseImages::All => Self::All,
        }
    }
}

/// `acre task list`
#[derive(Clone, Debug, Args)]
pub struct TaskListArgs {
    /// For the sake of `az acr`: not looked at
    #[arg(short, long, value_name = "REGISTRY", hide = true)]
    pub registry: Option<String>,
    /// How to print them
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre task show` and `acre task delete`
#[derive(Clone, Debug, Args)]
pub struct TaskShowArgs {
    /// Which
    #[command(flatten)]
    pub task: TaskNamed,
    /// How to print it
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre task run`
#[derive(Clone, Debug, Args)]
pub struct TaskRunArgs {
    /// Which
    #[command(flatten)]
    pub task: TaskNamed,
    /// Another source than the task's: an address, a folder, or /dev/null
    #[arg(short, long, value_name = "ADDRESS")]
    pub context: Option<String>,
    /// Another file of it
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<String>,
    /// Another stage to build
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// A build argument besides the task's, or instead of the one of that name; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub arg: Vec<String>,
    /// The same, kept secret
    #[arg(long, value_name = "KEY[=@FILE|=VALUE]")]
    pub secret_arg: Vec<String>,
    /// A value besides the task's, or instead of the one of that name; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The same, kept secret
    #[arg(long, value_name = "KEY[=@FILE|=VALUE]")]
    pub set_secret: Vec<String>,
    /// Other platforms than the task's
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// How the run is followed
    #[command(flatten)]
    pub follow: Follow,
}

/// `acre task webhook`
#[derive(Clone, Debug, Args)]
pub struct WebhookArgs {
    /// The task whose source is told of
    #[arg(short, long, value_name = "TASK", required_unless_present = "registries", conflicts_with = "registries")]
    pub name: Option<TaskName>,
    /// For registries that tell the project of images, instead
    #[arg(long)]
    pub registries: bool,
    /// Draw another secret; the old one is good no more
    #[arg(long)]
    pub rotate: bool,
    /// How to print them
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre graph`
#[derive(Clone, Debug, Args)]
pub struct GraphArgs {
    /// Also what a new digest of this image would start: `REGISTRY/REPOSITORY:TAG`
    #[arg(long = "if", value_name = "IMAGE")]
    pub if_image: Option<String>,
    /// Print it in the language of Graphviz, for `dot -Tsvg`
    #[arg(long, conflicts_with = "format")]
    pub dot: bool,
    /// Draw it as an SVG into this file; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "dot"])]
    pub svg: Option<PathBuf>,
    /// How to print it
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre task timer`
#[derive(Clone, Debug, Subcommand)]
pub enum TimerCommand {
    /// Add a schedule
    Add(TimerArgs),
    /// Change a schedule
    Update(TimerArgs),
    /// Remove a schedule
    Remove(TimerNamed),
    /// List the schedules, with when they are next
    List(TaskShowArgs),
}

/// `acre task timer add`, `acre task timer update`
#[derive(Clone, Debug, Args)]
pub struct TimerArgs {
    /// Which
    #[command(flatten)]
    pub timer: TimerNamed,
    /// Minute, hour, day, month, day of the week, and behind them a time zone if it is not UTC
    #[arg(long, value_name = "CRON")]
    pub schedule: Option<String>,
    /// Whether it starts the task: Enabled or Disabled
    #[arg(long, value_enum, ignore_case = true, value_name = "STATUS")]
    pub status: Option<Status>,
    /// The same as `az acr` says it
    #[arg(long, value_name = "BOOL", value_parser = yes_or_no, conflicts_with = "status", hide = true)]
    pub enabled: Option<bool>,
}

impl TimerArgs {
    /// Whether it starts the task, if that is said.
    pub fn status(&self) -> Option<Status> {
        let enabled = self.enabled.map(|enabled| if enabled { Status::Enabled } else { Status::Disabled });
        self.status.or(enabled)
    }
}

/// Which timer of which task.
#[derive(Clone, Debug, Args)]
pub struct TimerNamed {
    /// The task
    #[command(flatten)]
    pub task: TaskNamed,
    /// The timer
    #[arg(long, value_name = "TIMER")]
    pub timer_name: TimerName,
    /// How to print what the task has then
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre task credential`
#[derive(Clone, Debug, Subcommand)]
pub enum CredentialCommand {
    /// Add a login
    Add(CredentialArgs),
    /// Change a login
    Update(CredentialArgs),
    /// Remove a login
    Remove(CredentialNamed),
    /// List the logins, without their passwords
    List(TaskShowArgs),
}

/// `acre task credential add`, `acre task credential update`
#[derive(Clone, Debug, Args)]
pub struct CredentialArgs {
    /// Which
    #[command(flatten)]
    pub named: CredentialNamed,
    /// User name
    #[arg(short, long, value_name = "USER")]
    pub username: String,
    /// Password or token; can be seen by other users of this machine: better is --password-stdin
    #[arg(short, long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    pub password: Option<String>,
    /// Read the password or token from standard input, but for one line break at its end [default: ask for it on the
    /// terminal]
    #[arg(long)]
    pub password_stdin: bool,
}

/// Which login of which task.
#[derive(Clone, Debug, Args)]
pub struct CredentialNamed {
    /// The task
    #[command(flatten)]
    pub task: TaskNamed,
    /// The registry, as `HOST[:PORT]`
    #[arg(long, value_name = "REGISTRY")]
    pub login_server: String,
    /// How to print what the task has then
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}
