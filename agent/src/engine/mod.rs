//! What builds and runs containers under an agent. The traits have several true implementations: Docker Engine and a
//! simulated one for [`Runtime`]; BuildKit and the classic builder for [`Builder`].
//!
//! Everything an engine is asked to make carries the labels of [`Labels`], so that whatever a crash leaves is found.

pub mod docker;
mod error;
mod observed;
pub mod program;
mod snapshot;

pub use acre_web::registry::{Login, Logins};
pub use error::EngineError;
pub use observed::Watch;
pub use snapshot::{Content, Snapshot, SnapshotEntry, SnapshotNode};

use acre_model::{
    attempt::UsedImage,
    capability::Privileges,
    digest::Digest,
    log::Stream,
    plan::{Build, Cmd, Network},
    platform::Platform,
    reference::Reference,
    secret::SecretValue,
    windows::{Isolation, OsVersion},
};
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::mpsc;

/// The result of asking an engine.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// What an engine tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// `docker` or `simulated`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it runs without an emulator.
    pub native: Platform,
    /// Cores of its machine.
    pub cpus: u32,
    /// Memory of its machine in bytes.
    pub memory: u64,
    /// Whether it has BuildKit.
    pub buildkit: bool,
    /// Whether its images live in containerd's store.
    pub containerd_store: bool,
    /// Of an engine on Windows.
    pub windows: Option<OnWindows>,
}

/// What an engine on Windows tells of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnWindows {
    /// Its version of Windows.
    pub version: OsVersion,
    /// How containers are kept apart that do not ask for anything. Whether the machine has the other way, too, is not told.
    pub isolation: Isolation,
}

/// Labels that tell whose a thing on the engine is.
pub type Labels = BTreeMap<String, String>;

/// What containers of one group share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSpec {
    /// Unique on the engine: prefix of the names of everything in the sandbox.
    pub name: String,
    /// On everything in it.
    pub labels: Labels,
    /// Its network, on which containers find each other by name, if it has one. Networks are lent to sandboxes, one at a
    /// time, and outlive them: to make one costs the engine as much as to start a container.
    pub network: Option<String>,
    /// Networks that the task declares, by their names there.
    pub networks: Vec<Network>,
    /// Names, in the task, of the volumes that it declares: they are in memory.
    pub memory: BTreeSet<String>,
}

impl SandboxSpec {
    /// The volume at `/workspace`.
    pub fn workspace(&self) -> String {
        format!("{}-workspace", self.name)
    }

    /// The volume at `/acb/home`.
    pub fn home(&self) -> String {
        format!("{}-home", self.name)
    }

    /// The volume that the task calls `name`.
    pub fn volume(&self, name: &str) -> String {
        format!("{}-volume-{name}", self.name)
    }

    /// The network of this name on the engine, for a network that a `cmd` names; what the task does not declare is a
    /// network of the sandbox like those that it does.
    pub fn declared(&self, name: &str) -> Network {
        let own = |driver: &str, ipv6| Network {
            name: format!("{}-{name}", self.name),
            driver: driver.to_owned(),
            ipv6,
            skip_creation: false,
        };
        match self.networks.iter().find(|network| network.name == name) {
            Some(network) if network.skip_creation => network.clone(),
            Some(network) => own(&network.driver, network.ipv6),
            None => own("bridge", false),
        }
    }
}

/// A container to create: a `cmd` unit in its sandbox.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// Unique on the engine.
    pub name: String,
    /// On the container.
    pub labels: Labels,
    /// What to run. Its image may be replaced by [`ContainerSpec::image`].
    pub cmd: Cmd,
    /// The image: an id where this run built it, else the reference of the `cmd`.
    pub image: String,
    /// The platform, where the engine is to be told (a foreign one); `None`: the engine's own choice.
    pub platform: Option<Platform>,
    /// Names on the sandbox's network, the step id first.
    pub aliases: Vec<String>,
    /// The sandbox.
    pub sandbox: SandboxSpec,
    /// What the agent's configuration gives to steps that ask for it.
    pub allows: Privileges,
    /// A volume in memory that is mounted at `$HOME/.docker`.
    pub docker_config: Option<String>,
}

/// Volumes in memory, held by a container of their own for as long as that lives.
#[derive(Clone, Debug)]
pub struct Held {
    /// Of the container that holds them; unique on the engine.
    pub name: String,
    /// The volumes.
    pub volumes: Vec<HeldVolume>,
}

