//! The git program, with an environment of its own: no configuration of the host, no hooks, no prompts, no protocols but
//! those named.

use super::system::INHERITED;
use acre_web::Unfetched;
use std::{path::Path, process::Stdio};
use tokio::process::Command;

/// Characters of what git says that are repeated.
const SAID: usize = 300;

/// Why git did not do what it should.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The other side does not have what was asked for, or does not give it by this name.
    NoSuch(String),
    /// The other side wants a login, or another.
    NoEntry(String),
    /// The other side does not answer, or too slowly.
    Away(String),
    /// Anything else.
    Other(String),
}

impl Fault {
    /// As a fault of fetching `what`.
    pub(super) fn of(self, what: &str) -> Unfetched {
        match self {
            Self::NoSuch(why) | Self::NoEntry(why) => Unfetched::NotFound(format!("{what}: {why}")),
            Self::Away(why) => Unfetched::Away(format!("{what}: {why}")),
            Self::Other(why) => Unfetched::Unfit(format!("{what}: {why}")),
        }
    }

    fn told(text: String) -> Self {
        let holds = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if holds(&[
            "find remote ref",
            "not our ref",
            "unadvertised object",
            "unknown revision",
            "Needed a single revision",
        ]) {
            Self::NoSuch(text)
        } else if holds(&[
            "Authentication failed",
            "could not read Username",
            "Permission denied",
            "error: 403",
            "error: 401",
        ]) {
            Self::NoEntry(text)
        } else if holds(&["resolve host", "refused", "timed out", "too slow", "Could not connect", "unable to connect"])
        {
            Self::Away(text)
        } else {
            Self::Other(text)
        }
    }
}

/// Runs git in a folder; what it printed.
pub(super) async fn git(home: &Path, work: &Path, arguments: &[&str]) -> Result<String, Fault> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(work).env_clear().kill_on_drop(true).stdin(Stdio::null());
    for inherited in INHERITED {
        command.envs(std::env::var_os(inherited).map(|value| (inherited, value)));
    }
    command.env("HOME", home).env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "true");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", home.join("config"));
    command.env("GIT_ALLOW_PROTOCOL", "https:http:ssh").env("GIT_LFS_SKIP_SMUDGE", "1");
    command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=30");
    // A folder above that is a repository has no part in this one.
    command.env("GIT_CEILING_DIRECTORIES", work.parent().unwrap_or(work));
    let output = command.output().await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::Other("the agent's machine has no git; install it".to_owned()),
        _ => Fault::Other(format!("git does not start: {error}")),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    let first = lines.clone().find(|line| line.contains("remote error:") || line.contains("find remote ref"));
    let line = first.or_else(|| lines.next_back()).unwrap_or("git failed and said nothing");
    // Longer than what is clipped elsewhere: the reason stands at its end.
    Err(Fault::told(line.chars().filter(|character| !character.is_control()).take(SAID).collect()))
}
