//! Windows: known folders by their variables, names that the system keeps to itself, console events.

use super::{Environment, absolute};
use std::{
    ffi::OsString,
    fs::Metadata,
    io, path,
    path::{Path, PathBuf},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::windows::named_pipe::ClientOptions,
    signal::windows::{CtrlC, ctrl_c},
};

/// The variable that says where a user's things are.
pub(crate) const HOME: &str = "LOCALAPPDATA";
/// What is missing where there is no folder of configuration, for a sentence that goes on with `is set`.
pub(crate) const CONFIG_HOME: &str = "no LOCALAPPDATA";
/// Variables with the name of the user, the first that is good counts.
pub(crate) const USER: &[&str] = &["USERNAME"];
/// Whether a farm may be reached at a Unix socket.
pub(crate) const HAS_SOCKETS: bool = false;
/// Whether a file can be replaced while another program reads it.
pub(crate) const REPLACES_OPEN_FILES: bool = false;
/// Where an engine listens that nobody has put elsewhere.
const ENGINE: &str = "npipe:////./pipe/docker_engine";

/// Names of devices, with any ending ("Naming Files, Paths, and Namespaces").
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "LPT1", "LPT2",
    "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// Keys must not roam to other machines, so all is in the folder of what stays on this one.
pub(super) fn config_folder(variable: Environment) -> Option<PathBuf> {
    absolute(variable(HOME)).map(|folder| folder.join("acre"))
}

pub(super) fn state_folder(variable: Environment) -> Option<PathBuf> {
    config_folder(variable)
}

pub(super) const fn runtime_folder(_: Environment) -> Option<PathBuf> {
    None
}

pub(super) fn home(variable: Environment) -> Option<PathBuf> {
    absolute(variable("USERPROFILE"))
}

/// Whether a source's word means no files: as on Unix, or as Windows calls it.
pub(crate) fn is_nothing(source: &str) -> bool {
    source == "/dev/null" || source.eq_ignore_ascii_case("nul")
}

/// The bytes of a variable's value; `None` where it is no text.
pub(crate) fn bytes_of(value: OsString) -> Option<Vec<u8>> {
    value.into_string().ok().map(String::into_bytes)
}

/// Whether it is a socket.
pub(crate) const fn is_socket(_: &Metadata) -> bool {
    false
}

/// Whether it can be run.
pub(crate) fn is_program(data: &Metadata) -> bool {
    data.is_file()
}

/// Whether a file or folder may have this name; the error says why not.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    if name.contains(|character: char| character < ' ' || "<>:\"/\\|?*".contains(character)) {
        Err("Windows allows none of < > : \" / \\ | ? * in names")
    } else if name.ends_with(['.', ' ']) {
        Err("on Windows no name ends with a dot or a blank")
    } else if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        Err("Windows keeps this name to itself")
    } else {
        Ok(())
    }
}

/// A path below a source as the farm writes it.
pub(crate) fn with_slashes(path: String) -> String {
    path.replace('\\', "/")
}

/// A folder as a person names it: whole. (The form without links begins with `\\?\`, which nobody types.)
pub(crate) fn shown_folder(path: &Path) -> PathBuf {
    path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Not asked: what needs room, a farm of this machine, is not to be had here.
pub(crate) fn room(_: &Path) -> io::Result<(u64, u64)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Connects to a socket: there is none.
pub(crate) async fn connect(_: &Path) -> io::Result<DuplexStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Connects to the engine at this address (`DOCKER_HOST`), else where engines listen. The address, and the connection;
/// `None`: it is an address that an agent does not use.
pub(crate) async fn connect_engine(
    host: Option<&str>,
) -> Option<(String, io::Result<impl AsyncRead + AsyncWrite + Unpin + use<>>)> {
    let pipe = host.unwrap_or(ENGINE).strip_prefix("npipe://")?.replace('/', "\\");
    let opened = ClientOptions::new().open(&pipe);
    Some((pipe, opened))
}

/// Ctrl-C, noted from when it was made.
pub(crate) struct Interrupts(CtrlC);

impl Interrupts {
    /// Takes note of them from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(ctrl_c()?))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_keeps_or_cannot_write_are_refused() {
        for name in ["a", "a.b", ".x", "console", "com", "com10", "nul-1", "ü"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["a:b", "a\\b", "a?", "a.", "a ", "nul", "CON.txt", "lpt1", "Com9 .x", "a\u{1}"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
