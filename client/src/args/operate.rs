//! Command lines of the commands about the farm itself and about `acre`.

use super::Format;
use acre_model::{ids::PersonName, poll::PollInterval};
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
    /// Listen for webhooks here, as 127.0.0.1:8070: plain HTTP on this machine's own address
    #[arg(long, value_name = "HOST:PORT")]
    pub hooks: Option<String>,
    /// How often registries are asked for images that start tasks, for example 10m, or `never` [default: 10m]
    #[arg(long, value_name = "DURATION")]
    pub poll: Option<PollInterval>,
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
    /// Join a farm on the network by a token, or name one at a socket
    Add {
        /// The name it shall have here
        #[arg(value_name = "NAME")]
        name: String,
        /// Where it is: `https://HOST:PORT`, or `unix:/PATH`
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// File with a token of `acre farm token`, or - for standard input
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Who you are to the farm, unless the token says it [default: the name you are logged in by]
        #[arg(long = "as", value_name = "PERSON")]
        person: Option<PersonName>,
    },
    /// Make a farm the one of commands that name none; `local` is this machine's
    Use {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Forget a farm, and what lets this machine in
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Make a token by which a person joins the farm, once
    Token {
        /// Whom it is for [default: as is said at joining]
        #[arg(long, value_name = "PERSON")]
        name: Option<PersonName>,
        /// How long it is good, 1s to 7d
        #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = acre_model::duration::parse)]
        ttl: u64,
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
