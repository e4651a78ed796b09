//! A farm of several agents: each with a name, slots, and a way to an engine. All are on this machine, and reach their
//! scheduler over its socket.

use crate::{
    ending::{self, Ending},
    engine,
    farm::{self, SOON},
    program::{self, Output, Running, binary},
    registry,
    shown::Shown,
    stand_in::StandIn,
    wait,
    windows::SimulatedWindows,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Duration};
use tempfile::TempDir;

/// How long a run of these tests may take.
const RUN: Duration = Duration::from_secs(60);

/// The environment's word for where spans go.
const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Where a daemon says that it tells its metrics.
fn metrics_of(name: &str, said: &str) -> Option<(String, String)> {
    let line = said.lines().find(|line| line.contains("metrics are at /metrics"))?;
    let (_, address) = line.split_once("address=")?;
    Some((name.to_owned(), address.trim().to_owned()))
}

/// A farm. When it is dropped after a test that succeeded, its agents must go in good order and leave nothing on the
/// engine; after a failure all is removed by force.
pub struct Fleet {
    /// None once it has been stopped.
    scheduler: Option<Running>,
    agents: BTreeMap<String, Running>,
    stand_ins: Vec<StandIn>,
    home: TempDir,
    repository: String,
    /// Where spans of all programs go, and where metrics are asked for, by the agent's name; `scheduler` is the scheduler.
    watch: Option<(String, BTreeMap<String, String>)>,
}

impl Fleet {
    /// A farm without agents.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// A farm without agents, in which a unit that no agent could take is given up after so long (`2s`).
    pub fn patient_for(grace: &str) -> Self {
        Self::with(&["--placement-grace", grace])
    }

    /// A farm without agents, whose scheduler is started with these words besides; `{base}` in them is the image with a
    /// shell.
    pub fn with(words: &[&str]) -> Self {
        Self::begin(words, None)
    }

    /// A farm without agents, which sends its spans there, and tells its metrics.
    pub fn watched(collector: &str) -> Self {
        Self::begin(&["--metrics", "127.0.0.1:0"], Some(collector))
    }

    fn begin(words: &[&str], collector: Option<&str>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        let socket = format!("unix:{}/farm.sock", home.path().display());
        let mut command = command("acre-scheduler");
        command.arg("--data").arg(home.path().join("scheduler")).args(["--listen", &socket]);
        command.args(words.iter().map(|word| word.replace("{base}", &registry::base())));
        command.envs(collector.map(|collector| (COLLECTOR, collector)));
        let mut scheduler = Running::start(command);
        let said = scheduler.wait_for(": ready");
        Self {
            scheduler: Some(scheduler),
            agents: BTreeMap::new(),
            stand_ins: Vec::new(),
            home,
            repository: registry::repository(),
            watch: collector
                .map(|collector| (collector.to_owned(), metrics_of("scheduler", &said).into_iter().collect())),
        }
    }

    fn socket(&self) -> String {
        format!("unix:{}/farm.sock", self.home.path().display())
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("scheduler")
    }

    /// Starts an agent on the engine of the tests, and waits until work is given to it. What the engine serves besides
    /// its own platform is found out afterwards.
    pub fn join(&mut self, id: &str, slots: u32) {
        self.start_agent(id, slots, &engine::address(), &[]);
    }

    /// Starts an agent on an engine that stands in for another.
    pub fn join_on(&mut self, engine: StandIn, id: &str, slots: u32) {
        self.start_agent(id, slots, &engine.address(), &[]);
        self.stand_ins.push(engine);
    }

    /// Starts an agent on a Windows engine that is simulated, and tells it how its machine keeps containers apart.
    pub fn join_on_windows(&mut self, engine: &SimulatedWindows, id: &str, modes: &str) {
        self.start_agent(id, 4, &engine.address(), &["--isolation", modes]);
    }

    fn start_agent(&mut self, id: &str, slots: u32, engine: &str, words: &[&str]) {
        let mut command = command("acre-agent");
        command.arg("--data").arg(self.home.path().join(id)).args(["--farm", &self.socket(), "--id", id]);
        command.args(["--slots", &slots.to_string(), "--engine", engine]).args(words);
        if let Some((collector, _)) = &self.watch {
            command.env(COLLECTOR, collector).args(["--metrics", "127.0.0.1:0"]);
        }
        let mut agent = Running::start(command);
        let said = agent.wait_for(": ready");
        if let Some((_, metrics)) = &mut self.watch {
            metrics.extend(metrics_of(id, &said));
        }
        self.agents.insert(id.to_owned(), agent);
        let is_ready = || (self.agent(id)["readiness"] == "ready").then_some(());
        wait::until(&format!("agent {id} is ready"), SOON, is_ready);
    }

    /// Waits until an agent has tried all platforms, among them this one, which its engine serves in this mode.
    pub fn has_tried(&mut self, id: &str, platform: &str, mode: &str) {
        let agent = self.agents.get_mut(id).unwrap_or_else(|| panic!("no agent {id}"));
        agent.wait_for("tried all platforms");
        let is_told = || (self.mode(id, platform)? == mode).then_some(());
        wait::until(&format!("{id} serves {platform}, {mode}"), SOON, is_told);
    }

    /// How an agent's engine serves a platform, if it does: `native`, `emulated`.
    pub fn mode(&self, id: &str, platform: &str) -> Option<String> {
        let agent = self.agent(id);
        let mut platforms = agent["capability"]["platforms"].as_array()?.iter();
        let served = platforms.find(|served| served["platform"] == platform)?;
        served["mode"].as_str().map(str::to_owned)
    }

