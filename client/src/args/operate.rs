//! Command lines of the commands about the farm itself and about `acre`.

use super::Format;
use clap::{Args, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// `acre up`
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// Stop the farm by itself after 30 minutes without a run
    #[arg(long)]
    pub idle_stop: bool,
    /// The engine of its agent, as `unix:///PATH` [default: DOCKER_HOST if it is such, else the agent's own]
    #[arg(long, value_name = "ADDRESS")]
    pub engine: Option<String>,
}

/// `acre down`
#[derive(Clone, Debug, Args)]
pub struct DownArgs {
    /// Cancel what runs instead of waiting for it
    #[arg(long)]
    pub now: bool,
}

/// `acre doctor`
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// Also see whether this registry answers, as `HOST[:PORT]`
    #[arg(short, long, value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// How to print what was found
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `acre farm`
#[derive(Clone, Debug, Subcommand)]
pub enum FarmCommand {
    /// List the farms of the configuration, `$XDG_CONFIG_HOME/acre/config.toml`
    List {
        /// How to print them; a star in the table marks the default
        #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
}

/// `acre completion`
#[derive(Clone, Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `acre man`
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// A folder for one page per command, `acre-run.1` and so on; without it, `acre.1` is printed
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}
