//! A simulated agent: it keeps its session as a real one does, and has no engine, so that whatever it is given has started
//! and ended at once.

use crate::{SLOTS, starts::Starts};
use acre_model::{
    attempt::{AttemptId, Ended, Progress, UnitResult},
    capability::{Capability, Engine, Mode, Privileges, Served},
    outcome::Outcome,
    platform::Platform,
    session::{AgentState, AttemptState, Desired, GroupKey, Hello},
    time::Timestamp,
};
use acre_proto::v1::{self, agent_message, agents_client::AgentsClient, scheduler_message};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

/// Between two heartbeats, as real agents have it.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// The session of one agent.
pub(crate) struct Session {
    up: mpsc::Sender<v1::AgentMessage>,
    down: Streaming<v1::SchedulerMessage>,
    /// All that it was given and is still wanted, and how far it is.
    attempts: BTreeMap<AttemptId, AttemptState>,
    groups: Vec<GroupKey>,
}

impl Session {
    /// Introduces an agent.
    pub(crate) async fn open(number: u32, channel: Channel) -> Self {
        let agent = format!("simulated-{number}").parse().expect("it is an agent id");
        let (up, messages) = mpsc::channel(8);
        let hello = Hello { agent, epoch: 1, capability: capability() };
        say(&up, agent_message::Kind::Hello(hello.into())).await;
        let opened = AgentsClient::new(channel).session(ReceiverStream::new(messages)).await;
        let down = opened.expect("the scheduler takes a session").into_inner();
        Self { up, down, attempts: BTreeMap::new(), groups: Vec::new() }
    }

    /// Does what it is told, for as long as the session lasts.
    pub(crate) async fn work(mut self, starts: Arc<Starts>) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                message = self.down.message() => match message.expect("the session goes on") {
                    Some(message) => self.take(message, &starts).await,
                    None => return,
                },
                _ = heartbeat.tick() => say(&self.up, agent_message::Kind::Heartbeat(v1::Heartbeat {})).await,
            }
        }
    }

    async fn take(&mut self, message: v1::SchedulerMessage, starts: &Starts) {
        let Some(scheduler_message::Kind::Desired(desired)) = message.kind else { return };
        let desired = Desired::try_from(desired).expect("the scheduler says what an agent understands");
        let wanted: Vec<_> = desired.groups.iter().flat_map(|group| &group.attempts).collect();
        self.attempts.retain(|known, _| wanted.iter().any(|wanted| wanted.attempt == *known));
        self.groups = desired.groups.iter().map(|group| group.key.clone()).collect();
        let new: Vec<_> = wanted.iter().filter(|wanted| !self.attempts.contains_key(&wanted.attempt)).collect();
        for given in &new {
            starts.note(given.unit.step.as_str());
            let (attempt, fence, progress) = (given.attempt.clone(), given.fence, Progress::Started { at: now() });
            self.attempts.insert(attempt.clone(), AttemptState { attempt, fence, progress });
        }
        self.tell().await;
        if !new.is_empty() {
            self.attempts.values_mut().for_each(end);
            self.tell().await;
        }
    }

    /// Tells all it has, as after any change.
    async fn tell(&self) {
        let attempts = self.attempts.values().cloned().collect();
        let state = AgentState { capability: capability(), attempts, groups: self.groups.clone(), leaving: false };
        say(&self.up, agent_message::Kind::State(state.into())).await;
    }
}

fn end(attempt: &mut AttemptState) {
    if let Progress::Started { at } = attempt.progress {
        let (outcome, result) = (Outcome::Succeeded, UnitResult { exit_code: Some(0), ..UnitResult::default() });
        let ended = Ended { started_at: Some(at), at: now(), outcome, result, log_bytes: 0 };
        attempt.progress = Progress::Ended(ended);
    }
}

async fn say(up: &mpsc::Sender<v1::AgentMessage>, kind: agent_message::Kind) {
    up.send(v1::AgentMessage { kind: Some(kind) }).await.expect("the session goes on");
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Timestamp::from_millis(since.as_millis() as u64)
}

fn capability() -> Capability {
    let engine =
        Engine::Ready { name: "simulated".to_owned(), version: "1".to_owned(), buildkit: true, containerd_store: true };
    Capability {
        platforms: vec![Served { platform: Platform::linux_amd64(), mode: Mode::Native }],
        pool: Default::default(),
        slots: SLOTS,
        cpus: SLOTS,
        memory: 8 << 30,
        engine,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        allows: Privileges::default(),
        labels: Default::default(),
        disk_free: 1 << 40,
        disk_size: 1 << 41,
        windows: None,
    }
}
