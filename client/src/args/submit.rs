//! Command lines of the commands that hand in a run, and of `check`, which takes the same.

use super::Format;
use acre_model::{duration, ids::PoolName, platform::Platform, submission::Emulation};
use clap::Args;
use std::path::PathBuf;

/// What every run may be told.
#[derive(Clone, Debug, Args)]
pub struct Shared {
    /// Registry of the run, `HOST[:PORT][/PATH]`: `.Run.Registry` of a task; `build` puts it in front of names without one
    #[arg(short, long, value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// Platforms, separated by commas, as `OS/ARCH[/VARIANT]` [default: the task's, else linux/amd64]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Limit of the whole run: a number of seconds, or 90s, 15m, 1h30m [default: the limits of the steps]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<u64>,
    /// Pool whose agents may take the run
    #[arg(long, value_name = "POOL", default_value = "default")]
    pub pool: PoolName,
    /// When to emulate a platform that an engine does not run by itself: never, fallback (no agent runs it natively, or
    /// none that does is free within WAIT, 30s unless said), or always
    #[arg(long, value_name = "never|fallback[:WAIT]|always", default_value = "fallback")]
    pub emulation: Emulation,
    /// Publish an image of several platforms with those that succeeded, if others fail; the run fails all the same
    #[arg(long)]
    pub allow_partial: bool,
}

/// How a run that was handed in is followed.
#[derive(Clone, Debug, Args)]
pub struct Follow {
    /// Print the run's id, or with json or yaml the run, and do not wait for its end
    #[arg(long, help_heading = "Following")]
    pub no_wait: bool,
    /// Wait for the end without printing the log
    #[arg(long, help_heading = "Following")]
    pub no_logs: bool,
    /// Print lines even where a terminal could show more
    #[arg(long, help_heading = "Following")]
    pub plain: bool,
    /// Ctrl-C cancels the run and waits for its end; otherwise it only stops looking, and the run goes on
    #[arg(long, help_heading = "Following")]
    pub cancel_on_interrupt: bool,
    /// How to print the report; with json or yaml it alone goes to standard output, all else to standard error
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Following")]
    pub format: Format,
}

/// What makes a task.
#[derive(Clone, Debug, Args)]
pub struct Task {
    /// The task file, looked up in the source; `-` reads standard input [default: acb.yaml, acr-task.yaml or acre.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<String>,
    /// One command instead of a task file: `IMAGE ARG...`, as the `cmd` of a step
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    pub cmd: Option<String>,
    /// A YAML file with values for the task's templates; may be repeated, a later one wins
    #[arg(long, value_name = "FILE")]
    pub values: Vec<PathBuf>,
    /// One value for the task's templates; may be repeated, and wins over --values
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// One secret value for the task's templates; may be repeated. Write KEY, which takes the environment variable of
    /// that name, or KEY=@FILE: KEY=VALUE can be seen by other users of this machine
    #[arg(long, value_name = "KEY[=@FILE|=VALUE]")]
    pub set_secret: Vec<String>,
}

/// `acre run`
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What makes the task
    #[command(flatten)]
    pub task: Task,
    /// What every run may be told
    #[command(flatten)]
    pub shared: Shared,
    /// How the run is followed
    #[command(flatten)]
    pub follow: Follow,
    /// The source: a folder, an address (`https://HOST/REPO.git[#REF[:FOLDER]]`, `https://HOST/X.tar.gz`,
    /// `oci://REGISTRY/REPO:TAG`), `-` for a tar archive on standard input, or /dev/null for none
    #[arg(value_name = "SOURCE")]
    pub source: String,
}

/// `acre check`
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// What makes the task
    #[command(flatten)]
    pub task: Task,
    /// What every run may be told
    #[command(flatten)]
    pub shared: Shared,
    /// Make every warning an error
    #[arg(long)]
    pub strict: bool,
    /// Print the plan as a graph in the language of Graphviz, for `dot -Tsvg`
    #[arg(long, conflicts_with = "format")]
    pub graph: bool,
    /// How to print the plan
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// The source: a folder, `-` for a tar archive on standard input, or /dev/null for none; of an address nothing is
    /// fetched, so that it goes only with a task that is here (`-f -`, --cmd)
    #[arg(value_name = "SOURCE", default_value = ".")]
    pub source: String,
}

/// `acre build`
#[derive(Clone, Debug, Args)]
pub struct BuildArgs {
    /// Name of the image, `[REGISTRY/]REPOSITORY[:TAG]`; may be repeated
    #[arg(short = 't', long = "image", visible_alias = "tag", value_name = "NAME")]
    pub images: Vec<String>,
    /// The Dockerfile, looked up in the source [default: Dockerfile]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<String>,
    /// A build argument; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub build_arg: Vec<String>,
    /// A secret for `RUN --mount=type=secret`: the content of a file, or of an environment variable [default: the
    /// variable ID, else the file ID]; may be repeated
    #[arg(long, value_name = "id=ID[,src=FILE|,env=NAME]")]
    pub secret: Vec<String>,
    /// A private key for `RUN --mount=type=ssh`; may be repeated
    #[arg(long, value_name = "default=KEYFILE|ID=KEYFILE")]
    pub ssh: Vec<String>,
    /// The stage to build [default: the last]
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Use nothing of earlier builds
    #[arg(long)]
    pub no_cache: bool,
    /// Look for newer base images in their registries
    #[arg(long)]
    pub pull: bool,
    /// A label of the image; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Do not push [default: push where every name has a registry]
    #[arg(long, conflicts_with = "push")]
    pub no_push: bool,
    /// Push, and fail where a name has no registry
    #[arg(long)]
    pub push: bool,
    /// Leave the image on this machine's engine: for one platform, on the farm of this machine. It is there anyway, unless
    /// it is pushed and the engine can do that without storing it
    #[arg(long)]
    pub load: bool,
    /// Where else the result goes, as for `docker build`
    #[arg(long, value_name = "SPEC", hide = true)]
    pub output: Option<String>,
    /// Write digest and report as JSON into this file
    #[arg(long, value_name = "FILE")]
    pub metadata_file: Option<PathBuf>,
    /// What every run may be told
    #[command(flatten)]
    pub shared: Shared,
    /// How the run is followed
    #[command(flatten)]
    pub follow: Follow,
    /// The source: a folder, an address (`https://HOST/REPO.git[#REF[:FOLDER]]`, `https://HOST/X.tar.gz`,
    /// `oci://REGISTRY/REPO:TAG`), `-` for a tar archive on standard input, or /dev/null for none
    #[arg(value_name = "SOURCE")]
    pub source: String,
}
