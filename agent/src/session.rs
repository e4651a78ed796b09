//! The session with the farm: opened again and again, all the agent has going up, all it should have coming down.

use crate::{config::Config, contact::Contact, logs::Spools, parts::Parts, roster::RosterHandle};
use acre_model::{
    capability::Capability,
    session::{AgentState, Hello},
};
use acre_proto::{
    MESSAGE_LIMIT,
    v1::{self, agent_message, agents_client::AgentsClient, scheduler_message},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Channel};

/// Waits between two attempts to connect, in milliseconds: doubling up to the limit, with jitter.
const RETRY_MS: (u64, u64) = (50, 2_000);
/// Wait before logs are sent again that the farm did not take, in milliseconds.
const LOGS_RETRY_MS: u64 = 1_000;
/// Messages on their way up.
const QUEUE: usize = 8;

/// How a session ended.
enum End {
    /// The farm is gone, for now.
    Lost(Status),
    /// The farm stops.
    FarmStops,
}

/// The session with the farm.
pub(crate) struct Session {
    /// How the agent is set up.
    pub config: Config,
    /// What it is made of.
    pub parts: Parts,
    /// A number that grows with every start of the agent.
    pub epoch: u64,
    /// Whether the farm is heard.
    pub contact: Contact,
    /// What the agent has.
    pub capability: watch::Receiver<Capability>,
    /// What it does.
    pub roster: RosterHandle,
    /// Whether it finishes what it has and then goes.
    pub leaving: watch::Receiver<bool>,
    /// Its logs.
    pub spools: Arc<Spools>,
    /// Called once the farm has welcomed the agent.
    pub ready: Option<Box<dyn FnOnce() + Send>>,
}

impl Session {
    /// Keeps a session for as long as the agent works. Returns when the farm stops and the agent is to go with it.
    pub(crate) async fn run(mut self) {
        let mut wait = RETRY_MS.0;
        let mut told = String::new();
        loop {
            let began = tokio::time::Instant::now();
            match self.once().await {
                End::FarmStops if self.config.exit_with_farm => return,
                End::FarmStops => tracing::info!("the farm stops; waiting for it to come back"),
                // The same is not told with each try.
                End::Lost(why) => {
                    let why = deepest(&why);
                    if told != why {
                        tracing::info!(why, "no session with the farm; trying until there is one");
                        told = why;
                    }
                }
            }
            if began.elapsed() > Duration::from_secs(5) {
                wait = RETRY_MS.0;
                told.clear();
            }
            tokio::time::sleep(Duration::from_millis(wait + jitter(wait))).await;
            wait = (wait * 2).min(RETRY_MS.1);
        }
    }

    async fn once(&mut self) -> End {
        match self.converse().await {
            Ok(end) => end,
            Err(status) => End::Lost(status),
        }
    }

    async fn converse(&mut self) -> Result<End, Status> {
        let mut client = AgentsClient::new(self.parts.farm.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        let (up, receiver) = mpsc::channel(QUEUE);
        let hello =
            Hello { agent: self.config.id.clone(), epoch: self.epoch, capability: self.capability.borrow().clone() };
        say(&up, agent_message::Kind::Hello(hello.into())).await?;
        let mut down = client.session(ReceiverStream::new(receiver)).await?.into_inner();
        let logs = push_logs(client, self.spools.clone(), self.roster.clone());
        tokio::pin!(logs);
        let mut heartbeat = tokio::time::interval(Duration::from_millis(self.config.isolation.heartbeat_ms));
        let mut state = self.roster.state();
        state.mark_changed();
        loop {
            tokio::select! {
                _ = self.leaving.changed() => {
                    self.leaving.borrow_and_update();
                    say(&up, agent_message::Kind::State(self.state().into())).await?;
                }
                message = down.message() => match message? {
                    Some(message) => if let Some(end) = self.take(message)? { return Ok(end) },
                    None => return Err(Status::unavailable("the farm ended the session")),
                },
                _ = heartbeat.tick() => say(&up, agent_message::Kind::Heartbeat(v1::Heartbeat {})).await?,
                _ = state.changed() => {
                    state.borrow_and_update();
                    say(&up, agent_message::Kind::State(self.state().into())).await?;
                }
                _ = self.capability.changed() => {
                    self.capability.borrow_and_update();
                    say(&up, agent_message::Kind::State(self.state().into())).await?;
                }
                () = &mut logs => {}
            }
        }
    }

    fn take(&mut self, message: v1::SchedulerMessage) -> Result<Option<End>, Status> {
        self.contact.heard();
        match message.kind {
            Some(scheduler_message::Kind::Welcome(welcome)) => {
                self.roster.welcome(welcome.farm);
                if let Some(ready) = self.ready.take() {
                    ready();
                }
            }
            Some(scheduler_message::Kind::Desired(desired)) => self.roster.desire(desired.try_into()?),
            Some(scheduler_message::Kind::Alive(_)) | None => {}
            Some(scheduler_message::Kind::FarmStops(_)) => return Ok(Some(End::FarmStops)),
        }
        Ok(None)
    }

    fn state(&self) -> AgentState {
        let (attempts, groups) = self.roster.state().borrow().clone();
        AgentState { capability: self.capability.borrow().clone(), attempts, groups, leaving: *self.leaving.borrow() }
    }
}

/// Sends logs for as long as the session lasts. That the farm takes none now (its disk is full, say) does not end it.
async fn push_logs(client: AgentsClient<Channel>, spools: Arc<Spools>, roster: RosterHandle) {
    loop {
        let fences = roster.clone();
        if let Err(why) = crate::logs::push(client.clone(), spools.clone(), move |attempt| fences.fence(attempt)).await
        {
            tracing::info!(why = why.message(), "the farm takes no logs now");
        }
        tokio::time::sleep(Duration::from_millis(LOGS_RETRY_MS)).await;
    }
}

async fn say(up: &mpsc::Sender<v1::AgentMessage>, kind: agent_message::Kind) -> Result<(), Status> {
    let message = v1::AgentMessage { kind: Some(kind) };
    up.send(message).await.map_err(|_| Status::unavailable("the farm ended the session"))
}

/// The text of the last cause: of a connection that is not to be had, the one that a person can do something about.
fn deepest(status: &Status) -> String {
    use std::error::Error;
    let Some(mut deepest) = status.source() else { return status.message().to_owned() };
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// Up to half of `wait`, so that many who wait do not come back at one instant.
fn jitter(wait: u64) -> u64 {
    let mut bytes = [0; 1];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => wait * u64::from(bytes[0]) / 512,
        Err(_) => 0,
    }
}

/// A connection to the farm at this socket, which opens itself when it is first used, and again after it broke.
pub fn connect(socket: &str) -> Result<Channel, String> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("unix:{socket}")).map_err(|why| why.to_string())?;
    Ok(endpoint.connect_lazy())
}
