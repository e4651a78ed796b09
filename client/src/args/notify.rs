//! Command lines of `acre project notify`.

use super::Format;
use acre_model::{
    ids::{NotificationName, TaskName},
    notification::Occasion,
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `acre project notify`
#[derive(Clone, Debug, Subcommand)]
pub enum NotifyCommand {
    /// Notify somebody of the ends of the project's tasks' runs
    Add(NotifyAddArgs),
    /// List who is notified; of addresses, their hosts
    List {
        /// How to print them
        #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Notify somebody no more
    Remove(NotifyNamed),
    /// Send somebody a test now, and say what they answered
    Test(NotifyNamed),
}

/// `acre project notify add`
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("receiver").required(true))]
pub struct NotifyAddArgs {
    /// A name for them
    #[arg(value_name = "NAME")]
    pub name: NotificationName,
    /// File with the address of an incoming webhook of Slack, or of what takes the same; `-` reads standard input
    #[arg(long, value_name = "FILE", group = "receiver")]
    pub slack_file: Option<PathBuf>,
    /// Address of a webhook; its requests are signed (Standard Webhooks)
    #[arg(long, value_name = "URL", group = "receiver")]
    pub webhook: Option<String>,
    /// File with what the webhook's requests are signed with, `whsec_` and base64 [default: the farm draws it, and it is
    /// printed once]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["slack_file", "email"])]
    pub secret_file: Option<PathBuf>,
    /// E-mail address; the farm needs `acre-scheduler --smtp`
    #[arg(long, value_name = "ADDRESS", group = "receiver")]
    pub email: Option<String>,
    /// Of what, separated by commas: failure, success, recovery (the first success after a failure)
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "failure,recovery")]
    pub on: Vec<Occasion>,
    /// Of the runs of this task; may be repeated [default: of all tasks]
    #[arg(long, value_name = "TASK")]
    pub task: Vec<TaskName>,
}

/// Who.
#[derive(Clone, Debug, Args)]
pub struct NotifyNamed {
    /// Their name
    #[arg(value_name = "NAME")]
    pub name: NotificationName,
}
