//! The driver: the one owner of the farm's state. It takes requests, applies them, commits what has changed, and only
//! then performs the effects, shows the result and answers.

mod commit;
mod load;
mod note;
mod request;
mod spans;

pub use load::LoadError;
pub use request::{Asked, Guard, Handed, Handle, IdempotencyKey, Refused, Request, Stop};

use crate::{
    blobs::Blobs,
    board::Board,
    compile::{self, Compiler},
    farm::{self, Effects, Event, SessionId, State},
    metrics::FarmMetrics,
    parts::{Clock, Tasks},
    secrets::Secrets,
    store::{Change, Store, Transaction, keys},
};
use acre_model::{
    ids::{AgentId, RunId},
    session::Desired,
};
use acre_trace::Recorder;
use request::Answer;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{Notify, mpsc, watch};

/// Between two tries to take up stored state again, in milliseconds.
const RECOVERY_MS: u64 = 1000;
/// Requests that wait for the driver, at most.
const QUEUE: usize = 1024;

/// Keeps the leader's role, and has it proven when it seems lost.
async fn hold_role(store: Arc<dyn Store>, driver: Handle) {
    loop {
        store.hold().await;
        tracing::warn!("the role of the leader seems lost");
        if !driver.prove().await {
            return;
        }
    }
}

/// The one owner of the farm's state.
pub struct Driver {
    state: State,
    store: Arc<dyn Store>,
    blobs: Blobs,
    compiler: Compiler,
    secrets: Arc<Secrets>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    news: Arc<Notify>,
    metrics: FarmMetrics,
    spans: Option<Recorder>,
    requests: mpsc::Receiver<Request>,
    handle: Handle,
    sessions: BTreeMap<AgentId, (SessionId, watch::Sender<Option<Desired>>)>,
    last_session: u64,
    /// Set once the farm is asked to stop: no submission is accepted any more.
    stopping: Vec<tokio::sync::oneshot::Sender<Result<u32, Refused>>>,
    canceled: u32,
}

/// What the driver works with.
pub struct Around {
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// Where blobs are kept.
    pub blobs: Blobs,
    /// What makes plans of tasks.
    pub compiler: Compiler,
    /// What is kept secret.
    pub secrets: Arc<Secrets>,
    /// Where committed state is shown.
    pub board: Arc<Board>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Background work.
    pub tasks: Tasks,
    /// Wakes who acts upon what the inbox holds.
    pub news: Arc<Notify>,
    /// What is counted of what happens.
    pub metrics: FarmMetrics,
    /// Where spans of what has ended are recorded; `None`: nowhere.
    pub spans: Option<Recorder>,
}

impl Driver {
    /// Becomes the leader and loads what is stored.
    pub async fn start(around: Around, patience: farm::Patience) -> Result<(Self, Handle), LoadError> {
        let Around { store, blobs, compiler, secrets, board, clock, tasks, news, metrics, spans } = around;
        let (sender, requests) = mpsc::channel(QUEUE);
        let handle = Handle::new(sender);
        let mut driver = Self {
            state: State { patience, ..State::default() },
            store,
            blobs,
            compiler,
            secrets,
            board,
            clock,
            tasks,
            news,
            metrics,
            spans,
            requests,
            handle: handle.clone(),
            sessions: BTreeMap::new(),
            last_session: 0,
            stopping: Vec::new(),
            canceled: 0,
        };
        driver.store.lead().await?;
        driver.tasks.spawn("leader's role", hold_role(driver.store.clone(), handle.clone()));
        if let Err(refused) = driver.load().await? {
            return Err(LoadError::Refused(refused));
        }
        Ok((driver, handle))
    }

