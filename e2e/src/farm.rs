//! A farm of a test's own: `acre` with a home of its own, which starts scheduler and agent itself.

use crate::{
    ending::{self, Ending},
    engine::{self, Thing},
    program::{self, Output, Running, binary},
    registry, wait,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    cell::OnceCell,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// How soon after a run, and after a restart, nothing of it is left on the engine.
pub const CLEAN: Duration = Duration::from_secs(5);
/// How soon a farm does what it does in the background.
pub const SOON: Duration = Duration::from_secs(20);

/// Who a farm is whose scheduler keeps its data there, as the farm's things on the engine are labelled; `None` before it
/// has come up for the first time.
///
/// It is in its store, one file, as `"identity":NUMBER` (the scheduler's `FarmRecord`).
pub(crate) fn identity(data: &Path) -> Option<String> {
    let store = fs::read(data.join("farm.redb")).ok()?;
    let mark = b"\"identity\":";
    let start = store.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let digits: String = store[start..].iter().copied().take_while(u8::is_ascii_digit).map(char::from).collect();
    digits.parse().ok().map(|identity: u64| format!("{identity:016x}"))
}

/// A background process of the farm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `acre-scheduler`.
    Scheduler,
    /// `acre-agent`.
    Agent,
}

impl Part {
    const fn word(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Agent => "agent",
        }
    }
}

/// A farm. Nothing of it runs before the first command that needs it. When it is dropped after a test that succeeded,
/// it must come down in good order and leave nothing on the engine; after a failure it is removed by force.
pub struct Farm {
    home: TempDir,
    engine: String,
    repository: String,
    identity: OnceCell<String>,
}

impl Farm {
    /// A farm on the engine of the tests.
    pub fn new() -> Self {
        Self::on(&engine::address())
    }

    /// A farm on the engine at this address.
    pub fn on(engine: &str) -> Self {
        Self::with(engine, tempfile::tempdir())
    }

    /// A farm whose home is in this folder.
    pub fn below(folder: &Path) -> Self {
        Self::with(&engine::address(), tempfile::tempdir_in(folder))
    }

    fn with(engine: &str, home: io::Result<TempDir>) -> Self {
        Self {
            home: home.expect("a temporary folder can be made"),
            engine: engine.to_owned(),
            identity: OnceCell::new(),
            repository: registry::repository(),
        }
    }

    /// The home of its user.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The folder of its state.
    pub fn state(&self) -> PathBuf {
        self.home().join(".local/state/acre")
    }

