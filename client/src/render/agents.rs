//! Agents, for people.

use super::table::{ago, table};
use acre_model::{
    capability::{Capability, Engine, Mode, Served},
    fleet::{AgentView, Readiness},
    text::clip,
    time::Timestamp,
};

/// The table of `acre agents`.
pub fn agents(agents: &[AgentView], now: Timestamp) -> String {
    let header = ["AGENT", "STATE", "BUSY", "PLATFORMS", "ENGINE", "POOL", "CONNECTED"];
    table(header, agents.iter().map(|agent| row(agent, now)))
}

/// The table of `acre agents --wide`.
pub fn wide(agents: &[AgentView], now: Timestamp) -> String {
    let [agent, state, busy, platforms, engine, pool, connected] =
        ["AGENT", "STATE", "BUSY", "PLATFORMS", "ENGINE", "POOL", "CONNECTED"];
    let header =
        [agent, state, busy, "CPUS", "MEMORY", "DISK FREE", platforms, engine, pool, "LABELS", "VERSION", connected];
    let rows = agents.iter().map(|view| {
        let [agent, state, busy, platforms, engine, pool, connected] = row(view, now);
        let capability = &view.capability;
        let (cpus, memory, disk) = (capability.cpus.to_string(), gib(capability.memory), room(capability));
        let (labels, version) = (labels(capability), clip(&capability.version));
        [agent, state, busy, cpus, memory, disk, platforms, engine, pool, labels, version, connected]
    });
    table(header, rows)
}

fn row(agent: &AgentView, now: Timestamp) -> [String; 7] {
    let capability = &agent.capability;
    [
        agent.id.to_string(),
        state(agent).to_owned(),
        format!("{}/{}", agent.busy, capability.slots),
        platforms(&capability.platforms),
        engine(&capability.engine),
        capability.pool.to_string(),
        agent.connected_at.map(|at| ago(now.millis_since(at))).unwrap_or_default(),
    ]
}

/// `48.2 of 252.0 GiB`; nothing where it is not known.
fn room(capability: &Capability) -> String {
    match capability.disk_size {
        0 => String::new(),
        size => format!("{:.1} of {}", capability.disk_free as f64 / GIB, gib(size)),
    }
}

fn labels(capability: &Capability) -> String {
    let shown: Vec<String> = capability.labels.iter().map(|(key, value)| clip(&format!("{key}={value}"))).collect();
    shown.join(",")
}

const GIB: f64 = (1_u64 << 30) as f64;

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB)
}

const fn state(agent: &AgentView) -> &'static str {
    match agent.readiness {
        Readiness::Ready if agent.capability.is_disk_full() => "disk full",
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

/// Name, version and features of an engine, or why it does not answer.
pub fn engine(engine: &Engine) -> String {
    match engine {
        Engine::Ready { name, version, buildkit, containerd_store } => {
            let features = match (buildkit, containerd_store) {
                (true, true) => " (buildkit, containerd store)",
                (true, false) => " (buildkit)",
                (false, true) => " (containerd store)",
                (false, false) => "",
            };
            format!("{} {}{features}", clip(name), clip(version))
        }
        Engine::Down(why) => format!("down: {}", clip(why)),
    }
}
