//! Putting the agent together, and working until it is told to stop.

use crate::{
    attempt::{self, Traffic, Works},
    capability::{self, Room, Watcher},
    config::{Config, Settings},
    contact::Contact,
    engine::EngineError,
    gate::{Door, Gate},
    labels,
    logs::Spools,
    metrics::Sources,
    networks::Networks,
    parts::{Ending, Parts, Tasks},
    roster::{Roster, RosterHandle, Told},
    session::Session,
    source,
};
use acre_tree::Cache;
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// How long an agent that goes with its farm waits for its engine to be clean.
const CLEAN_UP: Duration = Duration::from_secs(20);
/// How long removing the spare network may take.
const FORGET_SPARE: Duration = Duration::from_secs(5);
/// How long removing what is left of trials may take.
const FORGET_TRIALS: Duration = Duration::from_secs(5);
/// How long a first look at the engine may take before the agent introduces itself without it.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// Why an agent cannot work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its folder.
    #[error("the agent's folder {place}: {why}")]
    Data {
        /// The folder.
        place: String,
        /// What the system said.
        why: io::Error,
    },
    /// Its cache of source files.
    #[error(transparent)]
    Cache(#[from] acre_tree::cache::CacheError),
}

/// Works until it is told to go, or the farm stops and the agent is to go with it. `ready` is called once the farm has
/// welcomed it.
pub async fn run(
    config: Config,
    parts: Parts,
    metrics_listener: Option<TcpListener>,
    ready: impl FnOnce() + Send + 'static,
    ending: Ending,
) -> Result<(), RunError> {
    let metrics = parts.metrics.clone();
    let place = config.data.join("attempts");
    let spools = Spools::open(&place, config.log_cap)
        .map_err(|why| RunError::Data { place: place.display().to_string(), why })?;
    let place = config.data.join("networks");
    let networks = Networks::open(parts.runtime.clone(), place.clone())
        .map_err(|why| RunError::Data { place: place.display().to_string(), why })?;
    let place = config.data.join("gate");
    let cache = Cache::open(&config.data.join("cache"), config.cache)?;
    source::forget_unfinished(&config.data);
    attempt::forget_unfinished(&config.data);
    let (tasks, contact) = (Tasks::default(), Contact::new(config.isolation));
    let gate = Gate::open(place.clone(), parts.runtime.clone(), tasks.clone())
        .await
        .map_err(|why| RunError::Data { place: place.display().to_string(), why })?;
    let works = Arc::new(Works {
        config: config.clone(),
        parts: parts.clone(),
        tasks: tasks.clone(),
        spools: spools.clone(),
        cache,
        contact: contact.clone(),
        networks,
        gate: Door::new(gate),
        traffic: Traffic::default(),
        names: Arc::default(),
    });
    let (roster, handle) = Roster::new(works.clone());
    tasks.spawn("roster", roster.run());
    let trials = Tasks::default();
    let capability = look_at_engine(&config, &parts, (&tasks, &trials), &handle).await;
    tasks.spawn("isolation", watch_isolation(contact.clone(), handle.clone()));
    if let Some(listener) = metrics_listener {
        let sources = Sources {
            metrics,
            data: config.data.clone(),
            capability: capability.clone(),
            roster: handle.clone(),
            contact: contact.clone(),
            spools: spools.clone(),
        };
        tasks.spawn("metrics", show_metrics(listener, sources));
    }
    let (leave, leaving) = watch::channel(false);
    let settings = config.settings.clone();
    let session = Session {
        epoch: parts.clock.now().as_millis(),
        config,
        parts,
        contact: contact.clone(),
        capability,
        roster: handle.clone(),
        leaving,
        spools,
        ready: Some(Box::new(ready)),
    };
    tokio::select! {
        () = ending.at_once.cancelled() => {}
        () = drained(&ending.drain, &settings, (&leave, &contact, &handle)) => {}
        () = session.run() => clean_up(&handle).await,
    }
    forget_spare(&works, &handle).await;
    tasks.stop().await;
    forget_trials(&works, &trials, &handle).await;
    Ok(())
}

