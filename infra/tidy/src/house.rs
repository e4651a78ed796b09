//! The rules of the house as data: the only file to change when a rule changes.
//!
//! A place is a folder or a module without its extension (see [`crate::place::inside`]).

/// What a member of the workspace may depend on among the other members.
#[derive(Clone, Copy, Debug)]
pub enum May {
    /// These and no others.
    Use(&'static [&'static str]),
    /// Whatever it needs, but not what is imported by nobody.
    UseAll,
}

/// Every member of the workspace and what it may depend on. Dependencies of tests count too.
pub const EDGES: &[(&str, May)] = &[
    ("acre-model", May::Use(&[])),
    ("acre-proto", May::Use(&["acre-model"])),
    ("acre-task", May::Use(&["acre-model"])),
    ("acre-tree", May::Use(&["acre-model", "acre-proto"])),
    ("acre-link", May::Use(&["acre-model", "acre-proto"])),
    ("acre-web", May::Use(&["acre-model"])),
    ("acre-trace", May::Use(&["acre-model"])),
    ("acre-daemon", May::Use(&["acre-trace"])),
    // Its tests join it over the network.
    (
        "acre-scheduler",
        May::Use(&["acre-model", "acre-proto", "acre-task", "acre-link", "acre-web", "acre-daemon", "acre-trace"]),
    ),
    (
        "acre-agent",
        May::Use(&["acre-model", "acre-proto", "acre-tree", "acre-web", "acre-link", "acre-daemon", "acre-trace"]),
    ),
    ("acre-client", May::Use(&["acre-model", "acre-proto", "acre-task", "acre-tree", "acre-link", "acre-trace"])),
    ("acre-e2e", May::UseAll),
    ("acre-protogen", May::Use(&[])),
    ("acre-tidy", May::Use(&[])),
    ("simulated-windows-engine", May::Use(&["acre-model", "acre-task"])),
];

/// Members that nothing else of the workspace may depend on.
pub const IMPORTED_BY_NOBODY: &[&str] = &["acre-e2e", "acre-protogen", "acre-tidy", "simulated-windows-engine"];

/// Crates that may be named in some places only.
#[derive(Clone, Copy, Debug)]
pub struct Confined {
    /// The crates, as sources name them.
    pub crates: &'static [&'static str],
    /// Where they may be named.
    pub places: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

/// All crates that are confined.
pub const CONFINED: &[Confined] = &[
    Confined {
        crates: &["bollard", "bollard_buildkit_proto"],
        places: &["agent/src/engine/docker"],
        why: "the rest of the farm knows engines by the traits of agent/src/engine, so that another engine can serve",
    },
    Confined {
        crates: &["etcd_client", "redb"],
        places: &["scheduler/src/store"],
        why: "the rest of the scheduler knows the trait Store, so that etcd and the embedded store stay exchangeable",
    },
    Confined {
        crates: &["serde_yaml", "serde_saphyr"],
        places: &["task", "client/src/render"],
        why: "only the task language reads YAML, and only the client's output writes it",
    },
    Confined {
        crates: &["opentelemetry", "opentelemetry_otlp", "opentelemetry_sdk", "tracing_opentelemetry"],
        places: &["trace"],
        why: "the rest of acre knows spans of `tracing`, and what has ended",
    },
    Confined { crates: &["gotmpl"], places: &["task"], why: "only the task language knows templates" },
];

/// Where messages of the protocol are taken apart and put together; everywhere else there are types of `acre_model`.
pub const DOORS: &[&str] = &[
    "proto",
    "link/src/join",
    "tree/src/fetch",
    "tree/src/upload",
    "scheduler/src/api",
    // Segments of logs are stored as the frames they arrived as.
    "scheduler/src/logs/segment",
    "agent/src/session",
    "agent/src/logs/push",
    "agent/src/attempt/permit",
    "agent/src/source",
    "client/src/farm/client",
    "client/src/source/send",
    // Farms that tests play to a client and to a tree, and an agent that they play to a farm.
    "client/tests/cli/support/farm",
    "scheduler/tests/api/farm",
    "scheduler/tests/api/notifications",
    "tree/tests/farm/server",
    // Agents and clients that a test plays to a scheduler.
    "scheduler/tests/network",
    "scheduler/benches/dispatch",
];

/// A module that computes and does nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Where it is.
    pub place: &'static str,
    /// Whether the order in which it walks its collections decides what it answers.
    pub ordered: bool,
}

/// All pure rooms.
pub const PURE_ROOMS: &[Room] = &[
    Room { place: "model/src", ordered: false },
    Room { place: "task/src", ordered: false },
    Room { place: "scheduler/src/farm", ordered: true },
    Room { place: "scheduler/src/graph", ordered: true },
    Room { place: "scheduler/src/placement", ordered: true },
    Room { place: "scheduler/src/polling/agenda", ordered: true },
    Room { place: "scheduler/src/polling/heads", ordered: true },
    Room { place: "scheduler/src/tell", ordered: true },
    Room { place: "scheduler/src/triggers", ordered: false },
];

/// Keywords that have no place in a pure room.
pub const IMPURE_WORDS: &[&str] = &["async", "await"];

/// Why a pure room is pure.
pub const PURE: &str =
    "what is decided here depends on arguments alone, so that it can be tested, replayed and simulated";

/// What a pure room may not name, and why. Besides, it may not call `now` of any type, which is a clock's.
pub const IMPURE_PATHS: &[(&[&str], &str)] = &[
    (&["tokio"], PURE),
    (&["rand"], PURE),
    (&["std", "env"], PURE),
    (&["std", "fs"], PURE),
    (&["std", "net"], "a pure room opens no socket; addresses as plain data are in core::net"),
    (&["std", "process"], PURE),
    (&["std", "thread"], PURE),
    (&["std", "time", "Instant"], PURE),
    (&["std", "time", "SystemTime"], PURE),
];

/// Collections whose order differs from process to process.
pub const UNORDERED: &[&str] = &["HashMap", "HashSet"];

/// Macros that stand for something unfinished.
pub const UNFINISHED: &[&str] = &["dbg", "todo", "unimplemented"];

/// What blocks a thread to let time pass.
pub const THREAD_SLEEP: &[&str] = &["std", "thread", "sleep"];

/// The one place that looks again and again, under a deadline: other processes tell tests of nothing.
pub const WAITS: &[&str] = &["e2e/src/wait"];

/// What lets time pass in a task.
pub const TASK_SLEEPS: &[&[&str]] = &[&["tokio", "time", "sleep"], &["tokio", "time", "sleep_until"]];

/// The most lines of a source file that is neither generated nor a test.
pub const MOST_LINES: usize = 600;

/// Crates of which the lock file may hold one version.
pub const ONE_VERSION: &[&str] = &["h2", "hyper", "prost", "ring", "rustls", "tonic"];

/// Crates that may not come in by any dependency.
pub const BANNED_CRATES: &[&str] = &["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys"];

/// Folders of the machine on which something was written. Put together here, since this file is searched as well.
pub const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Hosts that packages come from. Put together here, since this file is searched as well.
pub const PACKAGE_HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("index.", "crates"),
    concat!("pypi", ".org"),
    concat!("registry.", "npmjs.org"),
    concat!("deb.", "debian.org"),
];
