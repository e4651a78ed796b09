//! Those who tell a farm of sources: requests as GitHub sends them, and the registry that tells of what is pushed.

use crate::{farm::Farm, program::Running, registry, wait};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// How soon the answer to a request comes, or the end of its connection.
const ANSWER: Duration = Duration::from_secs(30);
/// How soon a registry answers once it has been started.
const READY: Duration = Duration::from_secs(20);

/// Where a farm listens for webhooks.
pub struct Door {
    address: String,
}

/// Runs that no agent takes are not given up while a test lasts, however busy the machine is.
pub const PATIENCE: (&str, &str) = ("ACRE_SCHEDULER_PLACEMENT_GRACE", "1h");

impl Door {
    /// Starts a farm that has one.
    pub fn of(farm: &Farm) -> Self {
        let address = registry::closed();
        farm.acre_with(&[PATIENCE], "", &["up", "--hooks", &address]).ended(0);
        Self { address }
    }

    /// Its `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request as GitHub does that tells of a push; the status and text of the answer. `None`: nobody answers.
    pub fn push(&self, task: &str, secret: &str, body: &str) -> Option<(u16, String)> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key does");
        mac.update(body.as_bytes());
        let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = format!("X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256={signature}\r\n");
        self.post(&format!("/hooks/default/{task}/github"), &headers, body)
    }

    fn post(&self, path: &str, headers: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(ANSWER)).ok()?;
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n",
            self.address
        );
        let mut answer = String::new();
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
        stream.read_to_string(&mut answer).ok()?;
        let (head, text) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, text.to_owned()))
    }
}

/// The secret that `acre task webhook` prints.
pub fn secret(farm: &Farm, words: &[&str]) -> String {
    let output = farm.acre(&[&["task", "webhook"], words].concat());
    let secret = output.ended(0).stdout.lines().find_map(|line| line.strip_prefix("Secret")).map(str::trim);
    secret.expect("a secret is printed").to_owned()
}

/// A registry of a test's own that tells a farm of every push.
pub struct Telling {
    address: String,
    _folder: TempDir,
    _server: Running,
}

impl Telling {
    /// Starts one; it tells the door with this secret.
    pub fn to(door: &Door, secret: &str) -> Self {
        let (folder, address) = (tempfile::tempdir().expect("a temporary folder can be made"), registry::closed());
        let place = folder.path().display();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: \"{place}/data\"}}}}\n\
             http: {{addr: \"{address}\"}}\nnotifications:\n  endpoints:\n    - name: acre\n      \
             url: http://{}/registries/default/distribution\n      headers: {{Authorization: [Bearer {secret}]}}\n      \
             timeout: 5s\n      threshold: 3\n      backoff: 1s\n",
            door.address
        );
        fs::write(folder.path().join("config.yml"), configuration).expect("files can be written");
        let program = std::env::var("ACRE_TEST_REGISTRY_PROGRAM").unwrap_or_else(|_| "docker-registry".to_owned());
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.path().join("config.yml"));
        let server = Running::start(command);
        wait::until("the telling registry answers", READY, || TcpStream::connect(&address).ok());
        Self { address, _folder: folder, _server: server }
    }

    /// Its `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }
}
