//! Tasks that projects keep, as files: one YAML document for each task, its keys the flags of `acre task create`.
//!
//! [`read`] takes a file apart, [`fields`] gives the keys of a task in the order in which they are written. What is
//! written of a task is read as that task. No secret is in it: `env:NAME` and `file:PATH` say where a value comes from,
//! and a name alone that the value stays as it is.

mod definition;
mod read;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use read::read;
pub use value::Value;
pub use write::fields;

use crate::check::fields::Keys;
use acre_model::{ids::SecretId, stored_task::StoredTask};

/// A task as a file says it shall be, but for what is read elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The task. Files with values are not among its values yet.
    pub task: StoredTask,
    /// The line of the file at which it begins, from 1.
    pub line: u32,
    /// Files with values, relative to the folder of this file, and the place of each among the task's values.
    pub values: Vec<(usize, String)>,
    /// Secrets that get a value.
    pub secrets: Vec<(SecretId, ValueFrom)>,
    /// Logins that get a password.
    pub logins: Vec<LoginFrom>,
    /// The token for the source, if it gets one.
    pub git_token: Option<ValueFrom>,
}

/// Where a value comes from that does not stand in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueFrom {
    /// A variable of the environment.
    Env(String),
    /// A file, relative to the folder of this one.
    File(String),
}

/// A login whose password comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginFrom {
    /// The registry, `HOST[:PORT]`.
    pub registry: String,
    /// The user name.
    pub username: String,
    /// Where the password comes from.
    pub password: ValueFrom,
}

/// The keys of a task, in the order in which they are written.
const TASK: Keys = Keys {
    known: &[
        "name",
        "status",
        "context",
        "file",
        "fileText",
        "cmd",
        "image",
        "target",
        "arg",
        "secretArg",
        "noPush",
        "noCache",
        "platform",
        "registry",
        "set",
        "setSecret",
        "values",
        "credential",
        "timeout",
        "agentPool",
        "emulation",
        "gitAccessToken",
        "commitTriggerEnabled",
        "pullRequestTriggerEnabled",
        "branches",
        "path",
        "tagTrigger",
        "commitStatus",
        "cancelSuperseded",
        "pollSource",
        "baseImageTriggerEnabled",
        "baseImageTriggerType",
        "schedule",
    ],
    meant: &[
        ("source", "context"),
        ("images", "image"),
        ("platforms", "platform"),
        ("args", "arg"),
        ("buildargs", "arg"),
        ("timers", "schedule"),
        ("schedules", "schedule"),
        ("cron", "schedule"),
        ("secrets", "setSecret"),
        ("secret", "setSecret"),
        ("sets", "set"),
        ("credentials", "credential"),
        ("logins", "credential"),
        ("pool", "agentPool"),
        ("paths", "path"),
        ("branch", "branches"),
        ("command", "cmd"),
        ("steps", "fileText"),
        ("push", "noPush"),
        ("dockerfile", "file"),
    ],
};

const TIMER: Keys =
    Keys { known: &["timerName", "schedule", "status"], meant: &[("name", "timerName"), ("cron", "schedule")] };

const CREDENTIAL: Keys = Keys {
    known: &["loginServer", "username", "password"],
    meant: &[("registry", "loginServer"), ("server", "loginServer"), ("user", "username")],
};

const VALUES: Keys = Keys { known: &["name", "text"], meant: &[("file", "name"), ("content", "text")] };
