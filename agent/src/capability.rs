//! What the agent has, told from what its engine is.

use crate::{
    config::Config,
    engine::{EngineError, EngineInfo, Runtime},
};
use acre_model::{
    capability::{Capability, Engine, Mode, Served},
    platform::Platform,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Waits between two looks at an engine that is down, in milliseconds: doubling up to the limit.
const RETRY_MS: (u64, u64) = (250, 5_000);

/// Watches the engine, and tells what the agent has whenever that changes. Works until it is dropped.
pub(crate) async fn watch_engine(config: Config, runtime: Arc<dyn Runtime>, tell: watch::Sender<Capability>) {
    let mut wait = RETRY_MS.0;
    loop {
        match runtime.info().await {
            Ok(info) => {
                wait = RETRY_MS.0;
                tell.send_replace(ready(&config, &info));
                let why = runtime.gone().await;
                tracing::warn!(%why, "the engine is gone");
                tell.send_replace(down(&config, &why));
            }
            Err(why) => {
                let now = down(&config, &why);
                tell.send_if_modified(|told| std::mem::replace(told, now.clone()) != now);
                tokio::time::sleep(Duration::from_millis(wait)).await;
                wait = (wait * 2).min(RETRY_MS.1);
            }
        }
    }
}

/// What an agent has whose engine does not answer.
pub(crate) fn down(config: &Config, why: &EngineError) -> Capability {
    Capability {
        platforms: Vec::new(),
        pool: config.pool.clone(),
        slots: config.slots.unwrap_or(0),
        cpus: 0,
        memory: 0,
        engine: Engine::Down(why.to_string()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        allows: config.allows,
        labels: BTreeMap::new(),
        disk_free: 0,
        windows: None,
    }
}

/// What an agent has whose engine answers.
fn ready(config: &Config, info: &EngineInfo) -> Capability {
    Capability {
        platforms: native(&info.native).into_iter().map(|platform| Served { platform, mode: Mode::Native }).collect(),
        pool: config.pool.clone(),
        slots: config.slots.unwrap_or(info.cpus).max(1),
        cpus: info.cpus,
        memory: info.memory,
        engine: Engine::Ready {
            name: info.name.clone(),
            version: info.version.clone(),
            buildkit: info.buildkit,
            containerd_store: info.containerd_store,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        allows: config.allows,
        labels: BTreeMap::new(),
        disk_free: 0,
        windows: None,
    }
}

/// What an engine runs without an emulator, itself first.
fn native(engine: &Platform) -> Vec<Platform> {
    let others = ["linux/386", "linux/arm/v6", "linux/arm/v5"];
    let others = others.iter().filter_map(|platform| platform.parse().ok());
    let others = others.filter(|platform| platform != engine && engine.runs_natively(platform));
    [engine.clone()].into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_serves_what_its_processor_runs() {
        let served = |engine: &str| {
            native(&engine.parse().unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(served("linux/amd64"), "linux/amd64 linux/386");
        assert_eq!(served("linux/arm/v7"), "linux/arm/v7 linux/arm/v6 linux/arm/v5");
        assert_eq!(served("windows/amd64"), "windows/amd64");
    }
}
