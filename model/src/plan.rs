//! A plan: the units of a run, the edges between them, and the groups that must share an engine. Immutable once compiled.

use crate::{
    digest::Digest,
    ids::{GroupId, StepId, UnitId},
    platform::Platform,
    reference::Reference,
    report::Image,
    secret::{Nonce, SecretDecl},
};
use serde::{Deserialize, Serialize};

/// The units of a run and the edges between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The platforms of the run, the first of which its `cmd` units run on.
    pub platforms: Vec<Platform>,
    /// In the order of the task file, and so that a unit's place is its [`UnitId`].
    pub units: Vec<Unit>,
    /// So that a group's place is its [`GroupId`].
    pub groups: Vec<Group>,
    /// Networks that the task declares.
    pub networks: Vec<Network>,
    /// Volumes that the task declares.
    pub volumes: Vec<Volume>,
    /// The secrets whose tokens its texts may hold.
    pub secrets: Vec<SecretDecl>,
    /// Under which they hold them.
    pub nonce: Nonce,
    /// What `acre check` and the client show: diagnostics that do not stop the run, ready to print.
    pub warnings: Vec<String>,
}

/// A network that a task declares. Each group has one of its own under this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its name in the task.
    pub name: String,
    /// The engine's driver: `bridge` unless said.
    pub driver: String,
    /// Whether it has IPv6.
    pub ipv6: bool,
    /// It is on the engine already, under this very name, and is neither made nor removed.
    pub skip_creation: bool,
}

/// A volume that a task declares, in memory. Each group has one of its own under this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name in the task.
    pub name: String,
    /// Its files: names, and contents in base64; texts with tokens.
    pub files: Vec<(String, String)>,
}

/// Units that must share one engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The platform of all its units; of a cross group, that of the first.
    pub platform: Platform,
    /// Its units, in plan order.
    pub units: Vec<UnitId>,
    /// Whether two containers of the group can live at once, and so need a network with names.
    pub network: bool,
    /// Builds for any platforms, and what pushes their images: nothing of those platforms executes, so any Linux
    /// builder can do them.
    #[serde(default)]
    pub cross: bool,
    /// Units of other groups whose changes of the workspace its own begins with, in plan order.
    #[serde(default)]
    pub takes: Vec<UnitId>,
}

/// A step on one platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Its place in the plan.
    pub id: UnitId,
    /// `step@os/arch`, unique in the plan.
    pub name: String,
    /// The step it comes from.
    pub step: StepId,
    /// Line of the step in the task file, from 1; 0 where no file was.
    pub line: u32,
    /// What it runs on.
    pub platform: Platform,
    /// What it shares an engine with.
    pub group: GroupId,
    /// Units that must have succeeded before it starts; ascending.
    pub after: Vec<UnitId>,
    /// What it does.
    pub action: Action,
    /// How long, how often, and what failing means.
    pub rules: Rules,
    /// Files it leaves in the workspace that the run's report is made of.
    pub reports: Reports,
    /// Globs below the workspace: files that are kept with the run.
    pub artifacts: Vec<String>,
    /// What the exit codes of the units it waits for must be like, or it is skipped.
    pub condition: Condition,
    /// Its workspace, once it has succeeded, is wanted by a group elsewhere.
    #[serde(default)]
    pub hands_over: bool,
}

/// Conditions on exit codes (task language §3, `exitedWith`). A unit whose condition does not hold is skipped, and what
/// waits for it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// A unit it waits for must have exited with one of these; empty: no condition.
    pub exited_with: Vec<i64>,
    /// A unit it waits for must have exited with none of these; empty: no condition.
    pub exited_without: Vec<i64>,
}

/// How long a unit may take, how often it tries, and what its failure means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Limit over all tries together, in milliseconds; [`Rules::start_delay_ms`] does not count.
    pub timeout_ms: u64,
    /// Wait before the first try, in milliseconds.
    pub start_delay_ms: u64,
    /// Further tries after a failure.
    pub retries: u32,
    /// Wait before each further try, in milliseconds.
    pub retry_delay_ms: u64,
    /// Try again only if the try's output holds one of these; empty: always.
    pub retry_on_errors: Vec<String>,
    /// Further executions, all of them run.
    pub repeat: u32,
    /// A failure is logged and counts as success.
    pub ignore_errors: bool,
    /// Runs even if the run has failed.
    pub always: bool,
    /// May run again on another agent although it had started.
    pub may_run_again: bool,
}

/// Globs below the workspace, by kind of report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reports {
    /// JUnit XML.
    pub junit: Vec<String>,
    /// Cobertura XML and lcov.
    pub coverage: Vec<String>,
}

