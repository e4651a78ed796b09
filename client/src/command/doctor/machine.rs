//! What the farm of this machine needs of it: programs, folders, room.

use super::Check;
use crate::{
    farm::local::{can_be_here, find, paths::Home},
    system,
};
use acre_model::{capability::is_full, text::clip};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Looks at programs and folders.
pub(super) fn checks() -> Vec<Check> {
    if let Err(why) = can_be_here() {
        return vec![Check::fail(
            "farm of this machine",
            why.to_string(),
            "`acre farm token` of a member makes a token",
        )];
    }
    let mut checks: Vec<Check> = ["acre-scheduler", "acre-agent"].into_iter().map(program).collect();
    match Home::from_env() {
        Ok(home) => {
            checks.push(folder(home.state()));
            checks.push(room(home.state()));
            checks.push(socket(home.socket()));
        }
        Err(why) => checks.push(Check::fail("state folder", why.to_string(), "set HOME")),
    }
    checks
}

fn program(name: &'static str) -> Check {
    match find(name) {
        Ok(path) => Check::ok(name, path.display().to_string()),
        Err(_) => Check::fail(name, "is neither beside acre nor on PATH", "install it beside acre"),
    }
}

/// Whether the state folder, or the nearest folder above it that is there, can be written to.
fn folder(state: &Path) -> Check {
    let existing = existing(state);
    let probe = existing.join(format!(".acre-doctor-{}", std::process::id()));
    let written = fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe));
    match written {
        Ok(()) => Check::ok("state folder", state.display().to_string()),
        Err(why) => {
            let found = format!("{} cannot be written to: {why}", existing.display());
            Check::fail("state folder", found, "make it yours, or set ACRE_HOME to another")
        }
    }
}

fn room(state: &Path) -> Check {
    match system::room(&existing(state)) {
        Ok((free, all)) => room_of(free, all),
        Err(why) => Check::warn("disk", format!("cannot be asked for its room: {why}"), "see whether it is mounted"),
    }
}

fn room_of(free: u64, all: u64) -> Check {
    const GIB: u64 = 1024 * 1024 * 1024;
    let found = format!("{} of {} GiB free", free / GIB, all / GIB);
    if is_full(free, all) {
        Check::fail("disk", found, "make room: below 10 % or 2 GiB an agent takes no work")
    } else {
        Check::ok("disk", found)
    }
}

fn socket(socket: &Path) -> Check {
    match fs::symlink_metadata(socket) {
        Ok(data) if !system::is_socket(&data) => {
            let shown = clip(&socket.display().to_string());
            Check::fail("socket", format!("{shown} is something else than a socket"), "move it out of the way")
        }
        _ => Check::ok("socket", socket.display().to_string()),
    }
}

/// The nearest folder that is there, from `path` upwards.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn too_little_room_fails() {
        const GIB: u64 = 1024 * 1024 * 1024;
        let table = [(50, 100, Level::Ok), (9, 100, Level::Fail), (1, 5, Level::Fail), (3, 5, Level::Ok)];
        for (free, all, expected) in table {
            assert_eq!(room_of(free * GIB, all * GIB).level, expected, "{free} of {all}");
        }
    }

    #[test]
    fn what_stands_where_the_socket_belongs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(socket(&folder.path().join("farm.sock")).level, Level::Ok);
        assert_eq!(socket(folder.path()).level, Level::Fail);
    }
}
