//! `acre project`: the project itself.

use super::notify;
use crate::{args::ProjectCommand, error::Error, exit_code::ExitCode, farm::Wish};

/// Does what the command line says.
pub(super) async fn project(wish: &Wish, command: ProjectCommand) -> Result<ExitCode, Error> {
    match command {
        ProjectCommand::Notify(command) => notify::notify(wish, command).await,
    }
}