/// What a unit does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Fetch the source from an address into a tree.
    Source(Fetch),
    /// Build an image.
    Build(Build),
    /// Push one reference of one platform.
    Push(Push),
    /// Put an image index over what the pushes of several platforms left, and move the tag.
    Index(Index),
    /// Run an image as a command.
    Cmd(Cmd),
}

impl Action {
    /// `source`, `build`, `push`, `index` or `cmd`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Build(_) => "build",
            Self::Push(_) => "push",
            Self::Index(_) => "index",
            Self::Cmd(_) => "cmd",
        }
    }
}

/// A source unit: fetch an address in a sandbox, keep it as a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fetch {
    /// A git repository.
    Git(GitAddress),
    /// A tar archive, plain or compressed, by http.
    Tar(TarAddress),
    /// An OCI artifact, whose layers are unpacked over each other: its reference, tag or digest included.
    Oci(Reference),
    /// The files of aliases at these addresses; the tree holds each under its place in the list, from `0` on.
    Aliases(Vec<String>),
}

/// A folder of a commit of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitAddress {
    /// The repository, without `#ref:subdir`.
    pub repository: String,
    /// Branch, tag, commit or ref (`pull/N/head`); `None`: the remote's HEAD.
    pub reference: Option<String>,
    /// Folder in the repository that becomes the root of the tree.
    pub subdirectory: Option<String>,
}

/// A folder of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TarAddress {
    /// The archive, without `#:subdir`.
    pub url: String,
    /// Folder in the archive that becomes the root of the tree.
    pub subdirectory: Option<String>,
}

/// Where a build's context comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// The submitted tree, or a folder of it (relative, no `..`; empty: the root).
    Tree(String),
    /// The workspace as the `cmd` steps before left it, or a folder of it.
    Workspace(String),
    /// The tree that a source unit of the plan fetched, or a folder of it.
    Fetched {
        /// The source unit.
        source: UnitId,
        /// Relative, no `..`; empty: the root.
        folder: String,
    },
    /// Nothing but the Dockerfile.
    Empty,
}

impl Default for Context {
    /// The root of the submitted tree.
    fn default() -> Self {
        Self::Tree(String::new())
    }
}

