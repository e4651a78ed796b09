//! `acre doctor`: looks for what could keep a farm from working. Each check is a line with a level, and a remedy where
//! something is wrong.

mod engine;
mod machine;
mod platforms;
mod registry;

use super::print_as;
use crate::{
    args::DoctorArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, Choice, Config, Fleet, Wish, local::VERSION},
    render::{agents, text::sentence},
};
use acre_model::{capability::Engine, fleet::AgentView, text::clip};
use serde::Serialize;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Check {
    level: Level,
    /// What was looked at.
    name: String,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &str, found: impl Into<String>) -> Self {
        Self { level: Level::Ok, name: name.to_owned(), found: found.into(), remedy: None }
    }

    fn warn(name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warn, name: name.to_owned(), found: found.into(), remedy: Some(remedy.into()) }
    }

    fn fail(name: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(name, found, remedy) }
    }
}

/// Looks at everything and prints what was found; fails if any check does.
pub(super) async fn doctor(wish: &Wish, args: DoctorArgs) -> Result<ExitCode, Error> {
    let mut checks = Vec::new();
    match choice(wish) {
        Ok(choice) => {
            if choice == Choice::Local {
                checks.extend(machine::checks());
            }
            checks.extend(farm(wish, &choice).await);
        }
        Err(why) => {
            checks.push(Check::fail("configuration", why.to_string(), "mend the file, or name a farm with --farm"))
        }
    }
    if let Some(registry) = &args.registry {
        checks.push(registry::check(registry).await);
    }
    print_as(args.format, &checks, || checks.iter().map(line).collect())?;
    let failed = checks.iter().any(|check| check.level == Level::Fail);
    Ok(if failed { ExitCode::Failed } else { ExitCode::Success })
}

fn choice(wish: &Wish) -> Result<Choice, Error> {
    farm::choose(wish.farm.as_deref(), &Config::load()?)
}

fn line(check: &Check) -> String {
    let level = match check.level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Fail => "FAIL",
    };
    let remedy = check.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    format!("{level:<5} {}: {}{remedy}\n", check.name, check.found)
}

/// Whether the farm answers, and its agents with it. Where the farm of this machine does not run, the engine that its
/// agent would use is asked directly.
async fn farm(wish: &Wish, choice: &Choice) -> Vec<Check> {
    let fleet = match farm::connect_running(wish).await {
        Ok(farm) => farm.fleet().await,
        Err(why) => Err(why),
    };
    match (fleet, choice) {
        (Ok(fleet), _) => fleet_checks(&fleet),
        (Err(_), Choice::Local) => {
            let stopped = Check::warn("farm", "none runs on this machine", "`acre up` starts one, as `acre run` does");
            vec![stopped, engine::check().await]
        }
        (Err(why), Choice::Remote { .. }) => {
            vec![Check::fail("farm", why.to_string(), "see whether its scheduler runs and listens there")]
        }
    }
}

fn fleet_checks(fleet: &Fleet) -> Vec<Check> {
    let version = format!("answers, version {}", clip(&fleet.version));
    let mut checks = vec![if fleet.version == VERSION {
        Check::ok("farm", version)
    } else {
        Check::warn("farm", version, format!("acre is {VERSION}; keep them on one version"))
    }];
    if fleet.agents.is_empty() {
        let remedy = "`acre up` starts the one of this machine; its messages are in agent.log of the state folder";
        checks.push(Check::fail("agents", "none is connected", remedy));
    }
    checks.extend(fleet.agents.iter().map(agent));
    checks.extend(platforms::checks(&fleet.agents));
    checks
}

fn agent(agent: &AgentView) -> Check {
    let name = format!("agent {}", agent.id);
    let platforms = agents::platforms(&agent.capability.platforms);
    let shown = agents::engine(&agent.capability.engine);
    match &agent.capability.engine {
        _ if agent.connected_at.is_none() => {
            Check::warn(&name, "is not connected", "see whether its process runs and reaches the farm")
        }
        Engine::Down(why) => {
            let found = format!("its engine is down: {}", sentence(why));
            Check::fail(&name, found, "start the engine; the agent sees it come")
        }
        Engine::Ready { .. } if agent.capability.platforms.is_empty() => Check::fail(
            &name,
            format!("{shown} serves no platform"),
            "see the agent's messages for the trials that failed",
        ),
        Engine::Ready { .. } if agent.capability.is_disk_full() => {
            let found = "its disk is nearly full, so it takes no work";
            Check::fail(&name, found, "make room: 10 % of the disk, and 2 GiB, must be free")
        }
        Engine::Ready { buildkit: false, .. } => Check::warn(
            &name,
            format!("{shown} serves {platforms}"),
            "builds are slower and take fewer flags without BuildKit",
        ),
        Engine::Ready { .. } => Check::ok(&name, format!("{shown} serves {platforms}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_one_line_with_its_remedy() {
        let checks = [
            Check::ok("farm", "answers"),
            Check::warn("disk", "is nearly full", "make room"),
            Check::fail("engine", "does not answer", "start it"),
        ];
        let lines: String = checks.iter().map(line).collect();
        let expected =
            "ok    farm: answers\nwarn  disk: is nearly full; make room\nFAIL  engine: does not answer; start it\n";
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_fleet_without_agents_fails() {
        let checks = fleet_checks(&Fleet { version: VERSION.to_owned(), agents: Vec::new() });
        assert_eq!(checks.iter().map(|check| check.level).collect::<Vec<_>>(), [Level::Ok, Level::Fail]);
    }
}
