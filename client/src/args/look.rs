//! Command lines of the commands that look at runs and agents, or end a run.

use acre_model::ids::{BadName, PoolName, RunId};
use clap::{Args, Subcommand, ValueEnum};
use std::{fmt, path::PathBuf, str::FromStr};

/// How something is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For programs: one JSON value, times in milliseconds since 1970
    Json,
    /// The same as YAML
    Yaml,
}

/// A run: its id, or the newest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunRef {
    /// The newest run of the project.
    Last,
    /// This run.
    Id(RunId),
}

impl FromStr for RunRef {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text == "last" { Ok(Self::Last) } else { text.parse().map(Self::Id) }
    }
}

impl fmt::Display for RunRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Id(id) => id.fmt(f),
        }
    }
}

/// `acre logs`
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// Go on with what comes, until the run is over; a lost connection is made again for up to 2 minutes
    #[arg(short, long)]
    pub follow: bool,
    /// Only this step, or this unit (`STEP@OS/ARCH`); with one unit the bytes are printed as they are
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Leave out the first N bytes; needs --step with one unit. The bytes that were printed so far are the offset at
    /// which to go on
    #[arg(long, value_name = "N", default_value_t = 0, requires = "step")]
    pub offset: u64,
    /// The run's id, or `last` for the project's newest
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: RunRef,
}

/// `acre show`
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// How to print it
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// The run's id, or `last` for the project's newest
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: RunRef,
}

/// `acre artifacts`
#[derive(Clone, Debug, Args)]
pub struct ArtifactsArgs {
    /// Write them into this folder [default: the current one]; a path that several units left goes into a folder per
    /// unit
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = ".")]
    pub get: Option<PathBuf>,
    /// How to print the list
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// The run's id, or `last` for the project's newest
    #[arg(value_name = "RUN")]
    pub run: RunRef,
    /// Only these, as in a `.dockerignore`: `report.xml`, `out`, `**/*.xml` [default: all]
    #[arg(value_name = "PATTERN")]
    pub patterns: Vec<String>,
}

/// `acre list`
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// How many runs to show, 1 to 1000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// How to print them
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre cancel`
#[derive(Clone, Debug, Args)]
pub struct CancelArgs {
    /// Wait until the run is over
    #[arg(long)]
    pub wait: bool,
    /// How to print what became of it
    #[arg(short = 'o', long, alias = "output", value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// The run's id, or `last` for the project's newest
    #[arg(value_name = "RUN")]
    pub run: RunRef,
}

/// `acre agents`
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AgentsArgs {
    /// How to print them; a star in the table marks an emulated platform
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Show also cores, memory, disk, labels and version in the table
    #[arg(short = 'w', long)]
    pub wide: bool,
    /// Give this agent no new work; it finishes what it has
    #[arg(long, value_name = "AGENT", conflicts_with = "undrain")]
    pub drain: Option<String>,
    /// Give this agent work again
    #[arg(long, value_name = "AGENT")]
    pub undrain: Option<String>,
    /// What else to do about agents
    #[command(subcommand)]
    pub command: Option<AgentsCommand>,
}

/// `acre agents` and a word
#[derive(Clone, Debug, Subcommand)]
pub enum AgentsCommand {
    /// Make a token by which an agent joins the farm, once
    Token {
        /// The pool it joins
        #[arg(long, value_name = "POOL", default_value_t)]
        pool: PoolName,
        /// How long it is good, 1s to 7d
        #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = acre_model::duration::parse)]
        ttl: u64,
    },
}