    /// An agent as `acre agents -o json` gives it; null if it is not there.
    pub fn agent(&self, id: &str) -> Value {
        let output = self.acre(&["agents", "-o", "json"]);
        let agents: Value = serde_json::from_str(&output.ended(0).stdout).expect("it prints JSON");
        let mut agents = agents.as_array().expect("a list of agents").iter();
        agents.find(|agent| agent["id"] == id).cloned().unwrap_or_default()
    }

    /// Kills an agent, which has no time to do anything about it.
    pub fn kill(&mut self, id: &str) {
        let agent = self.agents.remove(id).unwrap_or_else(|| panic!("no agent {id}"));
        let pid = agent.pid();
        agent.kill();
        wait::until("a killed agent is gone", SOON, || program::has_ended(pid).then_some(()));
    }

    /// Puts the names of this test in place of `{repo}`, `{base}` and `{registry}` (see [`crate::farm::Farm::text`]),
    /// and of `{arm64}`, which is `{base}` for linux/arm64.
    pub fn text(&self, text: &str) -> String {
        // It is asked for where it is needed only.
        let text = match text.contains("{arm64}") {
            true => text.replace("{arm64}", &registry::base_for("linux", "arm64")),
            false => text.to_owned(),
        };
        registry::named(&text, &self.repository)
    }

    /// What the names of this test's images begin with, without their registry.
    pub fn repository(&self) -> &str {
        self.repository.split_once('/').expect("it has a registry").1
    }

    /// Starts `acre` with these words, and this on its standard input.
    pub fn start(&self, words: &[&str], input: &str) -> Running {
        let collector = self.watch.iter().map(|(collector, _)| (COLLECTOR, collector.as_str()));
        self.start_in(&collector.collect::<Vec<_>>(), words, input)
    }

    /// The same of somebody who does not trace what he does.
    pub fn start_untraced(&self, words: &[&str], input: &str) -> Running {
        self.start_in(&[], words, input)
    }

    fn start_in(&self, environment: &[(&str, &str)], words: &[&str], input: &str) -> Running {
        let mut command = command("acre");
        command.env("HOME", self.home.path()).args(["--farm", &self.socket()]).envs(environment.iter().copied());
        command.args(words.iter().map(|word| self.text(word)));
        Running::start_with(command, &self.text(input))
    }

    /// Runs `acre` to its end.
    pub fn acre(&self, words: &[&str]) -> Output {
        self.start(words, "").end()
    }

    /// Starts `acre run` for a task file without a source.
    pub fn start_task(&self, yaml: &str, words: &[&str]) -> Running {
        self.start(&[&["run", "-f", "-", "/dev/null"], words].concat(), yaml)
    }

    /// Hands in a task without a source and does not wait for it; the run's id.
    pub fn hand_in(&self, yaml: &str, words: &[&str]) -> String {
        let words = [&["--no-wait"], words].concat();
        self.start_task(yaml, &words).end().ended(0).stdout.trim().to_owned()
    }

    /// A run as it is now.
    pub fn show(&self, run: &str) -> Shown {
        Shown::of(&self.acre(&["show", "-o", "json", run]).ended(0).stdout)
    }

    /// Waits until a run is over.
    pub fn over(&self, run: &str) -> Shown {
        let shown = || Some(self.show(run)).filter(Shown::is_over);
        wait::until(&format!("run {run} is over"), RUN, shown)
    }

    /// Demands that the engine soon has nothing of the farm, but for networks that are kept to spare.
    pub fn is_clean_within(&self, limit: Duration) {
        let is_spare = |thing: &engine::Thing| thing.kind == "network" && thing.run.is_empty();
        let clean = wait::within(limit, || self.on_engine().iter().all(is_spare).then_some(()));
        assert!(clean.is_some(), "left on the engine after {limit:?}: {:#?}", self.on_engine());
    }

    fn on_engine(&self) -> Vec<engine::Thing> {
        farm::identity(&self.data()).map(|farm| engine::things_of(&farm)).unwrap_or_default()
    }

    /// `host:port` at which metrics are asked for, of a farm that is watched.
    pub fn metrics(&self) -> &BTreeMap<String, String> {
        &self.watch.as_ref().expect("this farm is watched").1
    }

    /// Stops all, which must go in good order and take everything along.
    pub fn down(&mut self) {
        let agents = std::mem::take(&mut self.agents);
        agents.values().for_each(|agent| agent.signal(Signal::TERM));
        for agent in agents.into_values() {
            agent.end_within(SOON).ended(0);
        }
        if let Some(scheduler) = self.scheduler.take() {
            scheduler.signal(Signal::TERM);
            scheduler.end_within(SOON).ended(0);
        }
        let left = self.on_engine();
        assert!(left.is_empty(), "left on the engine by a farm that is down: {left:#?}");
    }

    #[allow(clippy::print_stderr, reason = "whoever looks at a failed test wants to know")]
    fn remove_by_force(&mut self) {
        if let Some(scheduler) = self.scheduler.take() {
            eprintln!("--- scheduler says\n{}", scheduler.last_words());
        }
        for (id, agent) in std::mem::take(&mut self.agents) {
            eprintln!("--- agent {id} says\n{}", agent.last_words());
            agent.kill();
        }
        if let Some(farm) = farm::identity(&self.data()) {
            engine::remove_all_of(&farm);
        }
    }
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Ending for Fleet {
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

impl Drop for Fleet {
    fn drop(&mut self) {
        ending::end(self);
    }
}

/// A program of acre in an environment that says nothing.
fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}
