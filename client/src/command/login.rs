//! `acre login` and `acre logout`: the project's logins to registries.

use super::{print, print_as};
use crate::{
    args::{LoginArgs, LogoutArgs},
    error::Error,
    exit_code::ExitCode,
    farm::{self, Wish},
    now, render, secret,
};
use acre_model::{reference::Reference, secret::Login, text::clip};
use std::io::{self, IsTerminal};

/// Stores a login, or lists them. Whether the registry takes it shows when it is used.
pub(super) async fn login(wish: &Wish, args: LoginArgs) -> Result<ExitCode, Error> {
    if args.list {
        let logins = farm::connect_running(wish).await?.logins().await?;
        print_as(args.format, &logins, || render::project::logins(&logins, now()))?;
        return Ok(ExitCode::Success);
    }
    let registry = registry(args.registry.as_deref())?;
    let username = args.username.filter(|name| !name.is_empty() && !name.contains(':'));
    let username = username.ok_or_else(|| Error::Usage("a user name is not empty and has no colon".to_owned()))?;
    let password = if args.password_stdin {
        secret::read_stdin()?
    } else if io::stdin().is_terminal() {
        secret::ask(&format!("Password of {username} at {registry}: "))?
    } else {
        let why = "there is no terminal to ask for the password; pipe it in, with --password-stdin";
        return Err(Error::Usage(why.to_owned()));
    };
    if password.expose().is_empty() {
        return Err(Error::Usage("the password is empty".to_owned()));
    }
    let login = Login { registry: registry.clone(), username, password };
    farm::connect(wish).await?.set_login(login).await?;
    print(&format!("project {} has a login to {registry}\n", wish.project))?;
    Ok(ExitCode::Success)
}

/// Removes a login.
pub(super) async fn logout(wish: &Wish, args: LogoutArgs) -> Result<ExitCode, Error> {
    let registry = registry(args.registry.as_deref())?;
    farm::connect(wish).await?.delete_login(&registry).await?;
    print(&format!("project {} has no login to {registry} any more\n", wish.project))?;
    Ok(ExitCode::Success)
}

/// `host[:port]` of what was written, which may have a scheme and a path as Docker's users write it.
fn registry(written: Option<&str>) -> Result<String, Error> {
    let Some(written) = written else { return Ok(secret::HUB.to_owned()) };
    let host = secret::host(written);
    let named = format!("{host}/x").parse::<Reference>();
    if named.is_ok_and(|name| name.registry().is_some()) {
        return Ok(host.to_owned());
    }
    Err(Error::Usage(format!("`{}` is not a registry; write HOST[:PORT], for example r.example", clip(written))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_host() {
        let table = [
            (None, Ok("docker.io")),
            (Some("https://index.docker.io/v1/"), Ok("docker.io")),
            (Some("r.example:5000/team"), Ok("r.example:5000")),
            (Some("localhost"), Ok("localhost")),
            (Some("team"), Err("`team` is not a registry")),
            (Some(""), Err("`` is not a registry")),
        ];
        for (written, expected) in table {
            match (registry(written).map_err(|why| why.to_string()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{written:?}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{written:?}: {found}"),
                (found, _) => panic!("{written:?}: {found:?}"),
            }
        }
    }
}
