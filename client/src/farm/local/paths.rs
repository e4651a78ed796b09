//! Where the farm of this machine keeps its things.
//!
//! `ACRE_HOME`, else `$XDG_STATE_HOME/acre`, else `~/.local/state/acre` (`%LOCALAPPDATA%\acre` on Windows) holds the data of scheduler and agent, their
//! logs, the records of their processes and the lock. The socket is in `$XDG_RUNTIME_DIR/acre`, which is on this machine
//! even where homes are not; without one, or with `ACRE_HOME`, it is with the rest.

use super::LocalError;
use crate::{farm::Address, system};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Folder and socket of the farm of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    state: PathBuf,
    socket: PathBuf,
}

impl Home {
    /// As this process's environment says.
    pub fn from_env() -> Result<Self, LocalError> {
        Self::new(|name| env::var_os(name))
    }

    /// As the environment says that `variable` reads.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, LocalError> {
        let (state, runtime) = match variable("ACRE_HOME").filter(|home| !home.is_empty()) {
            Some(home) if Path::new(&home).is_absolute() => (PathBuf::from(home), None),
            Some(home) => return Err(LocalError::RelativeHome(home.display().to_string())),
            None => (system::state_folder(&variable).ok_or(LocalError::NoHome)?, system::runtime_folder(&variable)),
        };
        let socket = runtime.unwrap_or_else(|| state.clone()).join("farm.sock");
        Address::unix(socket.clone()).map_err(LocalError::Socket)?;
        Ok(Self { state, socket })
    }

    /// The folder of everything but the socket.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Where a farm that is started now listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What is locked while the farm is started or stopped.
    pub fn lock(&self) -> PathBuf {
        self.state.join("lock")
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    type Environment<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn the_environment_says_where() {
        let table: [(Environment, &str, &str); 5] = [
            (&[("HOME", "/h")], "/h/.local/state/acre", "/h/.local/state/acre/farm.sock"),
            (&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/u")], "/h/.local/state/acre", "/run/u/acre/farm.sock"),
            (&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")], "/s/acre", "/s/acre/farm.sock"),
            (
                &[("HOME", "/h"), ("XDG_STATE_HOME", "relative")],
                "/h/.local/state/acre",
                "/h/.local/state/acre/farm.sock",
            ),
            (&[("ACRE_HOME", "/a"), ("XDG_RUNTIME_DIR", "/run/u")], "/a", "/a/farm.sock"),
        ];
        for (environment, state, socket) in table {
            let home = home(environment).unwrap();
            assert_eq!((home.state(), home.socket()), (Path::new(state), Path::new(socket)), "{environment:?}");
        }
    }

    #[test]
    fn an_environment_that_says_nothing_of_use_is_refused() {
        let long = format!("/{}", "x".repeat(120));
        let table: [(Environment, &str); 4] = [
            (&[], "HOME is not set"),
            (&[("HOME", "")], "HOME is not set"),
            (&[("ACRE_HOME", "here")], "ACRE_HOME must be an absolute path"),
            (&[("ACRE_HOME", &long)], "may have 107 bytes"),
        ];
        for (environment, expected) in table {
            let found = home(environment).unwrap_err().to_string();
            assert!(found.contains(expected), "{environment:?}: {found}");
        }
    }

    fn home(environment: Environment) -> Result<Home, LocalError> {
        Home::new(|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }
}
