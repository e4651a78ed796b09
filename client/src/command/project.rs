//! `acre project`: what is in projects, who is notified by them, and removing all of it.

use super::{notify, print, print_as};
use crate::{
    args::ProjectCommand,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    render::project as render,
};
use acre_model::ids::ProjectName;
use std::io::{self, IsTerminal};

/// Lists, shows, deletes, or sees to who is notified.
pub(super) async fn project(wish: &Wish, command: ProjectCommand) -> Result<ExitCode, Error> {
    match command {
        ProjectCommand::List { format } => {
            let projects = farm::connect_running(wish).await?.all_projects().await?;
            print_as(format, &projects, || render::list(&projects))?;
        }
        ProjectCommand::Show { name, format } => {
            let name = name.unwrap_or_else(|| wish.project.clone());
            let project = farm::connect_running(wish).await?.project_view(&name).await?;
            print_as(format, &project, || render::show(&project))?;
        }
        ProjectCommand::Delete { name, yes } => {
            let farm = farm::connect_running(wish).await?;
            if !yes {
                confirm(&name, &render::show(&farm.project_view(&name).await?))?;
            }
            print(&render::deleted(&farm.delete_project(&name).await?))?;
        }
        ProjectCommand::Notify(command) => return notify::notify(wish, command).await,
    }
    Ok(ExitCode::Success)
}

/// Has a person type the project's name, below what is in it.
fn confirm(name: &ProjectName, shown: &str) -> Result<(), Error> {
    if !io::stdin().is_terminal() {
        let why = format!("project {name} goes with all that is in it; say --yes, or be asked on a terminal");
        return Err(Error::Usage(why));
    }
    let terminal = console::Term::stderr();
    let ask = || {
        terminal.write_str(&format!("{shown}\nAll of it goes for ever. Type the project's name to remove it: "))?;
        terminal.read_line()
    };
    let typed = ask().map_err(Error::file("cannot ask on the terminal"))?;
    if typed.trim() == name.as_str() { Ok(()) } else { Err(Error::Refused("nothing was removed".to_owned())) }
}