    /// The name of an image that only this farm's tests use, in the registry of the tests.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.repository)
    }

    /// Puts the names of this test in place of `{base}` (an image with a shell), `{repo}` (what names of images begin
    /// with) and `{registry}`.
    pub fn text(&self, text: &str) -> String {
        registry::named(text, &self.repository)
    }

    /// Starts `acre` with these words, in which names are put as by [`Farm::text`].
    pub fn start(&self, words: &[&str]) -> Running {
        Running::start(self.command(words))
    }

    /// Runs `acre` in a folder to its end.
    pub fn acre_in(&self, folder: &Path, words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.current_dir(folder);
        Running::start(command).end()
    }

    /// Runs `acre` to its end with these variables in its environment, and `input` on its standard input.
    pub fn acre_with(&self, environment: &[(&str, &str)], input: &str, words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.envs(environment.iter().copied());
        Running::start_with(command, &self.text(input)).end()
    }

    /// Runs `acre` to its end.
    pub fn acre(&self, words: &[&str]) -> Output {
        self.start(words).end()
    }

    /// Runs a task file without a source to its end.
    pub fn task(&self, yaml: &str) -> Output {
        self.task_with(yaml, &[])
    }

    /// The same, with more words on the command line.
    pub fn task_with(&self, yaml: &str, words: &[&str]) -> Output {
        self.start_task(yaml, words).end()
    }

    /// Starts `acre run` for a task file without a source.
    pub fn start_task(&self, yaml: &str, words: &[&str]) -> Running {
        let words = [&["run", "-f", "-", "/dev/null"], words].concat();
        Running::start_with(self.command(&words), &self.text(yaml))
    }

    /// Waits until a run that a client follows has come so far that `text` is said; the run's id.
    pub fn comes_to(&self, client: &mut Running, text: &str) -> String {
        let said = client.wait_for(text);
        program::run_id(&said).unwrap_or_else(|| panic!("no run was handed in: {said}"))
    }

    /// Hands in a task without a source and does not wait for it; the run's id.
    pub fn hand_in(&self, yaml: &str) -> String {
        self.task_with(yaml, &["--no-wait"]).ended(0).stdout.trim().to_owned()
    }

    /// Runs one shell script as a step.
    pub fn shell(&self, script: &str) -> Output {
        assert!(!script.contains('\''), "it stands between single quotes");
        self.acre(&["run", "--cmd", &format!("{{base}} sh -c '{script}'"), "/dev/null"])
    }

    /// A run as `acre show -o json` gives it, with its report once it is over.
    pub fn show(&self, run: &str) -> Value {
        let output = self.acre(&["show", "-o", "json", run]);
        serde_json::from_str(&output.ended(0).stdout).unwrap_or_else(|why| panic!("no JSON ({why}): {output}"))
    }

    /// Waits until a run is over; its report.
    pub fn report(&self, run: &str, limit: Duration) -> Value {
        let report = || self.show(run)["report"].take();
        wait::until(&format!("run {run} is over"), limit, || Some(report()).filter(|report| !report.is_null()))
    }

    /// The whole log of a step, byte for byte as it is stored.
    pub fn log(&self, run: &str, step: &str) -> String {
        self.acre(&["logs", "--step", step, run]).ended(0).stdout.clone()
    }

    /// The number of a part, if it runs.
    pub fn pid(&self, part: Part) -> Option<u32> {
        let record = fs::read(self.state().join(format!("{}.pid", part.word()))).ok()?;
        let record: Value = serde_json::from_slice(&record).ok()?;
        let pid = u32::try_from(record["pid"].as_u64()?).ok()?;
        // The number may be a stranger's by now. A process that has ended has no command line any more.
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        command.contains(self.home().to_str()?).then_some(pid)
    }

    /// Kills a part of the farm, which has no time to do anything about it.
    pub fn kill(&self, part: Part) {
        let pid = self.pid(part).unwrap_or_else(|| panic!("no {} runs", part.word()));
        program::signal_process(pid, Signal::KILL);
        // Not by `pid`: a process has lost its command line before it counts as ended.
        wait::until("a killed process is gone", SOON, || program::has_ended(pid).then_some(()));
    }

    /// Stops the farm, which must do so in good order and take everything with it.
    pub fn down(&self) {
        self.acre(&["down"]).ended(0);
        self.is_gone();
    }

    /// Demands that nothing of the farm runs or is on the engine.
    pub fn is_gone(&self) {
        for part in [Part::Agent, Part::Scheduler] {
            assert_eq!(self.pid(part), None, "the {} runs on", part.word());
        }
        let left = self.on_engine();
        assert!(left.is_empty(), "left on the engine by a farm that is down: {left:#?}");
    }

    /// What the farm has on the engine: containers, networks, volumes.
    pub fn on_engine(&self) -> Vec<Thing> {
        let Some(identity) = self.identity() else { return Vec::new() };
        engine::things_of(identity)
    }

    /// Demands that the engine soon has nothing of the farm, but for one network that is kept to spare.
    #[track_caller]
    pub fn is_clean_within(&self, limit: Duration) {
        let is_spare = |thing: &Thing| thing.kind == "network" && thing.run.is_empty();
        let is_clean = |left: &[Thing]| left.len() <= 1 && left.iter().all(is_spare);
        let clean = wait::within(limit, || is_clean(&self.on_engine()).then_some(()));
        assert!(clean.is_some(), "left on the engine after {limit:?}: {:#?}", self.on_engine());
    }

    /// The last lines of what scheduler and agent have told their log files.
    pub fn messages(&self) -> String {
        let tail = |part: Part| {
            let text = fs::read_to_string(self.state().join(format!("{}.log", part.word()))).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(30)..].join("\n");
            format!("--- {} says\n{last}\n", part.word())
        };
        tail(Part::Scheduler) + &tail(Part::Agent)
    }

    /// `acre` with these words, in a fresh environment that names this home and this engine.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary("acre"));
        command.args(words.iter().map(|word| self.text(word))).env_clear().current_dir(self.home());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.home()).env("DOCKER_HOST", &self.engine);
        command
    }

    fn identity(&self) -> Option<&str> {
        if self.identity.get().is_none() {
            drop(self.identity.set(identity(&self.state().join("scheduler"))?));
        }
        self.identity.get().map(String::as_str)
    }

    #[allow(clippy::print_stderr, reason = "whoever looks at a failed test wants to know")]
    fn remove_by_force(&self) {
        eprintln!("{}", self.messages());
        for part in [Part::Agent, Part::Scheduler] {
            if let Some(pid) = self.pid(part) {
                program::signal_process(pid, Signal::KILL);
            }
        }
        if let Some(identity) = self.identity() {
            engine::remove_all_of(identity);
        }
    }
}

impl Default for Farm {
    fn default() -> Self {
        Self::new()
    }
}

impl Ending for Farm {
    fn stop(&mut self) {
        self.down();
    }

    fn remove(&mut self) {
        self.remove_by_force();
    }

    fn repository(&self) -> &str {
        &self.repository
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        ending::end(self);
    }
}
