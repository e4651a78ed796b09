//! Programs of acre that were built for other systems than this machine's (`infra/cross --dev`), and what runs them here:
//! wine for Windows, QEMU for arm64. What is run so says it in its name.

use crate::{
    engine,
    proxy::{Stream, copy},
};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// What has to be there for these tests.
const NEEDED: &str = "these tests need programs for other systems: run them by `infra/test --foreign`";

/// The value of a variable that `infra/test --foreign` sets.
fn needed(variable: &str) -> PathBuf {
    std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| panic!("{variable} is not set; {NEEDED}"))
}

/// A program that was built for another system.
fn built(variable: &str, name: &str) -> PathBuf {
    let file = needed(variable).join(name);
    assert!(file.is_file(), "{} is not there; {NEEDED}", file.display());
    file
}

/// A program of acre for Windows, under wine, in an environment that says nothing else.
pub fn windows(name: &str) -> Command {
    let file = built("ACRE_TEST_WINDOWS", &format!("{name}.exe"));
    assert_eq!(fs::read(&file).expect("a program can be read").get(..2), Some(&b"MZ"[..]), "{}", file.display());
    let mut command = Command::new(needed("ACRE_TEST_WINE"));
    command.arg(file).env_clear();
    for kept in ["PATH", "HOME", "WINEPREFIX"] {
        command.env(kept, needed(kept));
    }
    command.env("WINEDEBUG", "-all");
    command
}

/// A path of this machine as a program under wine writes it.
pub fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

/// A program of acre for arm64, under QEMU, in an environment that says nothing else.
pub fn arm64(name: &str) -> Command {
    let file = built("ACRE_TEST_ARM64", name);
    let machine = fs::read(&file).expect("a program can be read").get(18..20).map(<[u8]>::to_vec);
    // System V ABI, e_machine: 183 is AArch64.
    assert_eq!(machine, Some(vec![183, 0]), "{}", file.display());
    let mut command = Command::new("qemu-aarch64-static");
    // Where Debian has the C library of arm64.
    command.args(["-L", "/usr/aarch64-linux-gnu"]).arg(file).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// A way to the engine of the tests by TCP, for who cannot open its socket.
pub fn engine_over_tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let address: SocketAddr = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = UnixStream::connect(engine::socket()) else { continue };
            let Ok((asking, asked)) = client.again().and_then(|client| Ok((client, server.again()?))) else { continue };
            thread::spawn(move || copy(asking, asked));
            thread::spawn(move || copy(server, client));
        }
    });
    format!("tcp://{address}")
}
