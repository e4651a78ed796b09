//! The engine that the farms work on: what a farm has there, asked with the `docker` program; and a way to it that can
//! be cut.

use crate::program::{Output, Running};
use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use tempfile::TempDir;

/// The address of the engine (`DOCKER_HOST`).
pub fn address() -> String {
    std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned())
}

/// Runs the `docker` program to its end.
pub fn docker(words: &[&str]) -> Output {
    let mut command = Command::new("docker");
    command.args(words).env("DOCKER_HOST", address());
    Running::start(command).end()
}

/// The lines that a `docker` command prints, which must succeed.
fn listed(words: &[&str]) -> Vec<String> {
    let output = docker(words);
    assert_eq!(output.code, 0, "these tests need a Docker Engine and its `docker` program; {output}");
    output.stdout.lines().map(str::to_owned).collect()
}

/// Containers, networks and volumes that carry the label of a run: its id and what it is, for each.
pub fn labelled() -> Vec<(String, String)> {
    let format = |name: &str| format!("{{{{.Label \"acre.run\"}}}} {name}");
    let kinds: [(&str, &[&str]); 3] = [
        ("container {{.ID}} {{.Names}} {{.Status}}", &["container", "ls", "--all"]),
        ("network {{.ID}} {{.Name}}", &["network", "ls"]),
        ("volume {{.Name}}", &["volume", "ls"]),
    ];
    let of_kind = |(name, words): (&str, &[&str])| {
        let format = format(name);
        listed(&[words, &["--filter", "label=acre.run", "--format", &format]].concat())
    };
    let lines = kinds.into_iter().flat_map(of_kind);
    lines.filter_map(|line| line.split_once(' ').map(|(run, what)| (run.to_owned(), what.to_owned()))).collect()
}

/// Ids of running containers of a run.
pub fn containers(run: &str) -> Vec<String> {
    listed(&["container", "ls", "--quiet", "--filter", &format!("label=acre.run={run}")])
}

/// Removes the images whose names begin with `prefix`.
pub fn remove_images(prefix: &str) {
    let pattern = format!("reference={prefix}*");
    let names = docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", &pattern]);
    for name in names.stdout.lines() {
        docker(&["image", "rm", "--force", name]);
    }
}

/// A way to the engine that can be cut, as if the engine had stopped, and mended.
pub struct Link {
    folder: TempDir,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    connections: Mutex<Vec<UnixStream>>,
}

impl Link {
    /// A way to the engine of the tests.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let listener = UnixListener::bind(folder.path().join("engine.sock")).expect("a socket can be made");
        let address = address();
        let engine = address.strip_prefix("unix://").expect("DOCKER_HOST is a Unix socket").to_owned();
        let state = Arc::<State>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                // A client that is let down here sees what it would see of an engine that goes down.
                drop(client.and_then(|client| shared.connect(client, &engine)));
            }
        });
        Self { folder, state }
    }

    /// Where it begins.
    pub fn address(&self) -> String {
        format!("unix://{}/engine.sock", self.folder.path().display())
    }

    /// Ends all connections and takes no new ones.
    pub fn cut(&self) {
        self.state.cut.store(true, Ordering::SeqCst);
        for connection in self.state.lock().drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.state.cut.store(false, Ordering::SeqCst);
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<UnixStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, client: UnixStream, engine: &str) -> io::Result<()> {
        let mut connections = self.lock();
        if self.cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        let engine = UnixStream::connect(engine)?;
        for (from, to) in [(&client, &engine), (&engine, &client)] {
            let (from, to) = (from.try_clone()?, to.try_clone()?);
            thread::spawn(move || copy(from, to));
        }
        connections.extend([client, engine]);
        Ok(())
    }
}

/// Passes on what comes, and its end.
fn copy(mut from: UnixStream, mut to: UnixStream) {
    let mut piece = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}
