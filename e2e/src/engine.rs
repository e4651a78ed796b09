//! The engine that the farms work on: what a farm has there, asked with the `docker` program; and a way to it that can
//! be cut.

use crate::{
    farm::CLEAN,
    program::{Output, Running},
    proxy::copy,
    wait,
};
use std::{
    io,
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

/// Its socket.
pub(crate) fn socket() -> String {
    address().strip_prefix("unix://").expect("DOCKER_HOST is a Unix socket").to_owned()
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

/// A container, network or volume of a farm.
#[derive(Clone, Debug)]
pub struct Thing {
    /// The farm.
    pub farm: String,
    /// The run; empty for what no run has at the moment.
    pub run: String,
    /// `container`, `network` or `volume`.
    pub kind: &'static str,
    /// What it is removed by.
    pub id: String,
    /// Its name and state.
    pub about: String,
}

/// Everything on the engine that is a farm's.
pub fn things() -> Vec<Thing> {
    let kinds: [(&'static str, &str, &[&str]); 3] = [
        ("container", "{{.ID}} {{.Names}} {{.Status}}", &["--all"]),
        ("network", "{{.ID}} {{.Name}}", &[]),
        ("volume", "{{.Name}} ", &[]),
    ];
    let mut things = Vec::new();
    for (kind, shown, more) in kinds {
        let format = format!("{{{{.Label \"acre.farm\"}}}} {{{{.Label \"acre.run\"}}}} {shown}");
        let words = [&[kind, "ls", "--filter", "label=acre.farm", "--format", &format], more].concat();
        for line in listed(&words) {
            let mut words = line.splitn(4, ' ').map(str::to_owned);
            let mut next = || words.next().unwrap_or_default();
            things.push(Thing { farm: next(), run: next(), kind, id: next(), about: next() });
        }
    }
    things
}

impl Thing {
    /// Removes it, whoever uses it.
    pub fn remove(&self) {
        let force: &[&str] = if self.kind == "network" { &[] } else { &["--force"] };
        docker(&[&[self.kind, "rm"], force, &[&self.id]].concat());
    }
}

/// Ids of running containers of a run.
pub fn containers(run: &str) -> Vec<String> {
    listed(&["container", "ls", "--quiet", "--filter", &format!("label=acre.run={run}")])
}

/// Whether it can push an image that it builds without storing it.
pub fn exports() -> bool {
    let status = docker(&["info", "--format", "{{.DriverStatus}}"]).ended(0).stdout.clone();
    status.contains("io.containerd.snapshotter")
}

/// Names of images that have this in them.
pub fn image_names(part: &str) -> Vec<String> {
    let mut names = listed(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
    names.retain(|name| name.contains(part));
    names
}

/// What a farm has there: containers, networks, volumes.
pub(crate) fn things_of(farm: &str) -> Vec<Thing> {
    things().into_iter().filter(|thing| thing.farm == farm).collect()
}

/// Removes all that a farm has there whose agents were killed, images of trials among it. What the engine was asked for
/// last may still come into being.
pub(crate) fn remove_all_of(farm: &str) {
    wait::within(CLEAN, || {
        things_of(farm).iter().for_each(Thing::remove);
        things_of(farm).is_empty().then_some(())
    });
    for image in listed(&["image", "ls", "--quiet", "--filter", &format!("label=acre.farm={farm}")]) {
        docker(&["image", "rm", "--force", &image]);
    }
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
        let engine = socket();
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
