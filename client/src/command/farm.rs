//! `acre farm`: farms that are known by name, joining one, and letting others join.

use super::{print, print_as};
use crate::{
    args::{FarmCommand, Format},
    error::Error,
    exit_code::ExitCode,
    farm::{self, Address, Config, Edit, LOCAL, NewToken, Wish, check_name, local::can_be_here},
    render::table::table,
    system::USER,
    tell,
};
use acre_link::read_token;
use acre_model::{ids::PersonName, joining::Admits};
use serde::Serialize;
use std::{
    env, fs,
    io::{self, Write},
    path::Path,
};

#[derive(Serialize)]
struct Entry {
    name: String,
    address: String,
    default: bool,
}

/// Does what the command says.
pub(super) async fn farm(wish: &Wish, command: FarmCommand) -> Result<ExitCode, Error> {
    match command {
        FarmCommand::List { format } => list(format)?,
        FarmCommand::Add { name, address, token_file, person } => {
            add(&name, &address, token_file.as_deref(), person).await?;
        }
        FarmCommand::Use { name } => make_default(&name)?,
        FarmCommand::Remove { name } => remove(&name)?,
        FarmCommand::Token { name, ttl } => {
            let token = farm::connect_running(wish).await?.create_token(Admits::Person(name), ttl).await?;
            print_token(&token, "acre farm add NAME https://HOST:PORT --token-file FILE")?;
        }
    }
    Ok(ExitCode::Success)
}

/// Writes a token to standard output, where it may be caught in a file, and what to do with it to standard error.
pub(super) fn print_token(token: &NewToken, then: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(token.text.expose())?;
    out.write_all(b"\n")?;
    out.flush()?;
    tell(&format!("good once, until {} UTC; then: {then}", token.expires.as_log_time()));
    Ok(())
}

/// Lists the farms of the configuration, and this machine's.
fn list(format: Format) -> Result<(), Error> {
    let config = Config::load()?;
    let default = config.default_farm().unwrap_or(LOCAL);
    let own = can_be_here().is_ok().then_some((LOCAL, "this machine"));
    let farms = config.farms().chain(own);
    let entries: Vec<Entry> = farms
        .map(|(name, address)| Entry { name: name.to_owned(), address: address.to_owned(), default: name == default })
        .collect();
    let row = |entry: &Entry| {
        let star = if entry.default { "*" } else { "" };
        [format!("{}{star}", entry.name), entry.address.clone()]
    };
    print_as(format, &entries, || table(["FARM", "ADDRESS"], entries.iter().map(row)))
}

async fn add(name: &str, address: &str, token_file: Option<&Path>, person: Option<PersonName>) -> Result<(), Error> {
    check_name(name)?;
    let address: Address = address.parse()?;
    let config = Config::load()?;
    if let Some((_, other)) = config.farms().find(|(known, other)| *known == name && *other != address.to_string()) {
        let why = format!(
            "farm `{name}` is known already, at {other}; give this one another name, or `acre farm remove {name}` first"
        );
        return Err(Error::Usage(why));
    }
    let joined = match (&address, token_file) {
        (Address::Unix(_), None) => String::new(),
        (Address::Unix(_), Some(_)) => {
            return Err(Error::Usage(format!("{address} needs no token: whoever may open the socket is let in")));
        }
        (Address::Network(_), None) => {
            return Err(Error::Usage(format!(
                "{address} needs a token of `acre farm token`; give it with --token-file"
            )));
        }
        (Address::Network(farm), Some(file)) => {
            let person = person.map_or_else(user, Ok)?;
            let token = read_token(file).map_err(|why| Error::Usage(why.to_string()))?;
            format!(", as {}", farm::join(name, farm, &token, person).await?)
        }
    };
    Edit::Add(name, &address.to_string()).save()?;
    let default = if config.default_farm() == Some(name) {
        String::new()
    } else {
        format!("; `acre farm use {name}` makes it the default")
    };
    print(&format!("farm {name} is at {address}{joined}{default}\n"))
}

/// The name that this user is logged in by.
fn user() -> Result<PersonName, Error> {
    let named = USER.iter().find_map(|variable| env::var(variable).ok()?.parse().ok());
    named.ok_or_else(|| {
        let variables = USER.join(" and ");
        Error::Usage(format!("no name for the farm is in {variables}; say who you are with --as"))
    })
}

fn make_default(name: &str) -> Result<(), Error> {
    if name != LOCAL {
        Config::load()?.address(name)?;
    }
    Edit::Use(name).save()?;
    print(&format!("farm {name} is the default\n"))
}

fn remove(name: &str) -> Result<(), Error> {
    check_name(name)?;
    let path = Config::membership(name)?;
    let is_known = Config::load()?.farms().any(|(known, _)| known == name);
    if !is_known && !path.exists() {
        // Says which names there are.
        Config::load()?.address(name)?;
    }
    // The key first: without the entry, nobody would look for it.
    match fs::remove_file(&path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            return Err(Error::file(format!("cannot remove {}", path.display()))(why));
        }
        _ => Edit::Remove(name).save()?,
    }
    print(&format!("farm {name} is forgotten\n"))
}
