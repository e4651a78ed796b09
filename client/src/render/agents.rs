//! Agents, for people.

use super::table::{ago, table};
use acre_model::{
    capability::{Engine, Mode, Served},
    fleet::{AgentView, Readiness},
    text::clip,
    time::Timestamp,
};

/// The table of `acre agents`.
pub fn agents(agents: &[AgentView], now: Timestamp) -> String {
    let row = |agent: &AgentView| {
        let capability = &agent.capability;
        [
            agent.id.to_string(),
            readiness(agent.readiness).to_owned(),
            format!("{}/{}", agent.busy, capability.slots),
            platforms(&capability.platforms),
            engine(&capability.engine),
            capability.pool.to_string(),
            clip(&capability.version),
            agent.connected_at.map(|at| ago(now.millis_since(at))).unwrap_or_default(),
        ]
    };
    let header = ["AGENT", "STATE", "BUSY", "PLATFORMS", "ENGINE", "POOL", "VERSION", "CONNECTED"];
    table(header, agents.iter().map(row))
}

const fn readiness(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Ready => "ready",
        Readiness::Draining => "draining",
        Readiness::EngineDown => "engine down",
        Readiness::Disconnected => "disconnected",
    }
}

/// `linux/amd64,linux/arm64*`: a star marks what is emulated.
pub fn platforms(served: &[Served]) -> String {
    let shown: Vec<String> = served
        .iter()
        .map(|served| format!("{}{}", served.platform, if served.mode == Mode::Emulated { "*" } else { "" }))
        .collect();
    shown.join(",")
}

/// Name, version and builder of an engine, or why it does not answer.
pub fn engine(engine: &Engine) -> String {
    match engine {
        Engine::Ready { name, version, buildkit, .. } => {
            format!("{} {}{}", clip(name), clip(version), if *buildkit { " (buildkit)" } else { "" })
        }
        Engine::Down(why) => format!("down: {}", clip(why)),
    }
}
