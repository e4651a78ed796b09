//! What the farm of one machine consists of, and how each part is started.

use crate::farm::Address;
use acre_model::poll::PollInterval;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// What a farm on one machine consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `acre-scheduler`.
    Scheduler,
    /// `acre-agent`.
    Agent,
}

/// Whether a farm stops by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdleStop {
    /// Only when it is told to.
    Never,
    /// After [`IDLE_STOP`] without a run.
    WhenIdle,
}

/// How long a unit may wait that the one engine of this machine cannot take, unless the environment says otherwise.
const PLACEMENT_GRACE: (&str, &str) = ("ACRE_SCHEDULER_PLACEMENT_GRACE", "30s");
/// How long a farm that was started by the way waits for work, as the scheduler's command line takes it.
pub const IDLE_STOP: &str = "30m";

impl Part {
    /// The program that is it.
    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Scheduler => "acre-scheduler",
            Self::Agent => "acre-agent",
        }
    }

    /// What its files are named after.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Agent => "agent",
        }
    }
}

/// How a farm is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Start {
    /// Where the farm listens.
    pub(super) socket: PathBuf,
    /// Whether it stops by itself.
    pub(super) idle_stop: IdleStop,
    /// The engine of its agent; `None`: the agent knows where to look.
    pub(super) engine: Option<String>,
    /// Where it listens for webhooks; `None`: nowhere.
    #[serde(default)]
    pub(super) hooks: Option<String>,
    /// How often it asks registries; `None`: as often as it does by itself.
    #[serde(default)]
    pub(super) poll: Option<PollInterval>,
}

impl Start {
    /// The command line of a part with its data in this folder, but for `--ready-fd`.
    pub(super) fn arguments(&self, part: Part, data: &Path) -> Vec<OsString> {
        let address = Address::Unix(self.socket.clone()).to_string();
        let mut arguments: Vec<OsString> = vec!["--data".into(), data.into()];
        match part {
            Part::Scheduler => {
                arguments.extend(["--listen".into(), address.into()]);
                if self.idle_stop == IdleStop::WhenIdle {
                    arguments.extend(["--idle-stop".into(), IDLE_STOP.into()]);
                }
                if let Some(hooks) = &self.hooks {
                    arguments.extend(["--hooks".into(), hooks.into()]);
                }
                if let Some(poll) = &self.poll {
                    arguments.extend(["--poll".into(), poll.to_string().into()]);
                }
            }
            Part::Agent => {
                arguments.extend(["--farm".into(), address.into(), "--exit-with-farm".into()]);
                if let Some(engine) = &self.engine {
                    arguments.extend(["--engine".into(), engine.into()]);
                }
            }
        }
        arguments
    }
}

/// What a part's environment says where the user's says nothing.
pub(super) fn environment(part: Part) -> Option<(&'static str, &'static str)> {
    (part == Part::Scheduler).then_some(PLACEMENT_GRACE)
}

/// What a user is told when these parts were started.
pub(super) fn started_line(started: &[Part], idle_stop: IdleStop) -> String {
    match (started, idle_stop) {
        ([Part::Agent], _) => "started the agent of this machine's farm again".to_owned(),
        ([Part::Scheduler], _) => "started the scheduler of this machine's farm again".to_owned(),
        (_, IdleStop::WhenIdle) => {
            "no farm is configured: started one on this machine, which stops after 30 idle minutes".to_owned()
        }
        (_, IdleStop::Never) => "started a farm on this machine; `acre down` stops it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_started_with_what_they_need() {
        let never =
            Start { socket: "/run/x.sock".into(), idle_stop: IdleStop::Never, engine: None, hooks: None, poll: None };
        let engine = Some("unix:///run/engine.sock".to_owned());
        let heard = Start { hooks: Some("127.0.0.1:8070".to_owned()), poll: "1m".parse().ok(), ..never.clone() };
        let idle = Start { idle_stop: IdleStop::WhenIdle, engine, ..never.clone() };
        let table = [
            (&never, Part::Scheduler, "--data /d --listen unix:/run/x.sock"),
            (&heard, Part::Scheduler, "--data /d --listen unix:/run/x.sock --hooks 127.0.0.1:8070 --poll 1m"),
            (&idle, Part::Scheduler, "--data /d --listen unix:/run/x.sock --idle-stop 30m"),
            (&never, Part::Agent, "--data /d --farm unix:/run/x.sock --exit-with-farm"),
            (&idle, Part::Agent, "--data /d --farm unix:/run/x.sock --exit-with-farm --engine unix:///run/engine.sock"),
        ];
        for (start, part, expected) in table {
            assert_eq!(start.arguments(part, Path::new("/d")).join(" ".as_ref()), expected, "{part:?}");
        }
    }
}
