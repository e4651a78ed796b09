//! `acre farm list`: farms that are known by name.

use super::print_as;
use crate::{
    args::FarmCommand,
    error::Error,
    exit_code::ExitCode,
    farm::{Config, LOCAL},
    render::table::table,
};
use serde::Serialize;

#[derive(Serialize)]
struct Entry {
    name: String,
    address: String,
    default: bool,
}

/// Lists the farms of the configuration, and this machine's.
pub(super) fn farm(FarmCommand::List { format }: FarmCommand) -> Result<ExitCode, Error> {
    let config = Config::load()?;
    let default = config.default_farm().unwrap_or(LOCAL);
    let farms = config.farms().chain([(LOCAL, "this machine")]);
    let entries: Vec<Entry> = farms
        .map(|(name, address)| Entry { name: name.to_owned(), address: address.to_owned(), default: name == default })
        .collect();
    let row = |entry: &Entry| {
        let star = if entry.default { "*" } else { "" };
        [format!("{}{star}", entry.name), entry.address.clone()]
    };
    print_as(format, &entries, || table(["FARM", "ADDRESS"], entries.iter().map(row)))?;
    Ok(ExitCode::Success)
}