/// A build unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Where the files come from.
    pub context: Context,
    /// Path of the Dockerfile, relative to the root of the tree or workspace.
    pub dockerfile: String,
    /// What the image is called.
    pub tags: Vec<Reference>,
    /// `--build-arg`, in order.
    pub arguments: Vec<(String, String)>,
    /// `--label`, in order.
    pub labels: Vec<(String, String)>,
    /// `--target`.
    pub target: Option<String>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--pull`.
    pub pull: bool,
    /// `--add-host name:address`, in order.
    pub add_hosts: Vec<String>,
    /// `--network`: `none` or `default`.
    pub network: Option<String>,
    /// `--shm-size`, in bytes.
    pub shm_size: Option<u64>,
    /// Secrets for `RUN --mount=type=secret`: the id there, and a text with tokens.
    pub secrets: Vec<(String, String)>,
    /// Keys for `RUN --mount=type=ssh`: the id there, and a private key in OpenSSH or PEM form; a text with tokens.
    pub ssh: Vec<(String, String)>,
    /// `--cache-from`: references of images, or `type=registry,ref=…`.
    pub cache_from: Vec<String>,
    /// `--cache-to`: `type=inline` or `type=registry,ref=…[,mode=max]`.
    pub cache_to: Vec<String>,
    /// What the Dockerfile builds on; `None` where it cannot be read before the build.
    pub dependencies: Option<Vec<Dependency>>,
    /// The step builds for other platforms, too. An engine keeps one image under a name: that of its own platform.
    #[serde(default)]
    pub one_of_several: bool,
    /// Nothing of the run takes the image but pushes of all its tags, which are of one repository, right after the
    /// build. An engine that can send it there as it builds it need not store it.
    #[serde(default)]
    pub only_pushed: bool,
}

/// An image that a Dockerfile names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// What it is used for.
    pub role: Role,
    /// As the Dockerfile names it, build arguments put in.
    pub reference: Reference,
    /// Its stage asks for a platform of its own, which need not be the one that is built for.
    #[serde(default)]
    pub pinned: bool,
}

/// What a dependency is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The base of the final stage.
    Runtime,
    /// The base of another stage, or copied or mounted from.
    BuildTime,
}

/// A push unit: one reference of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// What is pushed, tag included.
    pub reference: Reference,
    /// The tag to push under, where an index of several platforms will take `reference`.
    pub as_child: bool,
}

/// An index unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The tag that moves to the index.
    pub reference: Reference,
    /// The push units whose images it names.
    pub children: Vec<UnitId>,
    /// Images that it names besides, which an earlier run built and pushed to the same repository.
    #[serde(default)]
    pub kept: Vec<Image>,
    /// Published with the images there are, if some platforms failed.
    #[serde(default)]
    pub allow_partial: bool,
}

/// A `cmd` unit: one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cmd {
    /// The image, as a reference (or an id of a local image).
    pub image: String,
    /// Arguments after the image.
    pub arguments: Vec<String>,
    /// Replaces the image's entry point.
    pub entry_point: Option<Vec<String>>,
    /// `K=V`, a later one winning.
    pub env: Vec<(String, String)>,
    /// Absolute; `None`: the image's own.
    pub working_directory: Option<String>,
    /// Started in the background; succeeds once it runs, and lives until its group ends.
    pub detach: bool,
    /// Name on the run's network, besides the step id.
    pub name: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `host:container[/proto]` as `docker run -p` takes it.
    pub ports: Vec<String>,
    /// `port[/proto]`.
    pub expose: Vec<String>,
    /// `--network`: `none` or a declared network; `None`: the run's own.
    pub network: Option<String>,
    /// `--cpus`, in billionths of a core.
    pub nano_cpus: Option<i64>,
    /// `--memory`, in bytes.
    pub memory: Option<u64>,
    /// `--shm-size`, in bytes.
    pub shm_size: Option<u64>,
    /// `--tmpfs path[:options]`.
    pub tmpfs: Vec<String>,
    /// `-v name:path[:ro]` and `volumeMounts`; named volumes of the run only, those that the task declares among them.
    pub volumes: Vec<(String, String)>,
    /// `--read-only`.
    pub read_only: bool,
    /// `--init`.
    pub init: bool,
    /// `--add-host`.
    pub add_hosts: Vec<String>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--label`.
    pub labels: Vec<(String, String)>,
    /// `--ulimit name=soft[:hard]`.
    pub ulimits: Vec<String>,
    /// `--cap-drop`.
    pub cap_drop: Vec<String>,
    /// Pull the image first.
    pub pull: bool,
    /// Further tries of that pull after a failure.
    pub pull_retries: u32,
    /// Wait before each of them, in milliseconds.
    pub pull_retry_delay_ms: u64,
    /// Wants privileges: only where the agent's policy allows it.
    pub privileged: bool,
    /// Wants the engine's socket: only where the agent's policy allows it.
    pub engine_socket: bool,
    /// Its container is not removed before the run ends.
    pub keep: bool,
    /// Gets the run's registry logins as `$HOME/.docker/config.json`, in memory, for itself.
    pub registry_auth: bool,
    /// `process` or `hyperv`, on Windows; `None`: the engine's default.
    pub isolation: Option<String>,
}

impl Cmd {
    /// Every text that may hold tokens.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.arguments.iter_mut().chain(self.env.iter_mut().map(|(_, value)| value))
    }
}

impl Build {
    /// Every text that may hold tokens.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let pairs = [&mut self.arguments, &mut self.secrets, &mut self.ssh];
        pairs.into_iter().flatten().map(|(_, value)| value)
    }
}

impl Fetch {
    /// Its addresses, with all that they hold; the only texts that may hold tokens.
    pub fn addresses_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let addresses = match self {
            Self::Git(git) => std::slice::from_mut(&mut git.repository),
            Self::Tar(tar) => std::slice::from_mut(&mut tar.url),
            Self::Aliases(addresses) => addresses.as_mut_slice(),
            Self::Oci(_) => &mut [],
        };
        addresses.iter_mut()
    }
}

impl Action {
    /// Every text that may hold tokens; no other text of a plan does, but for the files of volumes.
    pub fn texts_mut(&mut self) -> Box<dyn Iterator<Item = &mut String> + '_> {
        match self {
            Self::Cmd(cmd) => Box::new(cmd.texts_mut()),
            Self::Build(build) => Box::new(build.texts_mut()),
            Self::Source(fetch) => Box::new(fetch.addresses_mut()),
            Self::Push(_) | Self::Index(_) => Box::new(std::iter::empty()),
        }
    }
}

impl Plan {
    /// The unit with this id.
    pub fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(id.index())
    }
}

/// A resolved source: the tree, and the commit it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedSource {
    /// Digest of the tree's root directory; `None`: no files.
    pub tree: Option<Digest>,
    /// The git commit, 40 hexadecimal digits.
    pub commit: Option<String>,
    /// The branch or tag that was asked for.
    pub reference: Option<String>,
}
