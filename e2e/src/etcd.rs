//! The etcd of the tests, and a farm whose records are in it.

use crate::{
    engine, program,
    program::{Output, Running, binary},
    registry, wait,
};
use data_encoding::BASE64;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// How soon a part of the farm has started or ended.
const SOON: Duration = Duration::from_secs(20);

/// `HOST:PORT` of the etcd (`ACRE_TEST_ETCD`).
fn host() -> String {
    let address = std::env::var("ACRE_TEST_ETCD").unwrap_or_else(|_| "etcd://127.0.0.1:23790".to_owned());
    address.strip_prefix("etcd://").expect("ACRE_TEST_ETCD is etcd://HOST:PORT").to_owned()
}

/// A farm with its records in etcd: one agent, and the schedulers that a test starts.
pub struct EtcdFarm {
    home: TempDir,
    prefix: String,
    agent: Option<Running>,
}

impl EtcdFarm {
    /// A farm of which nothing runs yet.
    pub fn new() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos();
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        Self { home, prefix: format!("e2e/{}-{nanos:x}", std::process::id()), agent: None }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn socket(&self) -> String {
        format!("unix:{}", self.place("farm.sock").display())
    }

    fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(binary(name));
        command.args(words).env_clear().current_dir(self.home.path()).env("HOME", self.home.path());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).env("DOCKER_HOST", engine::address());
        command
    }

    /// Starts a scheduler that keeps blobs and logs in the folder of this name, and listens at a socket of its own.
    pub fn start_scheduler_in(&self, data: &str, socket: &str) -> Running {
        let store = format!("etcd://{}/{}", host(), self.prefix);
        let data = self.place(data).display().to_string();
        Running::start(self.command("acre-scheduler", &["--data", &data, "--listen", socket, "--store", &store]))
    }

    /// Starts the farm's scheduler, and waits until it is ready.
    pub fn start_scheduler(&self) -> Running {
        let mut scheduler = self.start_scheduler_in("scheduler", &self.socket());
        scheduler.wait_for("ready");
        scheduler
    }

    /// Starts the farm's agent, and waits until it is registered.
    pub fn start_agent(&mut self) {
        let (data, socket) = (self.place("agent").display().to_string(), self.socket());
        let words = ["--data", &data, "--farm", &socket, "--id", "one"];
        self.agent = Some(Running::start(self.command("acre-agent", &words)));
        self.wait_for_keys("agents/", &["one"]);
    }

    /// Kills the agent.
    pub fn kill_agent(&mut self) {
        self.agent.take().expect("an agent runs").kill();
    }

    /// Runs `acre` on this farm to its end, with this on its standard input.
    pub fn acre(&self, words: &[&str], input: &str) -> Output {
        let socket = self.socket();
        let words = [&["--farm", socket.as_str()], words].concat();
        Running::start_with(self.command("acre", &words), &input.replace("{base}", &registry::base())).end()
    }

    /// Hands in a task without a source; the run's id.
    pub fn hand_in(&self, yaml: &str) -> String {
        let output = self.acre(&["run", "-f", "-", "/dev/null", "--no-wait"], yaml);
        output.ended(0).stdout.trim().to_owned()
    }

    /// What a step has printed so far; empty while nobody answers.
    pub fn log(&self, run: &str, step: &str) -> String {
        self.acre(&["logs", "--step", step, run], "").stdout
    }

    /// Waits until a run is over; its report.
    pub fn report(&self, run: &str) -> Value {
        let show = || serde_json::from_str::<Value>(&self.acre(&["show", "-o", "json", run], "").stdout).ok();
        wait::until(&format!("run {run} is over"), SOON, || {
            show().map(|mut shown| shown["report"].take()).filter(|report| !report.is_null())
        })
    }

    /// The keys of this farm in etcd that begin so, without what they begin with.
    pub fn keys(&self, begin: &str) -> Vec<String> {
        let begin = format!("{}/{begin}", self.prefix);
        let end = format!("{begin}\u{7f}");
        let body = json!({ "key": BASE64.encode(begin.as_bytes()), "range_end": BASE64.encode(end.as_bytes()) });
        let found = ask("/v3/kv/range", &body);
        let keys = found["kvs"].as_array().into_iter().flatten().map(|kv| kv["key"].as_str().expect("a key is text"));
        let decoded = keys.map(|key| BASE64.decode(key.as_bytes()).expect("it is base64"));
        decoded.map(|key| String::from_utf8_lossy(&key)[begin.len()..].to_owned()).collect()
    }

    /// Waits until the keys that begin so are these.
    #[track_caller]
    pub fn wait_for_keys(&self, begin: &str, expected: &[&str]) {
        let are_there = wait::within(SOON, || (self.keys(begin) == expected).then_some(()));
        assert!(are_there.is_some(), "keys below {begin}: {:?}, not {expected:?}", self.keys(begin));
    }

    /// Where the farm keeps what it has.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A socket for a scheduler that is not the farm's.
    pub fn other_socket(&self) -> String {
        format!("unix:{}", self.place("other.sock").display())
    }
}

impl Default for EtcdFarm {
    fn default() -> Self {
        Self::new()
    }
}

/// Asks a program to end, and demands that it ends well.
pub fn stop(running: Running) -> Output {
    running.signal(Signal::TERM);
    let output = running.end_within(SOON);
    output.ended(0);
    output
}

/// Kills a program, and waits until it is gone.
pub fn kill(running: Running) {
    let pid = running.pid();
    running.kill();
    wait::until("a killed process is gone", SOON, || program::has_ended(pid).then_some(()));
}

/// A request to etcd's JSON gateway.
fn ask(path: &str, body: &Value) -> Value {
    let (host, body) = (host(), body.to_string());
    let mut stream =
        TcpStream::connect(&host).unwrap_or_else(|why| panic!("these tests need an etcd at {host}: {why}"));
    let length = body.len();
    // HTTP/1.0: the answer is not chunked, and the connection ends with it.
    write!(stream, "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("etcd takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("etcd answers in text");
    let (_, json) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no body: {answer}"));
    serde_json::from_str(json).unwrap_or_else(|why| panic!("no JSON ({why}): {answer}"))
}
