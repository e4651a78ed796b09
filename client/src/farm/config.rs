//! The list of farms: `$XDG_CONFIG_HOME/acre/config.toml`, else `~/.config/acre/config.toml`; on Windows
//! `%LOCALAPPDATA%\acre\config.toml`.
//!
//! ```toml
//! default-farm = "ci"
//! [farms]
//! ci = "https://farm.example:7443"
//! here = "unix:/run/acre/farm.sock"
//! ```
//!
//! What a machine needs to be let in by a farm on the network is beside it, in `farms/NAME.json`.

mod edit;
mod turn;

pub use edit::{Edit, check_name};

use super::{Address, BadAddress, LOCAL};
use crate::system::{self, CONFIG_HOME};
use acre_link::FarmAddress;
use acre_model::text::{clip, nearest};
use serde::Deserialize;
use std::{collections::BTreeMap, env, fs, io, path::PathBuf};
use turn::Turn;

/// Farms by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    default_farm: Option<String>,
    farms: BTreeMap<String, String>,
}

/// Largest list that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Why the list of farms is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// It is there and cannot be read.
    #[error("cannot read {path}: {why}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// It is not what a list of farms looks like.
    #[error(
        "{path}: {why}; it should hold `default-farm = \"NAME\"` and, under [farms], `NAME = \"https://HOST:PORT\"` or `NAME = \"unix:/PATH\"`"
    )]
    Form {
        /// The file.
        path: String,
        /// What is wrong, with its place, in one line.
        why: String,
    },
    /// A name that is not in it.
    #[error(
        "no farm is named `{name}`{hint}; `acre farm list` shows the names, an address begins with https: or unix:"
    )]
    Unknown {
        /// The name, clipped.
        name: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {why}")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// There is no place for it.
    #[error("{CONFIG_HOME} is set to an absolute path, so there is no list of farms")]
    NoHome,
    /// A text that cannot name a farm.
    #[error(
        "`{0}` cannot name a farm: a name has 1 to 63 of A-Z, a-z, 0-9, _ . and -, begins with a letter or digit, and is not `local`"
    )]
    Name(String),
    /// An entry whose address is none.
    #[error("farm `{name}`: {why}")]
    Entry {
        /// The farm.
        name: String,
        /// What is wrong.
        why: BadAddress,
    },
}

impl Config {
    /// Where the list is; `None` where the environment names no home.
    pub fn path() -> Option<PathBuf> {
        system::config_folder(&|name| env::var_os(name)).map(|folder| folder.join("config.toml"))
    }

    /// Reads the list; without a file it is empty.
    pub fn load() -> Result<Self, BadConfig> {
        let Some(path) = Self::path() else { return Ok(Self::default()) };
        let shown = path.display().to_string();
        let _turn = Turn::to_read(&path);
        let read = fs::metadata(&path).and_then(|data| match data.len() {
            0..=LARGEST => fs::read_to_string(&path),
            _ => Err(io::Error::other("it is larger than 1 MiB")),
        });
        match read {
            Ok(text) => Self::parse(&text).map_err(|why| BadConfig::Form { path: shown, why }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(why) => Err(BadConfig::Read { path: shown, why }),
        }
    }

    /// Reads the list from its text; the error is one line with the place of the fault.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|fault| {
            let line = fault.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{place}{}", clip(fault.message()))
        })
    }

    /// Where the membership of a farm is kept.
    pub fn membership(name: &str) -> Result<PathBuf, BadConfig> {
        let path = Self::path().ok_or(BadConfig::NoHome)?;
        Ok(path.with_file_name("farms").join(format!("{name}.json")))
    }

    /// The name under which a farm of this address is known.
    pub fn name_of(&self, address: &FarmAddress) -> Option<&str> {
        let is_it = |written: &&String| written.parse::<FarmAddress>().is_ok_and(|known| known == *address);
        self.farms.iter().find(|(_, written)| is_it(written)).map(|(name, _)| name.as_str())
    }

    /// The farm of commands that name none.
    pub fn default_farm(&self) -> Option<&str> {
        self.default_farm.as_deref()
    }

    /// Names and addresses as they are written, by name.
    pub fn farms(&self) -> impl Iterator<Item = (&str, &str)> {
        self.farms.iter().map(|(name, address)| (name.as_str(), address.as_str()))
    }

    /// The address of a farm by its name.
    pub fn address(&self, name: &str) -> Result<Address, BadConfig> {
        let Some(address) = self.farms.get(name) else {
            let names = self.farms.keys().map(String::as_str).chain([LOCAL]);
            let hint = nearest(name, names).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(BadConfig::Unknown { name: clip(name), hint });
        };
        address.parse().map_err(|why| BadConfig::Entry { name: name.to_owned(), why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_list_are_told_with_their_line() {
        let table = [
            ("default-farm = 1", "line 1: "),
            ("[farms]\nx = 1", "line 2: "),
            ("defualt-farm = \"x\"", "line 1: unknown field `defualt-farm`"),
            ("[farms\n", "line 1: "),
        ];
        for (text, expected) in table {
            let found = Config::parse(text).unwrap_err();
            assert!(found.starts_with(expected) && !found.contains('\n'), "{text}: {found}");
        }
    }

    #[test]
    fn an_entry_that_is_no_address_is_named() {
        let config = Config::parse("[farms]\nfar = \"http://far\"").unwrap();
        let found = config.address("far").unwrap_err().to_string();
        assert!(found.starts_with("farm `far`: ") && found.contains("https://HOST:PORT"), "{found}");
    }
}
