//! Farms: which one a command is for, how it is reached, and the one on this machine.

mod address;
mod client;
mod config;
mod joined;
pub mod local;

pub use address::{Address, BadAddress};
pub use client::{
    Expected, FarmClient, Fleet, Graph, GraphEdge, LogStream, NewToken, ProjectView, RunStream, RunsWanted, StaleKnown,
    StaleTask, StaleWhy, StoredLogin, StoredSecret, TaskSecrets, WaveState, WouldStart,
};
pub use config::{BadConfig, Config, Edit, check_name};
pub use joined::{NotJoined, join};

use crate::{error::Error, follow::Patience};
use acre_model::ids::ProjectName;
use local::{LocalError, LocalFarm, Part, Wanted, paths::Home};
use std::time::{Duration, Instant};

/// The name that always means the farm of this machine.
pub const LOCAL: &str = "local";

/// How long the scheduler of this machine may take until it listens.
const LISTENS: Duration = Duration::from_secs(10);

/// Which farm a command is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one of this machine, which is started where it must be.
    Local,
    /// One that somebody runs.
    Remote {
        /// As the user named it.
        name: String,
        /// Where.
        address: Address,
    },
}

/// What the command line and the environment say about the farm.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// `--farm` or `ACRE_FARM`: a name or an address.
    pub farm: Option<String>,
    /// `--project` or `ACRE_PROJECT`.
    pub project: ProjectName,
}

/// The farm that is wished for: an address as it is, a name by the list of farms, else the list's default, else the
/// farm of this machine.
pub fn choose(wish: Option<&str>, config: &Config) -> Result<Choice, Error> {
    let name = match wish.or(config.default_farm()) {
        None | Some(LOCAL) => return Ok(Choice::Local),
        Some(name) => name,
    };
    let address = if Address::is_meant(name) { name.parse()? } else { config.address(name)? };
    Ok(Choice::Remote { name: name.to_owned(), address })
}

/// A connection to the farm that is wished for. The farm of this machine is started if it must be, which is told on
/// standard error in one line.
pub async fn connect(wish: &Wish) -> Result<FarmClient, Error> {
    match choose(wish.farm.as_deref(), &Config::load()?)? {
        Choice::Local => {
            let (farm, up) = LocalFarm::new(Home::from_env()?).ensure_up(Wanted::default()).await?;
            up.iter().for_each(|line| crate::tell(line));
            connect_started(farm, &wish.project).await
        }
        Choice::Remote { name, address } => connect_remote(name, &address, wish).await,
    }
}

async fn connect_remote(name: String, address: &Address, wish: &Wish) -> Result<FarmClient, Error> {
    match address {
        Address::Unix(socket) => FarmClient::connect(name, socket, wish.project.clone(), None).await,
        Address::Network(farm) => {
            let channel = joined::connect(&name, farm).await?;
            Ok(FarmClient::over(channel, name, wish.project.clone()))
        }
    }
}

/// A connection to the farm of this machine, whose scheduler runs. Where another `acre` that was starting it was ended
/// before it was ready, it may take a moment until it listens.
async fn connect_started(farm: LocalFarm, project: &ProjectName) -> Result<FarmClient, Error> {
    let mut patience = Patience::of(LISTENS);
    loop {
        let connected =
            FarmClient::connect(LOCAL.to_owned(), &farm.socket(), project.clone(), Some(farm.clone())).await;
        let Err(why) = connected else { return connected };
        let Some(wait) = patience.failed(Instant::now()) else {
            let pid = farm.pid(Part::Scheduler).unwrap_or_default();
            return Err(LocalError::Silent { pid, why: why.to_string() }.into());
        };
        tokio::time::sleep(wait).await;
    }
}

/// A connection to the farm that is wished for, if it is up: commands that only look start nothing.
pub async fn connect_running(wish: &Wish) -> Result<FarmClient, Error> {
    match choose(wish.farm.as_deref(), &Config::load()?)? {
        Choice::Local => {
            local::can_be_here()?;
            let farm = LocalFarm::new(Home::from_env()?);
            let socket = farm.running_socket().unwrap_or_else(|| farm.home().socket().to_owned());
            let why = format!("nothing listens on {}; start a farm on this machine with `acre up`", socket.display());
            let connected = FarmClient::connect(LOCAL.to_owned(), &socket, wish.project.clone(), None).await;
            connected.map_err(|_| Error::Unreachable { farm: LOCAL.to_owned(), why })
        }
        Choice::Remote { name, address } => connect_remote(name, &address, wish).await,
    }
}

/// Name and address of a farm; once where they are the same.
fn both(name: &str, address: &str) -> String {
    if name == address { name.to_owned() } else { format!("{name} ({address})") }
}

/// The text of the last cause, which is the one that a person can do something about.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farm_is_the_one_that_was_named() {
        let config =
            Config::parse("default-farm = \"ci\"\n[farms]\nci = \"unix:/run/ci.sock\"\nbig = \"unix:/b\"").unwrap();
        let none = Config::default();
        let remote = |name: &str, path: &str| {
            format!("{:?}", Choice::Remote { name: name.to_owned(), address: Address::Unix(path.into()) })
        };
        let table = [
            (None, &none, "Local".to_owned()),
            (Some("local"), &config, "Local".to_owned()),
            (None, &config, remote("ci", "/run/ci.sock")),
            (Some("big"), &config, remote("big", "/b")),
            (Some("unix:/x"), &none, remote("unix:/x", "/x")),
        ];
        for (wish, config, expected) in table {
            assert_eq!(format!("{:?}", choose(wish, config).unwrap()), expected, "{wish:?}");
        }
        let unknown = choose(Some("bog"), &config).unwrap_err().to_string();
        assert!(unknown.contains("did you mean `big`?"), "{unknown}");
    }
}