/// Serves metrics for as long as the agent works.
async fn show_metrics(listener: TcpListener, sources: Sources) {
    let registry = sources.metrics.registry();
    let served =
        acre_daemon::metrics::serve(listener, registry, move || sources.clone().count(), std::future::pending()).await;
    if let Err(why) = served {
        tracing::error!(%why, "metrics are not told any more");
    }
}

/// Resolves once the agent was told to finish, and has finished, or may take no longer. Meanwhile the farm gives it
/// nothing new.
async fn drained(
    told: &CancellationToken,
    settings: &watch::Receiver<Settings>,
    agent: (&watch::Sender<bool>, &Contact, &RosterHandle),
) {
    let (leave, contact, roster) = agent;
    told.cancelled().await;
    let limit = Duration::from_millis(settings.borrow().drain_timeout_ms);
    if limit.is_zero() {
        return;
    }
    leave.send_replace(true);
    let mut level = roster.state();
    let attempts = level.borrow().0.len();
    tracing::info!(attempts, "finishing what runs; a second signal stops it at once");
    tokio::select! {
        _ = level.wait_for(|(attempts, groups)| attempts.is_empty() && groups.is_empty()) => {}
        () = contact.lost() => tracing::warn!("the farm is not heard any more"),
        () = tokio::time::sleep(limit) => tracing::warn!("not everything has finished in time; what runs is given up"),
    }
}

/// Watches the engine from now on; waits a moment for its first answer.
async fn look_at_engine(
    config: &Config,
    parts: &Parts,
    (tasks, trials): (&Tasks, &Tasks),
    roster: &RosterHandle,
) -> watch::Receiver<acre_model::capability::Capability> {
    let unknown = EngineError::BrokenOff("it has not answered yet".to_owned());
    let room = Room::of(&config.data).await.unwrap_or_default();
    let (tell, mut capability) = watch::channel(capability::down(config, room, &unknown));
    let (config, runtime, roster) = (config.clone(), parts.runtime.clone(), roster.clone());
    let watcher = Watcher { config, runtime, roster, trials: trials.clone(), tell };
    tasks.spawn("engine", watcher.run());
    drop(tokio::time::timeout(FIRST_LOOK, capability.changed()).await);
    capability
}

/// What runs is stopped each time the farm was silent for too long.
async fn watch_isolation(contact: Contact, roster: RosterHandle) {
    loop {
        contact.lost().await;
        tracing::warn!("the farm was silent for too long: what runs is stopped");
        roster.tell(Told::Isolated);
        contact.fresh().await;
    }
}

/// The farm is gone for good: nothing of it stays on the engine.
async fn clean_up(roster: &RosterHandle) {
    roster.desire(acre_model::session::Desired::default());
    let mut level = roster.state();
    let clean = level.wait_for(|(_, groups)| groups.is_empty());
    if tokio::time::timeout(CLEAN_UP, clean).await.is_err() {
        tracing::warn!("not everything could be removed from the engine");
    }
}

/// The spare network serves nobody while the agent is not there.
async fn forget_spare(works: &Works, roster: &RosterHandle) {
    let Some(farm) = roster.farm() else { return };
    let agent = labels::of_agent(&farm, &works.config.id);
    match tokio::time::timeout(FORGET_SPARE, works.networks.drop_spare(&agent)).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::warn!(%why, "the spare network was not removed"),
        Err(_) => tracing::warn!("the engine did not remove the spare network in time"),
    }
}

/// A trial that was broken off when the agent stopped leaves nothing either.
async fn forget_trials(works: &Works, trials: &Tasks, roster: &RosterHandle) {
    let Some(farm) = roster.farm() else { return };
    let labels = labels::of_trials(&farm, &works.config.id);
    let forget = async {
        trials.done().await;
        works.parts.runtime.forget_programs(&labels).await
    };
    match tokio::time::timeout(FORGET_TRIALS, forget).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::warn!(%why, "what trials left was not removed"),
        Err(_) => tracing::warn!("the engine did not remove in time what trials left"),
    }
}
