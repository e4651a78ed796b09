//! Command lines of `acre task` about runs.

use super::{Format, RunRef, task::yes_or_no};
use acre_model::{ids::TaskName, reference::Reference, run::RunStatus};
use clap::Args;

/// `acre task list-runs`
#[derive(Clone, Debug, Args)]
pub struct ListRunsArgs {
    /// Only runs of this task
    #[arg(short, long, value_name = "TASK")]
    pub name: Option<TaskName>,
    /// Only runs that built this image: `REPOSITORY[:TAG]` or `REPOSITORY@DIGEST`, with a registry in front of it or not
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<Reference>,
    /// For the sake of `az acr`: not looked at
    #[arg(short, long, value_name = "REGISTRY", hide = true)]
    pub registry: Option<String>,
    /// Only runs with this status: Queued, Started, Running, Succeeded, Failed, Canceled, Error or Timeout
    #[arg(long, value_name = "STATUS", value_parser = run_status)]
    pub run_status: Option<RunStatus>,
    /// At most so many, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub top: u32,
    /// How to print them
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// A status in ACR's words, however it is written.
fn run_status(text: &str) -> Result<RunStatus, String> {
    let found = RunStatus::ALL.into_iter().find(|status| status.to_string().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let all: Vec<String> = RunStatus::ALL.iter().map(ToString::to_string).collect();
        format!("write one of {}", all.join(", "))
    })
}

/// `acre task show-run`, `acre task cancel-run`
#[derive(Clone, Debug, Args)]
pub struct TaskRunRef {
    /// The run's id, or `last` for the project's newest
    #[arg(long, value_name = "RUN", default_value = "last")]
    pub run_id: RunRef,
    /// For the sake of `az acr`: not looked at
    #[arg(short, long, value_name = "REGISTRY", hide = true)]
    pub registry: Option<String>,
    /// How to print it
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre task update-run`
#[derive(Clone, Debug, Args)]
pub struct UpdateRunArgs {
    /// Which
    #[command(flatten)]
    pub run: TaskRunRef,
    /// Whether the run goes when it is old: `false` keeps it with its logs, its report and its files, whatever its age
    #[arg(long, value_name = "BOOL", value_parser = yes_or_no, action = clap::ArgAction::Set)]
    pub no_archive: bool,
}

/// `acre task logs`
#[derive(Clone, Debug, Args)]
pub struct TaskLogsArgs {
    /// The newest run of this task
    #[arg(short, long, value_name = "TASK", conflicts_with = "run_id")]
    pub name: Option<TaskName>,
    /// The newest run that built this image: `REPOSITORY[:TAG]` or `REPOSITORY@DIGEST`, with a registry in front of it or
    /// not
    #[arg(long, value_name = "IMAGE", conflicts_with = "run_id")]
    pub image: Option<Reference>,
    /// The run's id
    #[arg(long, value_name = "RUN", default_value = "last")]
    pub run_id: RunRef,
    /// For the sake of `az acr`: not looked at
    #[arg(short, long, value_name = "REGISTRY", hide = true)]
    pub registry: Option<String>,
}