    /// Works until the farm stops. An error means that stored state could not be loaded again.
    pub async fn run(mut self) -> Result<(), LoadError> {
        loop {
            let deadline = self.state.next_deadline();
            let sleep = async {
                match deadline {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let request = tokio::select! {
                biased;
                () = self.tasks.stopping().cancelled() => return Ok(()),
                request = self.requests.recv() => request,
                () = sleep => Some(Request::Event(Event::Tick)),
            };
            let Some(first) = request else { return Ok(()) };
            self.turn(first).await?;
        }
    }

    /// Takes what waits, up to what fits in one transaction, and commits it as one.
    async fn turn(&mut self, first: Request) -> Result<(), LoadError> {
        let (mut effects, mut answers) = (Effects::default(), Vec::new());
        let mut next = Some(first);
        while let Some(request) = next {
            self.take(request, &mut effects, &mut answers).await;
            let has_room = effects.changes() < Transaction::LIMIT / 2;
            next = if has_room { self.requests.try_recv().ok() } else { None };
        }
        match self.commit(&mut effects).await {
            Ok(()) => {
                note::note(&effects);
                self.metrics.note(&effects);
                if let Some(recorder) = &self.spans {
                    spans::record(&effects, recorder);
                }
                self.perform(effects);
                answers.into_iter().for_each(|answer| self.answer(answer));
                self.answer_stop();
                Ok(())
            }
            Err(refused) => {
                tracing::error!(%refused, "not committed; going back to what is stored");
                answers.into_iter().for_each(|answer| answer.refuse(&refused));
                self.recover().await
            }
        }
    }

    /// What was applied and could not be stored is forgotten: the store is the truth.
    async fn recover(&mut self) -> Result<(), LoadError> {
        while !self.tasks.stopping().is_cancelled() {
            let refused = match self.lead_and_load().await {
                Ok(Ok(())) => break,
                Ok(Err(refused)) => refused,
                Err(LoadError::Store(error)) if error.may_pass() => error.into(),
                Err(error) => return Err(error),
            };
            tracing::error!(%refused, "stored state cannot be taken up again yet");
            self.refuse_for(RECOVERY_MS, &refused).await;
        }
        Ok(())
    }

    /// Nothing is read before it is known what became of the last commit, and that no other scheduler leads. Sessions end
    /// once the store answers, so that agents come back and tell everything anew; while it does not, what runs goes on.
    async fn lead_and_load(&mut self) -> Result<Result<(), Refused>, LoadError> {
        self.store.lead().await?;
        self.sessions.clear();
        self.state.agents.clear();
        self.load().await
    }

    /// Answers everything that is asked with a refusal, for this many milliseconds.
    async fn refuse_for(&mut self, millis: u64, why: &Refused) {
        let until = self.clock.now().mono.plus_millis(millis);
        loop {
            tokio::select! {
                () = self.clock.sleep_until(until) => return,
                () = self.tasks.stopping().cancelled() => return,
                request = self.requests.recv() => match request {
                    Some(request) => request.refuse(why),
                    None => return,
                },
            }
        }
    }

    async fn take(&mut self, request: Request, effects: &mut Effects, answers: &mut Vec<Answer>) {
        match request {
            Request::Event(event) => self.apply(event, effects),
            Request::Compiled { run, compiled } => self.take_compiled(run, compiled, effects),
            Request::Record { changes, guard, reply } => match self.holds(guard, effects).await {
                Ok(true) => {
                    effects.beside.extend(changes.into_iter().map(|change| match change {
                        Change::Put(key, record) | Change::Announce(key, record) => (key, Some(record)),
                        Change::Delete(key) => (key, None),
                    }));
                    answers.push(Answer::Record { reply });
                }
                Ok(false) => drop(reply.send(Ok(false))),
                Err(refused) => drop(reply.send(Err(refused))),
            },
            Request::UseToken { shown, reply } => match self.taken_token(shown, effects).await {
                Ok(Ok(identity)) => answers.push(Answer::Token { identity, reply }),
                refused => drop(reply.send(refused)),
            },
            Request::Submit { run, sealed, key, reply } => match self.earlier_run(key.as_ref(), effects, answers).await
            {
                _ if !self.stopping.is_empty() => drop(reply.send(Err(Refused::Stopping))),
                Ok(None) => {
                    let id = run.id.clone();
                    effects.beside.extend(key.iter().map(|key| commit::key_record(&id, key)));
                    effects.beside.extend(sealed.map(|sealed| (keys::confidential(&id), Some(sealed))));
                    self.apply(Event::Submitted(run), effects);
                    answers.push(Answer::Handed { run: id, key, reply });
                }
                Ok(Some(earlier)) => answers.push(Answer::Handed { run: earlier, key: None, reply }),
                Err(refused) => drop(reply.send(Err(refused))),
            },
            Request::Cancel { run, reply } => {
                self.apply(Event::CancelRequested { run: run.clone() }, effects);
                answers.push(Answer::Run { run, reply });
            }
            Request::Explain { run, reply } => answers.push(Answer::Explain { run, reply }),
            Request::Census { reply } => drop(reply.send(self.state.census())),
            Request::Permit { agent, attempt, fence, reply } => {
                answers.push(Answer::Permit { agent, attempt, fence, reply });
            }
            Request::Connect { hello, desired, reply } => {
                self.last_session += 1;
                let session = SessionId(self.last_session);
                self.sessions.insert(hello.agent.clone(), (session, desired));
                let (agent, capability) = (hello.agent, hello.capability);
                self.apply(Event::AgentConnected { agent, session, capability }, effects);
                let _gone = reply.send(session);
            }
            Request::Drain { agent, draining, reply } => {
                self.apply(Event::DrainRequested { agent: agent.clone(), draining }, effects);
                answers.push(Answer::Agent { agent, reply });
            }
            Request::Prove { reply } => {
                effects.to_prove = true;
                answers.push(Answer::Proof { reply });
            }
            Request::Stop { how, reply } => self.stop(how, reply, effects),
        }
    }

    /// A plan that comes too late, for a run that is over or compiled, changes nothing.
    fn take_compiled(&mut self, run: RunId, compiled: Result<compile::Ready, String>, effects: &mut Effects) {
        if self.state.runs.get(&run).is_none_or(|run| run.record.plan.is_some()) {
            return;
        }
        let compiled = compiled.map(|compile::Ready { compiled, sealed }| {
            effects.beside.extend(sealed.map(|sealed| (keys::confidential(&run), Some(sealed))));
            compiled
        });
        self.apply(Event::Compiled { run, compiled }, effects);
    }

    fn apply(&mut self, event: Event, effects: &mut Effects) {
        if let Event::AgentGone { agent, session } = &event
            && self.sessions.get(agent).is_some_and(|(current, _)| current == session)
        {
            self.sessions.remove(agent);
        }
        let now = self.clock.now();
        effects.merge(farm::apply(&mut self.state, event, now));
    }

    fn stop(&mut self, how: Stop, reply: tokio::sync::oneshot::Sender<Result<u32, Refused>>, effects: &mut Effects) {
        self.stopping.push(reply);
        if how == Stop::Now {
            let runs: Vec<RunId> = self.state.runs.keys().cloned().collect();
            self.canceled += runs.len() as u32;
            for run in runs {
                self.apply(Event::CancelRequested { run }, effects);
            }
        }
    }

    /// After the commit: agents are told, sources compiled, and everybody sees.
    fn perform(&mut self, effects: Effects) {
        for run in effects.changed.union(&effects.shown) {
            if let Some(view) = self.state.view(run) {
                self.board.show(view);
            }
        }
        let is_told = self.is_told(&effects);
        for last in effects.ended.into_values() {
            self.board.show_last(last.view);
        }
        if is_told {
            self.board.note_tidings();
        }
        for agent in effects.seen.union(&effects.tell) {
            self.board.show_agent(agent, self.state.agent_view(agent));
        }
        for agent in effects.tell {
            self.tell(&agent);
        }
        for run in effects.compile {
            self.compile(run);
        }
    }

    /// Whether others may have to be told of what was committed.
    fn is_told(&self, effects: &Effects) -> bool {
        let is_of_task = |run: &RunId| self.state.runs.get(run).is_some_and(|run| run.record.origin.task.is_some());
        let has_ended = effects.ended.values().any(|last| last.view.origin.task.is_some());
        has_ended || effects.accepted.union(&effects.started).any(is_of_task)
    }

    fn tell(&self, agent: &AgentId) {
        let Some((_, session)) = self.sessions.get(agent) else { return };
        let desired = Some(self.state.desired(agent));
        session.send_if_modified(|told| {
            let is_new = *told != desired;
            *told = desired;
            is_new
        });
    }

    fn compile(&self, id: RunId) {
        let Some(run) = self.state.runs.get(&id) else { return };
        let (record, compiler, handle) = (run.record.clone(), self.compiler.clone(), self.handle.clone());
        let secrets = self.secrets.clone();
        self.tasks.spawn("compile", async move {
            let compiled = compiler.fetched(&record, &secrets).await;
            handle.compiled(id, compiled).await;
        });
    }

    fn answer(&self, answer: Answer) {
        match answer {
            Answer::Handed { run, reply, .. } => {
                let view = self.state.view(&run);
                drop(reply.send(Ok(Handed { run, view })));
            }
            Answer::Run { run, reply } => drop(reply.send(Ok(self.state.view(&run)))),
            Answer::Record { reply } => drop(reply.send(Ok(true))),
            Answer::Token { identity, reply } => drop(reply.send(Ok(Ok(identity)))),
            Answer::Proof { reply } => drop(reply.send(())),
            Answer::Explain { run, reply } => drop(reply.send(self.state.explain(&run, self.clock.now().mono))),
            Answer::Permit { agent, attempt, fence, reply } => {
                drop(reply.send(self.state.permit(&agent, &attempt, fence)));
            }
            Answer::Agent { agent, reply } => {
                drop(reply.send(self.state.agent_view(&agent)));
            }
        }
    }

    /// A farm that was asked to stop is done once nothing runs and no agent has anything left.
    fn answer_stop(&mut self) {
        if self.stopping.is_empty() {
            return;
        }
        let is_there = |agent: &&farm::Agent| matches!(agent.session, farm::Session::Connected { .. });
        let is_clean = self.state.agents.values().filter(is_there).all(|agent| agent.sandboxes == 0);
        if self.state.is_idle() && is_clean {
            for reply in self.stopping.drain(..) {
                drop(reply.send(Ok(self.canceled)));
            }
        }
    }
}
