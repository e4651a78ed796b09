//! Command lines of the commands about projects, and what they keep: secrets and logins.

use super::{Format, NotifyCommand};
use acre_model::ids::{ProjectName, SecretId};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `acre project`
#[derive(Clone, Debug, Subcommand)]
pub enum ProjectCommand {
    /// List the projects. `default` is always there, any other as long as something is in it: nothing has to be created
    List {
        /// How to print them
        #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Show what is in a project
    Show {
        /// Its name [default: that of --project]
        #[arg(value_name = "NAME")]
        name: Option<ProjectName>,
        /// How to print it
        #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Remove everything that is in a project: its tasks, secrets and logins, and its runs with logs and reports, also those
    /// that were to be kept. Not while runs of it go on
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        name: ProjectName,
        /// Do not ask for its name on the terminal
        #[arg(short, long)]
        yes: bool,
    },
    /// Who is notified of the ends of its tasks' runs
    #[command(subcommand)]
    Notify(NotifyCommand),
}

/// `acre secret`
#[derive(Clone, Debug, Subcommand)]
pub enum SecretCommand {
    /// Store a secret, in place of one of the same name; its value comes from standard input or a file
    Set {
        /// Its name
        #[arg(value_name = "NAME")]
        name: SecretId,
        /// The file with its value, byte for byte [default: standard input, but for one line break at its end]
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
    },
    /// List the secrets, without their values
    List {
        /// How to print them
        #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Remove a secret
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        name: SecretId,
    },
}

/// `acre login`
#[derive(Clone, Debug, Args)]
pub struct LoginArgs {
    /// User name
    #[arg(short, long, value_name = "USER", required_unless_present = "list")]
    pub username: Option<String>,
    /// Read the password or token from standard input, but for one line break at its end [default: ask for it on the
    /// terminal]
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// List the logins, without their passwords
    #[arg(long, conflicts_with_all = ["username", "registry"])]
    pub list: bool,
    /// How to print the list
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// The registry, as `HOST[:PORT]` [default: docker.io]
    #[arg(value_name = "REGISTRY")]
    pub registry: Option<String>,
}

/// `acre logout`
#[derive(Clone, Debug, Args)]
pub struct LogoutArgs {
    /// The registry, as `HOST[:PORT]` [default: docker.io]
    #[arg(value_name = "REGISTRY")]
    pub registry: Option<String>,
}
