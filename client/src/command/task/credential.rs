//! `acre task credential`: logins of a task to registries.

use super::{print_as, put};
use crate::{
    args::{CredentialArgs, CredentialCommand, CredentialNamed},
    error::Error,
    exit_code::ExitCode,
    farm::{self, TaskSecrets, Wish},
    render::stored_task as render,
    secret,
};
use acre_model::{
    secret::{Confidential, Login, SecretValue},
    text::clip,
};

/// Adds, changes, removes or lists.
pub(super) async fn credential(wish: &Wish, command: CredentialCommand) -> Result<ExitCode, Error> {
    match command {
        CredentialCommand::Add(args) => set(wish, args, false).await,
        CredentialCommand::Update(args) => set(wish, args, true).await,
        CredentialCommand::Remove(named) => remove(wish, named).await,
        CredentialCommand::List(args) => {
            let logins = farm::connect(wish).await?.task(&args.task.name).await?.logins;
            print_as(args.format, &logins, || render::logins(&logins))?;
            Ok(ExitCode::Success)
        }
    }
}

async fn set(wish: &Wish, args: CredentialArgs, is_there: bool) -> Result<ExitCode, Error> {
    let CredentialArgs { named, username, password, password_stdin } = args;
    let password = match (password, password_stdin) {
        (Some(password), _) => SecretValue::new(password.into_bytes()),
        (None, true) => secret::read_stdin()?,
        (None, false) => secret::ask(&format!("Password of {}: ", clip(&username)))?,
    };
    let farm = farm::connect(wish).await?;
    let mut task = farm.task(&named.task.name).await?;
    let registry = named.login_server;
    match (task.logins.contains(&registry), is_there) {
        (false, true) => return Err(missing(&registry)),
        (true, false) => {
            let shown = clip(&registry);
            return Err(Error::Refused(format!(
                "there is a login to `{shown}` already; `credential update` changes it"
            )));
        }
        (false, false) => task.logins.push(registry.clone()),
        (true, true) => {}
    }
    let confidential = Confidential { logins: vec![Login { registry, username, password }], ..Confidential::default() };
    let secrets = TaskSecrets { confidential, git_token: None };
    let logins = put(&farm, task, secrets).await?.logins;
    print_as(named.format, &logins, || render::logins(&logins))?;
    Ok(ExitCode::Success)
}

async fn remove(wish: &Wish, named: CredentialNamed) -> Result<ExitCode, Error> {
    let farm = farm::connect(wish).await?;
    let mut task = farm.task(&named.task.name).await?;
    let place = task.logins.iter().position(|registry| *registry == named.login_server);
    task.logins.remove(place.ok_or_else(|| missing(&named.login_server))?);
    let logins = put(&farm, task, TaskSecrets::default()).await?.logins;
    print_as(named.format, &logins, || render::logins(&logins))?;
    Ok(ExitCode::Success)
}

fn missing(registry: &str) -> Error {
    Error::Refused(format!("the task has no login to `{}`", clip(registry)))
}
