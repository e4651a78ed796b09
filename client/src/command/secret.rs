//! `acre secret`: the project's own secrets.

use super::{print, print_as};
use crate::{
    args::SecretCommand,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now, render, secret,
};
use acre_model::secret::SecretValue;
use std::{
    io::{self, IsTerminal},
    path::Path,
};

/// Sets, lists or deletes.
pub(super) async fn secret(wish: &Wish, command: SecretCommand) -> Result<ExitCode, Error> {
    match command {
        SecretCommand::Set { name, from_file } => {
            let value = value(from_file.as_deref(), name.as_str())?;
            if value.expose().is_empty() {
                return Err(Error::Usage(format!("the value of secret `{name}` is empty")));
            }
            farm::connect(wish).await?.set_secret(&name, &value).await?;
            print(&format!("secret {name} is set in project {}\n", wish.project))?;
        }
        SecretCommand::List { format } => {
            let secrets = farm::connect_running(wish).await?.secrets().await?;
            print_as(format, &secrets, || render::project::secrets(&secrets, now()))?;
        }
        SecretCommand::Delete { name } => {
            farm::connect(wish).await?.delete_secret(&name).await?;
            print(&format!("secret {name} is deleted from project {}\n", wish.project))?;
        }
    }
    Ok(ExitCode::Success)
}

/// From a file, from a person, or from what is piped in.
fn value(file: Option<&Path>, name: &str) -> Result<SecretValue, Error> {
    match file {
        Some(path) => secret::read_file(path),
        None if io::stdin().is_terminal() => secret::ask(&format!("Value of secret {name}: ")),
        None => secret::read_stdin(),
    }
}
