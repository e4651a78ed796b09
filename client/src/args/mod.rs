//! The command line, as it is written: each flag says its unit and its default. What the words mean together is checked
//! in [`checked`].

pub mod checked;
mod examples;
mod look;
mod notify;
mod operate;
mod project;
mod submit;
mod task;
mod task_runs;

pub use look::{AgentsArgs, AgentsCommand, ArtifactsArgs, CancelArgs, Format, ListArgs, LogsArgs, RunRef, ShowArgs};
pub use notify::{NotifyAddArgs, NotifyCommand, NotifyNamed};
pub use operate::{CompletionArgs, DoctorArgs, DownArgs, FarmCommand, ManArgs, UpArgs};
pub use project::{LoginArgs, LogoutArgs, ProjectCommand, SecretCommand};
pub use submit::{BuildArgs, CheckArgs, Follow, RunArgs, Shared, Task};
pub use task::{
    ApplyArgs, CreateArgs, CredentialArgs, CredentialCommand, CredentialNamed, GraphArgs, TaskCommand, TaskFlags,
    TaskRunArgs, TaskShowArgs, TimerArgs, TimerCommand, TimerNamed, UpdateArgs, WebhookArgs,
};
pub use task_runs::{ListRunsArgs, TaskLogsArgs, TaskRunRef, UpdateRunArgs};

use crate::{exit_code::ExitCode, farm::Wish};
use acre_model::ids::ProjectName;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Builds, runs and tests containers on a farm: on this machine, or on many.
#[derive(Clone, Debug, Parser)]
#[command(name = "acre", version, after_long_help = ExitCode::help(), max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// The farm: a name of the configuration (`acre farm list`), an address `https://HOST:PORT` or `unix:/PATH`, or `local` for this
    /// machine's [default: the configuration's default-farm, else local]
    #[arg(
        long,
        global = true,
        env = "ACRE_FARM",
        hide_env_values = true,
        value_name = "NAME|ADDRESS",
        help_heading = "Farm"
    )]
    pub farm: Option<String>,

    /// The project that owns the runs
    #[arg(
        long,
        global = true,
        env = "ACRE_PROJECT",
        hide_env_values = true,
        value_name = "NAME",
        default_value = "default",
        help_heading = "Farm"
    )]
    pub project: ProjectName,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Build an image from a source, and push it where a registry is known
    Build(BuildArgs),
    /// Run a task of several steps on a source
    Run(RunArgs),
    /// Compile a task without running it, and print its plan; needs no farm
    Check(CheckArgs),
    /// Print the log of a run
    Logs(LogsArgs),
    /// Show a run: its units, what it built from what, its tests
    Show(ShowArgs),
    /// List the files that a run kept, or fetch them
    Artifacts(ArtifactsArgs),
    /// List runs, newest first
    List(ListArgs),
    /// Ask for the end of a run
    Cancel(CancelArgs),
    /// Tasks that the project keeps, and what starts them
    #[command(subcommand)]
    Task(TaskCommand),
    /// What the tasks of the project build on, what of it is stale, and what would be built anew
    Graph(GraphArgs),
    /// Projects: what is in them, and removing all of it
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Secrets of the project, for tasks that say `from: project:NAME`
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Keep the login to a registry with the project, for all its runs
    Login(LoginArgs),
    /// Forget the project's login to a registry
    Logout(LogoutArgs),
    /// List the agents of the farm
    Agents(AgentsArgs),
    /// Start a farm on this machine, and wait until it is ready
    Up(UpArgs),
    /// Let the farm of this machine finish what runs, then stop it
    Down(DownArgs),
    /// Look for what could keep a farm from working, and say what to do
    Doctor(DoctorArgs),
    /// Farms that are known by name
    #[command(subcommand)]
    Farm(FarmCommand),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Print the manual page, or write one page per command into a folder
    Man(ManArgs),
}

impl Cli {
    /// Which farm the command is for.
    pub fn wish(&self) -> Wish {
        Wish { farm: self.farm.clone().filter(|farm| !farm.is_empty()), project: self.project.clone() }
    }

    /// The whole command line as clap knows it. The help of every command ends with examples and the exit codes.
    pub fn described() -> clap::Command {
        with_endings(Self::command(), String::new())
    }

    /// The command line of this process; ends the process where it asks for help, or is wrong (exit code 2).
    pub fn of_process() -> Self {
        let matches = Self::described().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|fault| fault.exit())
    }
}

/// `path` are the words of the command behind `acre`, each with a blank behind it.
fn with_endings(command: clap::Command, path: String) -> clap::Command {
    let ending = match examples::of(path.trim_end()) {
        Some(examples) => format!("Examples:\n{examples}\n\n{}", ExitCode::help()),
        None => ExitCode::help(),
    };
    command.after_long_help(ending).mut_subcommands(|sub| {
        let path = format!("{path}{} ", sub.get_name());
        with_endings(sub, path)
    })
}