/// A volume in memory.
#[derive(Clone, Debug)]
pub struct HeldVolume {
    /// Unique on the engine.
    pub name: String,
    /// Names and contents of its files.
    pub files: Vec<(String, SecretValue)>,
}

/// Programs that need nothing but the kernel, to be tried in containers that have nothing but them.
#[derive(Clone, Debug)]
pub struct Bare {
    /// Of their image, and what the names of containers begin with; unique on the engine, of a-z, 0-9 and -.
    pub name: String,
    /// On image and containers.
    pub labels: Labels,
    /// Executable files, by names of a-z, 0-9 and -.
    pub programs: BTreeMap<String, Vec<u8>>,
}

/// A container that has been started.
pub struct Running {
    /// Its output from the first byte, in order per stream; ends when the container has ended.
    pub output: BoxStream<'static, Result<(Stream, Bytes), EngineError>>,
    /// Its exit code, once its process has ended.
    pub exit: BoxFuture<'static, Result<i64, EngineError>>,
    /// Resolves once the engine has also taken it off its network and volumes, or cannot be asked.
    pub released: BoxFuture<'static, ()>,
    /// Resolves when its image's health check has found it unhealthy; never, if there is none. Nothing is asked before
    /// it is polled.
    pub ailing: BoxFuture<'static, ()>,
}

/// Output that has been stored already, and is left out when a container is attached to again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Bytes of standard output.
    pub stdout: u64,
    /// Bytes of standard error.
    pub stderr: u64,
}

/// A container that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Whether it has ever been started.
    pub started: bool,
    /// Whether it runs now.
    pub running: bool,
}

/// An image on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalImage {
    /// Its id.
    pub id: Digest,
    /// Digests under which registries know it, by `registry/repository`.
    pub digests: Vec<(String, Digest)>,
    /// The Windows that it is for, if it is for one and says so.
    pub os_version: Option<OsVersion>,
}

/// What a long call says while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Log output, any bytes.
    Output(Stream, Bytes),
    /// What it is at, one line, shown in place of the one before.
    Status(String),
}

/// Where a long call says what it does. Bounded: who does not listen slows the call, never fills memory.
pub type Saying = mpsc::Sender<Said>;

