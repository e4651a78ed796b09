//! What the agent has: told from what its engine is, and found out by trying.
//!
//! The engine's own platform is told as soon as the engine answers; all others once a program of theirs has run there.

mod binfmt;
mod disk;
mod hints;
mod trial;

use crate::{
    config::Config,
    engine::{EngineError, EngineInfo, OnWindows, Runtime},
    labels,
    parts::Tasks,
    roster::RosterHandle,
};
use acre_model::{
    capability::{Capability, Engine, Mode, Served, Windows},
    windows::Isolation,
};
pub(crate) use disk::Room;
use futures::StreamExt as _;
use hints::Hints;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::watch;
use trial::Trials;

/// Waits between two looks at an engine that is down, in milliseconds: doubling up to the limit.
const RETRY_MS: (u64, u64) = (250, 5_000);

/// Finds out what the agent has, and tells it whenever that changes.
pub(crate) struct Watcher {
    /// How the agent is set up.
    pub config: Config,
    /// Its engine.
    pub runtime: Arc<dyn Runtime>,
    /// What it does.
    pub roster: RosterHandle,
    /// Trials that are not over.
    pub trials: Tasks,
    /// Where its capability is told.
    pub tell: watch::Sender<Capability>,
}

impl Watcher {
    /// Works until it is dropped.
    pub(crate) async fn run(self) {
        tokio::join!(self.watch_engine(), self.watch_disk(), self.watch_settings());
    }

    /// Tells what its operator has changed. Platforms that were tried stay so.
    async fn watch_settings(&self) {
        let mut settings = self.config.settings.clone();
        // Where nobody can change them any more, they stay.
        while settings.changed().await.is_ok() {
            let info = self.runtime.info().await;
            self.tell.send_modify(|told| {
                let room = Room::told(told);
                let now = match &info {
                    Ok(info) => ready(&self.config, room, info),
                    Err(why) => down(&self.config, room, why),
                };
                let (platforms, engine) = (std::mem::take(&mut told.platforms), told.engine.clone());
                *told = Capability { platforms, engine, ..now };
            });
        }
    }

    async fn watch_engine(&self) {
        let mut wait = RETRY_MS.0;
        loop {
            match self.runtime.info().await {
                Ok(info) => {
                    wait = RETRY_MS.0;
                    tracing::info!(native = %info.native, "the engine answers");
                    self.tell.send_replace(ready(&self.config, self.room(), &info));
                    let why = tokio::select! {
                        why = self.runtime.gone() => why,
                        never = self.try_platforms(&info) => match never {},
                    };
                    tracing::warn!(%why, "the engine is gone");
                    self.tell.send_replace(down(&self.config, self.room(), &why));
                }
                Err(why) => {
                    let now = down(&self.config, self.room(), &why);
                    if self.tell.send_if_modified(|told| std::mem::replace(told, now.clone()) != now) {
                        tracing::warn!(%why, "the engine does not answer; asking it until it does");
                    }
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    wait = (wait * 2).min(RETRY_MS.1);
                }
            }
        }
    }

    /// Looks with each heartbeat, since nobody tells that a disk fills up, and tells what matters.
    async fn watch_disk(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(self.config.isolation.heartbeat_ms)).await;
            let Some(now) = Room::of(&self.config.data).await else { continue };
            self.tell.send_if_modified(|told| now.tell(told));
        }
    }

    /// As it was told last.
    fn room(&self) -> Room {
        Room::told(&self.tell.borrow())
    }

    /// Tries all platforms, and all of them again at each hint that something may have changed. What is made for it
    /// carries the farm's label, so the first waits for its welcome. A Windows engine serves its own platform alone.
    async fn try_platforms(&self, info: &EngineInfo) -> Infallible {
        if info.windows.is_some() {
            return std::future::pending().await;
        }
        let labels = labels::of_trials(&self.roster.welcomed().await, &self.config.id);
        let trials = Trials { runtime: &self.runtime, tasks: &self.trials, native: &info.native, labels: &labels };
        // Hints are gathered from before the first trial on, so that none is missed.
        let mut hints = Hints::gather(self.roster.state());
        loop {
            let began = tokio::time::Instant::now();
            trials.forget().await;
            let mut verdicts = std::pin::pin!(trials.verdicts().await);
            while let Some((platform, verdict)) = verdicts.next().await {
                tracing::debug!(%platform, ?verdict, "tried");
                self.tell.send_if_modified(|told| verdict.apply(&mut told.platforms, &platform));
            }
            trials.forget().await;
            let served: Vec<String> = self.tell.borrow().platforms.iter().map(shown).collect();
            tracing::info!(platforms = served.join(" "), took_ms = began.elapsed().as_millis(), "tried all platforms");
            let hint = hints.next().await;
            tracing::info!(hint, "trying all platforms again");
        }
    }
}

/// `linux/arm64*`: a star marks what is emulated.
fn shown(served: &Served) -> String {
    format!("{}{}", served.platform, if served.mode == Mode::Emulated { "*" } else { "" })
}

/// What an agent has whose engine does not answer.
pub(crate) fn down(config: &Config, room: Room, why: &EngineError) -> Capability {
    let settings = config.settings.borrow();
    Capability {
        platforms: Vec::new(),
        pool: config.pool.clone(),
        slots: settings.slots.unwrap_or(0),
        cpus: 0,
        memory: 0,
        engine: Engine::Down(why.to_string()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        allows: settings.allows,
        labels: settings.labels.clone(),
        disk_free: room.free,
        disk_size: room.size,
        windows: None,
    }
}

/// What a Windows machine can run: what the engine tells, and what the agent's operator says besides.
pub(crate) fn windows(config: &Config, info: &EngineInfo) -> Option<Windows> {
    let OnWindows { version, isolation } = info.windows?;
    let gives = |mode| isolation == mode || config.windows_isolation.contains(&mode);
    Some(Windows { build: version.to_string(), process: gives(Isolation::Process), hyperv: gives(Isolation::Hyperv) })
}

/// What an agent has whose engine answers, before anything was tried.
fn ready(config: &Config, room: Room, info: &EngineInfo) -> Capability {
    let settings = config.settings.borrow();
    Capability {
        platforms: vec![Served { platform: info.native.clone(), mode: Mode::Native }],
        pool: config.pool.clone(),
        slots: settings.slots.unwrap_or(info.cpus).max(1),
        cpus: settings.cpus.unwrap_or(info.cpus).min(info.cpus),
        memory: settings.memory.unwrap_or(info.memory).min(info.memory),
        engine: Engine::Ready {
            name: info.name.clone(),
            version: info.version.clone(),
            buildkit: info.buildkit,
            containerd_store: info.containerd_store,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        allows: settings.allows,
        labels: settings.labels.clone(),
        disk_free: room.free,
        disk_size: room.size,
        windows: windows(config, info),
    }
}
