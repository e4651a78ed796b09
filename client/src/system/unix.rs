//! Unix: XDG's folders, modes, sockets, SIGINT.

use super::{Environment, absolute};
use acre_model::capability;
use std::{
    ffi::OsString,
    fs::Metadata,
    io,
    os::unix::{
        ffi::OsStringExt,
        fs::{FileTypeExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    signal::unix::{Signal, SignalKind, signal},
};

/// The variable that says where a user's things are.
pub(crate) const HOME: &str = "HOME";
/// What is missing where there is no folder of configuration, for a sentence that goes on with `is set`.
pub(crate) const CONFIG_HOME: &str = "neither HOME nor XDG_CONFIG_HOME";
/// Variables with the name of the user, the first that is good counts.
pub(crate) const USER: &[&str] = &["USER", "LOGNAME"];
/// Whether a farm may be reached at a Unix socket.
pub(crate) const HAS_SOCKETS: bool = true;
/// Whether a file can be replaced while another program reads it.
pub(crate) const REPLACES_OPEN_FILES: bool = true;
/// Where an engine listens that nobody has put elsewhere.
const ENGINE: &str = "unix:///var/run/docker.sock";

pub(super) fn config_folder(variable: Environment) -> Option<PathBuf> {
    let home = || home(variable).map(|home| home.join(".config"));
    absolute(variable("XDG_CONFIG_HOME")).or_else(home).map(|folder| folder.join("acre"))
}

pub(super) fn state_folder(variable: Environment) -> Option<PathBuf> {
    let home = || home(variable).map(|home| home.join(".local/state"));
    absolute(variable("XDG_STATE_HOME")).or_else(home).map(|folder| folder.join("acre"))
}

pub(super) fn runtime_folder(variable: Environment) -> Option<PathBuf> {
    absolute(variable("XDG_RUNTIME_DIR")).map(|folder| folder.join("acre"))
}

pub(super) fn home(variable: Environment) -> Option<PathBuf> {
    absolute(variable(HOME))
}

/// Whether a source's word means no files.
pub(crate) fn is_nothing(source: &str) -> bool {
    source == "/dev/null"
}

/// The bytes of a variable's value; `None` where it is no text.
pub(crate) fn bytes_of(value: OsString) -> Option<Vec<u8>> {
    Some(value.into_vec())
}

/// Whether it is a socket.
pub(crate) fn is_socket(data: &Metadata) -> bool {
    data.file_type().is_socket()
}

/// Whether it can be run.
pub(crate) fn is_program(data: &Metadata) -> bool {
    data.is_file() && data.permissions().mode() & 0o111 != 0
}

/// Whether a file or folder may have this name; the error says why not.
pub(crate) const fn check_name(_: &str) -> Result<(), &'static str> {
    Ok(())
}

/// A path below a source as the farm writes it.
pub(crate) fn with_slashes(path: String) -> String {
    path
}

/// A folder as a person names it: whole, without links.
pub(crate) fn shown_folder(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What is free for this user, and all, in bytes, on the disk of a folder.
pub(crate) fn room(folder: &Path) -> io::Result<(u64, u64)> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(capability::room(disk.f_frsize, (disk.f_blocks, disk.f_bfree, disk.f_bavail)))
}

/// Connects to a socket.
pub(crate) async fn connect(socket: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(socket).await
}

/// Connects to the engine at this address (`DOCKER_HOST`), else where engines listen. The address, and the connection;
/// `None`: it is an address that an agent does not use.
pub(crate) async fn connect_engine(
    host: Option<&str>,
) -> Option<(String, io::Result<impl AsyncRead + AsyncWrite + Unpin + use<>>)> {
    let socket = host.unwrap_or(ENGINE).strip_prefix("unix://")?;
    Some((socket.to_owned(), UnixStream::connect(socket).await))
}

/// Ctrl-C, noted from when it was made.
pub(crate) struct Interrupts(Signal);

impl Interrupts {
    /// Takes note of them from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}
