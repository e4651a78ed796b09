//! A farm of a test's own that is reached over the network: a scheduler with a CA, agents and people that join it.

use crate::{
    engine,
    program::{Output, Running, binary},
    registry,
};
use rustix::process::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// How soon a program stops that has nothing to do.
const STOP: Duration = Duration::from_secs(20);

/// A farm on the network. Its scheduler runs until it is dropped.
pub struct NetworkFarm {
    /// Ended before its folder is removed.
    _scheduler: Running,
    home: TempDir,
    address: String,
}

impl NetworkFarm {
    /// A farm with a CA of its own, on a free port of the loopback.
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        let data = home.path().join("scheduler");
        let mut init = program("acre-scheduler");
        init.args(["init", "--data", path(&data)]);
        Running::start(init).end().ended(0).says("made the farm's CA");
        let (scheduler, address) = scheduler(home.path());
        Self { _scheduler: scheduler, home, address }
    }

    /// The folder of everything.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `acre` of the farm's owner, at its socket.
    pub fn owner(&self, words: &[&str]) -> Output {
        self.start_owner(words).end()
    }

    /// Starts the same.
    pub fn start_owner(&self, words: &[&str]) -> Running {
        let socket = format!("unix:{}", path(&self.home().join("farm.sock")));
        let mut command = self.client("owner");
        command.env("ACRE_FARM", socket).args(words);
        Running::start(command)
    }

    /// A token that the owner makes by these words, in a file.
    pub fn token(&self, words: &[&str]) -> PathBuf {
        let made = self.owner(words);
        let file = self.home().join(format!("token-{}", self.count_tokens()));
        fs::write(&file, &made.ended(0).stdout).expect("a file can be written");
        file
    }

    fn count_tokens(&self) -> usize {
        let entries = fs::read_dir(self.home()).expect("the folder is there");
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("token-")).count()
    }

    /// `acre` of a person on another machine, whose home is named after the person.
    pub fn person(&self, name: &str, words: &[&str]) -> Output {
        self.start_person(name, words).end()
    }

    /// Starts the same.
    pub fn start_person(&self, name: &str, words: &[&str]) -> Running {
        let mut command = self.client(name);
        command.args(words.iter().map(|word| word.replace("{base}", &registry::base())));
        Running::start(command)
    }

    fn client(&self, user: &str) -> Command {
        let home = self.home().join(format!("home-{user}"));
        fs::create_dir_all(&home).expect("a folder can be made");
        let mut command = program("acre");
        command.current_dir(&home).env("HOME", &home).env("USER", user).env("DOCKER_HOST", engine::address());
        command
    }

    /// The command of an agent whose data lie in this folder of the farm's home.
    pub fn agent(&self, data: &str, words: &[&str]) -> Command {
        let mut command = program("acre-agent");
        let data = self.home().join(data);
        command.args(["--farm", &self.address, "--data", path(&data), "--engine", &engine::address()]).args(words);
        command
    }

    /// Starts an agent, and waits until the farm has welcomed it.
    pub fn start_agent(&self, data: &str, words: &[&str]) -> Running {
        let mut agent = Running::start(self.agent(data, words));
        agent.wait_for(": ready");
        agent
    }

    /// Stops an agent, which must go in good order; what it said.
    pub fn stop(agent: Running) -> Output {
        agent.signal(Signal::TERM);
        let output = agent.end_within(STOP);
        output.ended(0);
        output
    }
}

impl Default for NetworkFarm {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts a scheduler with its socket and data below this folder, and waits until it is ready; where it is.
fn scheduler(home: &Path) -> (Running, String) {
    let socket = format!("unix:{}", path(&home.join("farm.sock")));
    let mut command = program("acre-scheduler");
    let data = home.join("scheduler");
    command.args(["--data", path(&data), "--listen", &socket, "--listen", "127.0.0.1:0"]);
    let mut scheduler = Running::start(command);
    let said = scheduler.wait_for(": ready");
    let address = said.split_once("listening address=").and_then(|(_, rest)| rest.split_whitespace().next());
    let address = address.unwrap_or_else(|| panic!("it does not say where it listens: {said}"));
    (scheduler, format!("https://{address}"))
}

/// A program of acre in an environment that says nothing.
fn program(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