/// Runs containers. All names given to it are made by acre; what users wrote arrives only as data of a call.
pub trait Runtime: Send + Sync + 'static {
    /// What the engine is, as it told since it last was gone. An error means it does not answer.
    fn info(&self) -> Asked<'_, EngineInfo>;

    /// Resolves when the engine has stopped answering; the error says how.
    fn gone(&self) -> BoxFuture<'_, EngineError>;

    /// Makes a network on which containers find each other by name; its name is that on the engine. Doing it twice is
    /// doing it once. (A sandbox's volumes come into being with the first container that mounts them.)
    fn make_network<'a>(&'a self, network: &'a Network, labels: &'a Labels) -> Asked<'a, ()>;

    /// Makes volumes in memory, with files in them, which live as long as the container that holds them. Doing it twice
    /// is doing it once. To remove that container is to let go of them: they are gone with the last container that has
    /// them.
    fn hold<'a>(&'a self, sandbox: &'a SandboxSpec, held: &'a Held) -> Asked<'a, ()>;

    /// Unpacks a tar stream into the workspace. Owners are those of the archive.
    fn fill_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Asked<'a, ()>;

    /// A tar stream of a path in the workspace; `None` if it does not exist. Names in it begin with the last name of the
    /// path; of `.`, which is all of the workspace, with `./`.
    fn read_workspace<'a>(
        &'a self,
        sandbox: &'a SandboxSpec,
        path: &'a str,
    ) -> Asked<'a, Option<BoxStream<'static, Result<Bytes, EngineError>>>>;

    /// Removes all containers, networks and volumes that carry all of these labels, of which there must be one, killing
    /// what runs.
    fn remove_labeled<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()>;

    /// Containers that carry all of these labels. Among them may be one that is never started: it holds a sandbox's
    /// volumes, so that files can be moved in and out.
    fn find_containers<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Found>>;

    /// The label sets of all containers, networks and volumes that carry all of these labels.
    fn find_labels<'a>(&'a self, labels: &'a Labels) -> Asked<'a, Vec<Labels>>;

    /// Creates a container. [`EngineError::NoImage`] if its image is not on the engine.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Asked<'a, String>;

    /// Attaches to a created container, then starts it: no byte of output and no exit can be missed.
    fn start<'a>(&'a self, id: &'a str) -> Asked<'a, Running>;

    /// Attaches again to a container that was started earlier, leaving out what was seen.
    fn reattach<'a>(&'a self, id: &'a str, seen: Seen) -> Asked<'a, Running>;

    /// TERM, then KILL after the grace; resolves when it has ended. A container that is gone has ended.
    fn stop<'a>(&'a self, id: &'a str, grace_ms: u64) -> Asked<'a, ()>;

    /// Removes a container and its anonymous volumes, killing it if it runs. One that is gone is removed.
    fn remove<'a>(&'a self, id: &'a str) -> Asked<'a, ()>;

    /// The image under a reference or id, if it is on the engine.
    fn image<'a>(&'a self, reference: &'a str) -> Asked<'a, Option<LocalImage>>;

    /// Pulls an image for a platform.
    fn pull<'a>(
        &'a self,
        reference: &'a Reference,
        platform: Option<&'a Platform>,
        logins: &'a Logins,
        say: &'a Saying,
    ) -> Asked<'a, ()>;

    /// Gives an image a further name.
    fn tag<'a>(&'a self, id: &'a str, reference: &'a Reference) -> Asked<'a, ()>;

    /// Takes a name from its image; an image that has no other, and that no container has, goes with it. A name that
    /// nothing has is taken.
    fn untag<'a>(&'a self, name: &'a Reference) -> Asked<'a, ()>;

    /// Pushes an image to its registry; the digest is that of the manifest the registry now has.
    fn push<'a>(&'a self, reference: &'a Reference, logins: &'a Logins, say: &'a Saying) -> Asked<'a, Digest>;

    /// Makes an image that has these programs and nothing else.
    fn make_programs<'a>(&'a self, bare: &'a Bare) -> Asked<'a, ()>;

    /// Runs one of the programs of an image that was made, whatever processor it is for, and tells its exit code. A program
    /// that the engine could not start is [`EngineError::Refused`], or has the code that the engine makes of it. Its
    /// container does not stay.
    fn try_program<'a>(&'a self, bare: &'a Bare, program: &'a str) -> Asked<'a, i64>;

    /// Removes images that were made for programs, and what is left of tries that were broken off: all that carries all
    /// of these labels, of which there must be one.
    fn forget_programs<'a>(&'a self, labels: &'a Labels) -> Asked<'a, ()>;
}

/// A build to be done: of a plan's unit, on one platform.
#[derive(Clone)]
pub struct BuildRequest {
    /// What to build. Its context has been taken apart: see [`BuildRequest::context`] and [`BuildRequest::dockerfile`].
    pub build: Build,
    /// For which platform.
    pub platform: Platform,
    /// The files, rooted at the context.
    pub context: Arc<Snapshot>,
    /// The Dockerfile's bytes, and those of `<Dockerfile>.dockerignore` if there is one.
    pub dockerfile: DockerfileText,
    /// Identifies the context across runs (farm, project, folder), so that a builder re-uses what it kept of it.
    pub shared_key: String,
    /// Logins for the images it pulls.
    pub logins: Logins,
    /// Where the image goes.
    pub output: Output,
    /// How what it runs is kept apart, where that is not left to the engine.
    pub isolation: Option<Isolation>,
}

/// Where the image of a build goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Into the engine's store, under the tags of the build.
    Store,
    /// Into this repository of a registry, under its digest alone; the engine keeps nothing but its cache.
    Repository(Reference),
}

/// A Dockerfile as it goes to the builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerfileText {
    /// The Dockerfile.
    pub text: Bytes,
    /// `<Dockerfile>.dockerignore`, which replaces the context's `.dockerignore`.
    pub ignore: Option<Bytes>,
}

/// A build that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The image's id on the engine; of one that is not there, the digest of its manifest.
    pub image: Digest,
    /// The images it used, with digests as far as the builder tells.
    pub used: Vec<UsedImage>,
}

/// Builds images. Dropping the future cancels the build on the engine, too.
pub trait Builder: Send + Sync + 'static {
    /// Whether it can send an image to a repository, and leave it out of the engine's store.
    fn exports(&self) -> Asked<'_, bool>;

    /// Builds. [`EngineError::NotExported`] if all went well until the image was to go where it should.
    fn build<'a>(&'a self, request: &'a BuildRequest, say: &'a Saying) -> Asked<'a, Built>;
}
