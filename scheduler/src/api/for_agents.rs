//! `Agents`: one session stream per agent, and one stream of logs.

use super::{Services, access::caller, errors::status};
use crate::{
    caller::{Caller, NotOwn},
    farm::{Event, SessionId},
    logs::{RunLogs, SEGMENT_BYTES, SEGMENT_MS},
    secrets::Unsent,
};
use acre_model::{
    attempt::AttemptId,
    ids::{AgentId, RunId},
    log::Frame,
    session::{AgentState, Desired, Hello},
};
use acre_proto::v1::{self, agent_message, agents_server::Agents, log_push, scheduler_message};
use futures::stream::BoxStream;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Messages on their way to one agent.
const QUEUE: usize = 16;

type Outgoing = mpsc::Sender<Result<v1::SchedulerMessage, Status>>;

#[tonic::async_trait]
impl Agents for Services {
    type SessionStream = BoxStream<'static, Result<v1::SchedulerMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let caller = caller(&request);
        let mut incoming = request.into_inner();
        let hello: Hello = match incoming.message().await?.and_then(|message| message.kind) {
            Some(agent_message::Kind::Hello(hello)) => hello.try_into()?,
            _ => return Err(Status::invalid_argument("the first message of a session must be a hello")),
        };
        caller.speaks_as(&hello.agent, Some(&hello.capability.pool)).map_err(denied)?;
        let (desired, wishes) = watch::channel(None);
        let agent = hello.agent.clone();
        let session = self.driver.connect(hello, desired).await.map_err(status)?;
        tracing::info!(%agent, session = session.0, "agent connected");
        let (outgoing, receiver) = mpsc::channel(QUEUE);
        let services = self.clone();
        self.tasks.spawn("agent session", async move {
            let peer = Peer { agent: agent.clone(), session, caller };
            services.attend(&peer, incoming, wishes, &outgoing).await;
            tracing::info!(%agent, session = session.0, "agent gone");
            services.driver.event(Event::AgentGone { agent, session }).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    type PushLogsStream = BoxStream<'static, Result<v1::LogAck, Status>>;

    async fn push_logs(
        &self,
        request: Request<Streaming<v1::LogPush>>,
    ) -> Result<Response<Self::PushLogsStream>, Status> {
        let (acks, receiver) = mpsc::channel(QUEUE);
        let agent = caller(&request).agent().cloned();
        let intake = LogIntake { services: self.clone(), agent, acks, logs: BTreeMap::new(), dirty: BTreeSet::new() };
        self.tasks.spawn("agent logs", intake.run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn permit(&self, request: Request<v1::PermitRequest>) -> Result<Response<v1::PermitResponse>, Status> {
        let caller = caller(&request);
        let (agent, attempt, fence) = request.into_inner().into_parts()?;
        caller.speaks_as(&agent, None).map_err(denied)?;
        let permitted = self.driver.permit(agent, attempt, fence).await.map_err(status)?;
        permitted.map_err(|why| Status::failed_precondition(why.to_string()))?;
        Ok(Response::new(v1::PermitResponse {}))
    }
}

/// Who is at the other end of a session.
struct Peer {
    agent: AgentId,
    session: SessionId,
    caller: Caller,
}

/// Somebody says to be who he is not: that is worth a line.
fn denied(why: NotOwn) -> Status {
    tracing::warn!(%why, "denied");
    status(why)
}

impl Services {
    /// Carries messages both ways until one side is gone.
    async fn attend(
        &self,
        peer: &Peer,
        mut incoming: Streaming<v1::AgentMessage>,
        mut wishes: watch::Receiver<Option<Desired>>,
        outgoing: &Outgoing,
    ) {
        let mut stops = self.farm_stops.subscribe();
        let welcome = scheduler_message::Kind::Welcome(v1::Welcome { farm: self.farm.clone() });
        if !say(outgoing, welcome).await {
            return;
        }
        loop {
            let goes_on = tokio::select! {
                message = incoming.message() => match message {
                    Ok(Some(message)) => self.take_message(peer, message, outgoing).await,
                    Ok(None) | Err(_) => false,
                },
                changed = wishes.changed() => {
                    let desired = wishes.borrow_and_update().clone().unwrap_or_default();
                    changed.is_ok() && self.tell_desired(&peer.agent, desired, outgoing).await
                }
                () = stopped(&mut stops) => {
                    say(outgoing, scheduler_message::Kind::FarmStops(scheduler_message::FarmStops {})).await;
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Opens what an agent should have, and sends it. An attempt whose secrets do not open has failed, by its own fault.
    async fn tell_desired(&self, agent: &AgentId, mut desired: Desired, outgoing: &Outgoing) -> bool {
        let unsent = match self.secrets.open(&mut desired, &self.board).await {
            Ok(unsent) => unsent,
            Err(error) => {
                tracing::error!(%agent, %error, "not told what it should have; its session ends");
                return false;
            }
        };
        let goes_on = say(outgoing, scheduler_message::Kind::Desired(desired.into())).await;
        for Unsent { attempt, fence, why } in unsent {
            self.driver.event(Event::AttemptUnsent { agent: agent.clone(), attempt, fence, why }).await;
        }
        goes_on
    }

    async fn take_message(&self, peer: &Peer, message: v1::AgentMessage, outgoing: &Outgoing) -> bool {
        let (agent, session) = (peer.agent.clone(), peer.session);
        match message.kind {
            Some(agent_message::Kind::State(state)) => match AgentState::try_from(state) {
                Ok(state) => {
                    if let Err(why) = peer.caller.speaks_as(&agent, Some(&state.capability.pool)) {
                        drop(outgoing.send(Err(denied(why))).await);
                        return false;
                    }
                    self.driver.event(Event::AgentTold { agent, session, state }).await;
                    true
                }
                Err(invalid) => {
                    drop(outgoing.send(Err(invalid.into())).await);
                    false
                }
            },
            Some(agent_message::Kind::Heartbeat(_)) => {
                self.driver.event(Event::AgentHeard { agent, session }).await;
                say(outgoing, scheduler_message::Kind::Alive(scheduler_message::Alive {})).await
            }
            Some(agent_message::Kind::Hello(_)) | None => {
                drop(outgoing.send(Err(Status::invalid_argument("a session has one hello, at its start"))).await);
                false
            }
        }
    }
}

/// Resolves once the farm is told to stop.
async fn stopped(stops: &mut watch::Receiver<bool>) {
    let is_told = stops.wait_for(|stops| *stops).await.is_ok();
    if !is_told {
        std::future::pending::<()>().await;
    }
}

async fn say(outgoing: &Outgoing, kind: scheduler_message::Kind) -> bool {
    outgoing.send(Ok(v1::SchedulerMessage { kind: Some(kind) })).await.is_ok()
}

/// The logs of one agent, coming in.
struct LogIntake {
    services: Services,
    /// Whose they are, if the connection says it.
    agent: Option<AgentId>,
    acks: mpsc::Sender<Result<v1::LogAck, Status>>,
    /// Held open while the stream lives, so that what is pending is not forgotten.
    logs: BTreeMap<RunId, Arc<RunLogs>>,
    /// Attempts with frames that are not stored yet.
    dirty: BTreeSet<AttemptId>,
}

impl LogIntake {
    async fn run(mut self, mut incoming: Streaming<v1::LogPush>) {
        let mut flush_at: Option<Instant> = None;
        loop {
            let due = async {
                match flush_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let result = tokio::select! {
                message = incoming.message() => match message {
                    Ok(Some(message)) => self.take(message).await,
                    Ok(None) | Err(_) => break,
                },
                () = due => self.flush_all().await,
            };
            if let Err(error) = result {
                drop(self.acks.send(Err(error)).await);
                break;
            }
            flush_at = match (self.dirty.is_empty(), flush_at) {
                (true, _) => None,
                (false, None) => Some(Instant::now() + Duration::from_millis(SEGMENT_MS)),
                (false, waiting) => waiting,
            };
        }
        // The agent is gone: what it sent is kept all the same.
        drop(self.flush_all().await);
    }

    async fn take(&mut self, message: v1::LogPush) -> Result<(), Status> {
        match message.kind {
            Some(log_push::Kind::Open(open)) => {
                let (attempt, _fence) = open.into_parts()?;
                self.is_own(&attempt)?;
                let logs = self.logs_of(&attempt.run).await?;
                let offset = logs.stored_end(attempt.unit, attempt.number);
                self.acknowledge(&attempt, offset).await
            }
            Some(log_push::Kind::Frame(frame)) => {
                let attempt: AttemptId = required(frame.attempt)?.try_into()?;
                let frame: Frame = required(frame.frame)?.try_into()?;
                self.is_own(&attempt)?;
                let logs = self.logs_of(&attempt.run).await?;
                self.services.metrics.log_bytes.inc_by(frame.data.len() as u64);
                let pending = logs.append(attempt.unit, attempt.number, frame).map_err(status)?;
                self.dirty.insert(attempt.clone());
                if pending >= SEGMENT_BYTES { self.flush(&attempt).await } else { Ok(()) }
            }
            Some(log_push::Kind::Status(said)) => {
                let attempt: AttemptId = required(said.attempt)?.try_into()?;
                self.is_own(&attempt)?;
                self.logs_of(&attempt.run).await?.set_status(attempt.unit, said.text);
                Ok(())
            }
            None => Err(Status::invalid_argument("an empty message in a stream of logs")),
        }
    }

    /// An agent has no say in the attempt that another one has of a unit.
    fn is_own(&self, attempt: &AttemptId) -> Result<(), Status> {
        let (Some(own), Some(run)) = (&self.agent, self.services.board.watch(&attempt.run)) else { return Ok(()) };
        let run = run.borrow();
        let of_another = run.units.get(attempt.unit.index()).is_some_and(|unit| {
            attempt.number >= unit.attempt && unit.agent.as_ref().is_some_and(|agent| agent != own)
        });
        if of_another {
            tracing::warn!(agent = %own, %attempt, "denied: a log of another agent's attempt");
            return Err(Status::permission_denied(format!("attempt {attempt} is not of agent `{own}`")));
        }
        Ok(())
    }

    async fn logs_of(&mut self, run: &RunId) -> Result<Arc<RunLogs>, Status> {
        if let Some(logs) = self.logs.get(run) {
            return Ok(logs.clone());
        }
        let logs = self.services.logs.run(run).await.map_err(status)?;
        self.logs.insert(run.clone(), logs.clone());
        Ok(logs)
    }

    async fn flush_all(&mut self) -> Result<(), Status> {
        for attempt in std::mem::take(&mut self.dirty) {
            self.flush(&attempt).await?;
        }
        // Runs that are over and stored are let go.
        let board = &self.services.board;
        self.logs.retain(|run, _| board.watch(run).is_some());
        Ok(())
    }

    async fn flush(&mut self, attempt: &AttemptId) -> Result<(), Status> {
        let logs = self.logs_of(&attempt.run).await?;
        let stored = logs.flush(attempt.unit, attempt.number).await.map_err(status)?;
        self.dirty.remove(attempt);
        self.acknowledge(attempt, stored).await
    }

    async fn acknowledge(&self, attempt: &AttemptId, offset: u64) -> Result<(), Status> {
        let ack = v1::LogAck { attempt: Some(attempt.into()), offset, refused: false };
        self.acks.send(Ok(ack)).await.map_err(|_| Status::cancelled("the agent is gone"))
    }
}

fn required<T>(field: Option<T>) -> Result<T, Status> {
    field.ok_or_else(|| Status::invalid_argument("a message in a stream of logs lacks a field"))
}
