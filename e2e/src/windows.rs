//! A Windows engine that is simulated: `simulated-windows-engine`, in which there is no Windows and nothing is run, with a
//! real BuildKit behind it (`ACRE_TEST_BUILDKIT`, `ACRE_TEST_BUILDX`).

use crate::{
    program::{Running, binary},
    registry,
};
use std::process::Command;
use tempfile::TempDir;

/// The Windows that it pretends to be on.
pub const VERSION: &str = "10.0.20348.2227";

/// One of a test's own, which goes with it.
pub struct SimulatedWindows {
    engine: Running,
    address: String,
    _folder: TempDir,
}

impl SimulatedWindows {
    /// On Windows Server 2022, with these isolations, the default first: `process`, `process,hyperv`.
    pub fn with_isolation(modes: &str) -> Self {
        Self::new(VERSION, modes)
    }

    /// On this version of Windows, with these isolations.
    pub fn new(version: &str, modes: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let address = format!("unix://{}/engine.sock", folder.path().display());
        Self::start(folder, &address, &["--os-version", version, "--isolation", modes])
    }

    /// For an agent under wine, which has no Unix sockets and finds this machine's files on `Z:`.
    pub fn for_wine(modes: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self::start(folder, "tcp://127.0.0.1:0", &["--os-version", VERSION, "--isolation", modes, "--drive", "Z:"])
    }

    fn start(folder: TempDir, address: &str, words: &[&str]) -> Self {
        let mut command = Command::new(binary("simulated-windows-engine"));
        command.env_clear();
        for (flag, variable) in [("--builder", "ACRE_TEST_BUILDKIT"), ("--buildx", "ACRE_TEST_BUILDX")] {
            let value = std::env::var(variable).unwrap_or_else(|_| {
                panic!("a Windows engine is simulated with a real BuildKit; `infra/test --env` gives {variable}")
            });
            command.args([flag, &value]);
        }
        command.args(["--listen", address, "--data"]).arg(folder.path().join("data")).args(words);
        let mut engine = Running::start(command);
        let said = engine.wait_for("listening at");
        let address = said.split_once("listening at ").and_then(|(_, rest)| rest.split_whitespace().next());
        let address = address.unwrap_or_else(|| panic!("no address in {said}")).to_owned();
        Self { engine, address, _folder: folder }
    }

    /// Where it is (`DOCKER_HOST`).
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// What it was asked so far.
    pub fn last_words(&self) -> String {
        self.engine.last_words()
    }
}

/// A base for the platforms of [`registry::base`] and for windows/amd64 (`ltsc2019`, `ltsc2022`, `ltsc2025`), in which there
/// is no Windows.
pub fn base(release: &str) -> String {
    format!("{}/base-{release}:1", registry::address())
}
