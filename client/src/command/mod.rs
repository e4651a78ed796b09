//! What the commands do, one file each. Their texts are made by [`crate::render`].

mod agents;
mod artifacts;
mod attend;
mod build;
mod cancel;
mod check;
mod completion;
mod doctor;
mod down;
mod farm;
mod gather;
mod graph;
mod hand_in;
mod list;
mod login;
mod logs;
mod man;
mod notify;
mod project;
mod run;
mod secret;
mod show;
mod takers;
mod task;
mod up;

use crate::{
    args::{Cli, Command, Format, RunRef},
    error::Error,
    exit_code::ExitCode,
    farm::FarmClient,
    render, trace,
};
use acre_model::ids::RunId;
use serde::Serialize;
use std::io::{self, Write};
use tracing::Instrument as _;

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<ExitCode, Error> {
    let wish = cli.wish();
    match cli.command {
        Command::Build(args) => build::build(&wish, args).instrument(trace::of_command("acre build")).await,
        Command::Run(args) => run::run(&wish, args).instrument(trace::of_command("acre run")).await,
        Command::Check(args) => check::check(args).await,
        Command::Logs(args) => logs::logs(&wish, args).await,
        Command::Show(args) => show::show(&wish, args).await,
        Command::Artifacts(args) => artifacts::artifacts(&wish, args).await,
        Command::List(args) => list::list(&wish, args).await,
        Command::Cancel(args) => cancel::cancel(&wish, args).await,
        Command::Graph(args) => graph::graph(&wish, args).await,
        Command::Task(command) => task::task(&wish, command).await,
        Command::Project(command) => project::project(&wish, command).await,
        Command::Secret(command) => secret::secret(&wish, command).await,
        Command::Login(args) => login::login(&wish, args).await,
        Command::Logout(args) => login::logout(&wish, args).await,
        Command::Agents(args) => agents::agents(&wish, args).await,
        Command::Up(args) => up::up(args).await,
        Command::Down(args) => down::down(args).await,
        Command::Doctor(args) => doctor::doctor(&wish, args).await,
        Command::Farm(command) => farm::farm(&wish, command).await,
        Command::Completion(args) => completion::completion(&args),
        Command::Man(args) => man::man(&args),
    }
}

/// Writes a text to standard output.
fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes a value to standard output: as a table for people, or as it is for programs.
fn print_as(format: Format, value: &impl Serialize, table: impl FnOnce() -> String) -> Result<(), Error> {
    match format {
        Format::Table => print(&table()),
        Format::Json => print(&render::json(value)),
        Format::Yaml => print(&render::yaml(value)),
    }
}

/// The id of the run that is meant.
async fn resolve(farm: &FarmClient, run: &RunRef) -> Result<RunId, Error> {
    match run {
        RunRef::Id(id) => Ok(id.clone()),
        RunRef::Last => match farm.list(1).await?.into_iter().next() {
            Some(run) => Ok(run.id),
            None => Err(Error::Refused(format!("project {} has no run yet; `acre run` makes one", farm.project()))),
        },
    }
}
