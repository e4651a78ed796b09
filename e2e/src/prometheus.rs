//! Prometheus, and pages for it.

use crate::{
    program::{Output, Running},
    wait,
};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// How soon Prometheus answers once it has been started.
const READY: Duration = Duration::from_secs(30);

/// The body of what an address answers to a plain GET.
pub fn get(host: &str, path: &str) -> String {
    try_get(host, path).unwrap_or_else(|why| panic!("http://{host}{path} does not answer: {why}"))
}

fn try_get(host: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    // Of this version, so that the answer is not cut into chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

/// A Prometheus of a test's own; it ends when it is dropped.
pub struct Prometheus {
    host: String,
    _running: Running,
    _home: TempDir,
}

/// One of the programs of Debian's package (`ACRE_TEST_PROMETHEUS_PROGRAMS`).
fn program(name: &str) -> PathBuf {
    let folder = std::env::var("ACRE_TEST_PROMETHEUS_PROGRAMS").expect("these tests need Prometheus: infra/test --env");
    Path::new(&folder).join(name)
}

/// Runs `promtool` in a folder.
pub fn promtool(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program("promtool"));
    command.args(words).current_dir(folder);
    Running::start(command).end()
}

impl Prometheus {
    /// One with this configuration, and this folder's files beside it.
    pub fn start(configuration: &str, beside: &Path) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        for entry in fs::read_dir(beside).expect("the folder is there").flatten() {
            fs::copy(entry.path(), home.path().join(entry.file_name())).expect("a file can be copied");
        }
        let file = home.path().join("prometheus.yaml");
        fs::write(&file, configuration).expect("a file can be written");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free");
        let host = free.to_string();
        let mut command = Command::new(program("prometheus"));
        command.arg(format!("--config.file={}", file.display())).arg(format!("--web.listen-address={host}"));
        command.arg(format!("--storage.tsdb.path={}", home.path().join("data").display()));
        // What the package puts elsewhere, nobody here looks at.
        command.args(["--web.console.templates=.", "--web.console.libraries=."]).current_dir(home.path());
        let running = Running::start(command);
        let is_ready = || try_get(&host, "/-/ready").ok().filter(|body| body.contains("Ready")).map(drop);
        wait::until("Prometheus is ready", READY, is_ready);
        Self { host, _running: running, _home: home }
    }

    /// What a query gives now: a list of series.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = get(&self.host, &format!("/api/v1/query?query={}", encoded(expression)));
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|why| panic!("{expression}: {why}: {answer}"));
        assert_eq!(answer["status"], "success", "{expression}: {answer:#}");
        answer["data"]["result"].as_array().expect("a query has a result").clone()
    }
}

/// As part of an address.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
