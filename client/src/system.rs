//! What differs between Unix and Windows: where things of a user are, what files are, how a user interrupts.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as own;
#[cfg(windows)]
use windows as own;

use std::{ffi::OsString, path::PathBuf};

pub(crate) use own::{
    CONFIG_HOME, HAS_SOCKETS, HOME, Interrupts, REPLACES_OPEN_FILES, USER, bytes_of, check_name, connect,
    connect_engine, is_nothing, is_program, is_socket, room, shown_folder, with_slashes,
};

/// What reads the variables of an environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The folder of acre's configuration; `None` where the environment names none.
pub(crate) fn config_folder(variable: Environment) -> Option<PathBuf> {
    own::config_folder(variable)
}

/// The folder of what acre remembers.
pub(crate) fn state_folder(variable: Environment) -> Option<PathBuf> {
    own::state_folder(variable)
}

/// The folder of sockets, where the system has one apart.
pub(crate) fn runtime_folder(variable: Environment) -> Option<PathBuf> {
    own::runtime_folder(variable)
}

/// The user's own folder.
pub(crate) fn home(variable: Environment) -> Option<PathBuf> {
    own::home(variable)
}

/// The value of a variable that must be an absolute path; as the XDG base directory specification says, a relative one
/// counts as not set.
fn absolute(value: Option<OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}
