//! An attempt: one unit, carried out once on this agent. Prepares, works, reports; survives a restart of the agent.

mod artifacts;
mod build;
mod cmd;
mod collect;
mod coverage;
mod detached;
mod export;
mod files;
mod hand_over;
mod index;
mod junit;
mod names;
mod naming;
mod permit;
mod push;
mod traffic;
mod tries;
mod windows;
mod workspace;

pub(crate) use artifacts::forget_unfinished;
pub(crate) use detached::{Detached, Followed, again};
pub(crate) use traffic::Traffic;

use crate::{
    config::Config,
    contact::Contact,
    engine::{EngineError, Logins, Running},
    gate::Door,
    logs::{Spool, SpoolError, Spools},
    networks::Networks,
    parts::{Parts, Tasks},
    roster::{RosterHandle, Told},
    sandbox::Sandbox,
    source,
};
use acre_model::{
    attempt::{AttemptId, Ended, Fence, UnitResult},
    ids::{AgentId, ProjectName},
    outcome::{Cause, Outcome},
    plan::Action,
    reference::Reference,
    session::UnitSpec,
    time::Timestamp,
    trace::TraceParent,
};
use acre_tree::Cache;
use names::Names;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tracing::{Instrument as _, Span, field::Empty};
use tries::{Deadline, Interrupted};

/// What every attempt works with.
pub(crate) struct Works {
    /// How the agent is set up.
    pub config: Config,
    /// Engine, connection, clock.
    pub parts: Parts,
    /// Background work.
    pub tasks: Tasks,
    /// Logs.
    pub spools: Arc<Spools>,
    /// Source files.
    pub cache: Arc<Cache>,
    /// Whether the farm is heard.
    pub contact: Contact,
    /// Networks that groups borrow.
    pub(crate) networks: Networks,
    /// Through which engines push.
    pub(crate) gate: Door,
    /// Containers on their way in and out.
    pub(crate) traffic: Traffic,
    /// Names on the engine.
    pub(crate) names: Arc<Names>,
}

/// An attempt to carry out.
pub(crate) struct Attempt {
    /// Which.
    pub id: AttemptId,
    /// What it does.
    pub unit: UnitSpec,
    /// Where.
    pub sandbox: Arc<Sandbox>,
    /// Whether it should stop.
    pub stop: watch::Receiver<Stop>,
    /// What it is part of, if it is traced.
    pub trace: Option<TraceParent>,
}

/// Whether an attempt should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It should go on.
    No,
    /// TERM, and KILL after the grace.
    Gracefully {
        /// Milliseconds.
        grace_ms: u64,
    },
    /// The farm was silent for too long.
    Isolated,
    /// Another attempt has taken its place.
    Now,
}

impl Stop {
    /// A stronger wish overrides a weaker one.
    pub(crate) const fn strength(self) -> u8 {
        match self {
            Self::No => 0,
            Self::Gracefully { .. } => 1,
            Self::Isolated => 2,
            Self::Now => 3,
        }
    }

    /// Milliseconds between TERM and KILL.
    const fn grace_ms(self) -> u64 {
        match self {
            Self::Gracefully { grace_ms } => grace_ms,
            Self::No | Self::Isolated | Self::Now => 0,
        }
    }

    /// How an attempt ended that was stopped so.
    fn outcome(self) -> Outcome {
        match self {
            Self::Isolated => Outcome::Infrastructure {
                cause: Cause::AgentLost,
                message: "the agent was cut off from its farm".to_owned(),
            },
            Self::No | Self::Gracefully { .. } | Self::Now => Outcome::Canceled,
        }
    }
}

/// An attempt at work: what its parts need to know, and where they tell what they do.
pub(crate) struct Job {
    works: Arc<Works>,
    attempt: Attempt,
    spool: Arc<Spool>,
    roster: RosterHandle,
    /// A detached container that has been started.
    detached: Mutex<Option<Running>>,
}

/// Why an attempt's work did not succeed, with what it left all the same.
pub(crate) struct Failure {
    outcome: Outcome,
    result: UnitResult,
}

impl From<Outcome> for Failure {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, result: UnitResult::default() }
    }
}

impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        Outcome::from(interrupted).into()
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        error.into_outcome().into()
    }
}

impl From<SpoolError> for Failure {
    fn from(error: SpoolError) -> Self {
        Outcome::Infrastructure { cause: Cause::DiskFull, message: error.to_string() }.into()
    }
}

/// The end of a try.
pub(crate) type Done = Result<UnitResult, Failure>;

/// Carries an attempt out and tells the roster. One that an earlier process ended is only told.
pub(crate) async fn run(works: Arc<Works>, attempt: Attempt, roster: RosterHandle) {
    let id = attempt.id.clone();
    let spool = match works.spools.spool(&id) {
        Ok(spool) => spool,
        Err(error) => return roster.tell(Told::Ended(id, disk_failed(&works, &error.to_string()))),
    };
    if let Some(ended) = spool.ended() {
        roster.tell(Told::Ended(id.clone(), ended.clone()));
        if spool.detached().is_some() {
            let Attempt { unit, sandbox, .. } = attempt;
            again(Followed { works, attempt: id, step: unit.step, sandbox, spool, roster }, ended).await;
        }
        return;
    }
    spool.mask(&attempt.sandbox.masks());
    let job = Job { works: works.clone(), attempt, spool, roster: roster.clone(), detached: Mutex::default() };
    let span = span(&job.attempt, &works.config.id);
    let (ended, detached) = job.run().instrument(span.clone()).await;
    if !ended.outcome.succeeded() {
        span.record("error.type", ended.outcome.kind());
    }
    drop(span);
    if detached.is_none() {
        job.spool.close();
    }
    roster.tell(Told::Ended(id, ended.clone()));
    if let Some(running) = detached {
        works.tasks.spawn("detached container", detached::follow(job.into(), running, ended));
    }
}

/// The span of an attempt: what the agent does for it, from its first call of the engine to its last.
fn span(attempt: &Attempt, agent: &AgentId) -> Span {
    let Some(parent) = attempt.trace else { return Span::none() };
    let span = tracing::info_span!(
        "attempt",
        otel.name = format!("attempt {} of {}", attempt.id.number, attempt.unit.name),
        cicd.pipeline.run.id = %attempt.id.run,
        cicd.pipeline.task.name = attempt.unit.name,
        cicd.pipeline.task.run.id = %attempt.id,
        cicd.worker.name = %agent,
        error.type = Empty,
    );
    acre_trace::set_parent(&span, parent);
    span
}

fn disk_failed(works: &Works, why: &str) -> Ended {
    let message = format!("the agent's disk takes no log: {why}");
    Ended {
        started_at: None,
        at: works.parts.clock.now(),
        outcome: Outcome::Infrastructure { cause: Cause::DiskFull, message },
        result: UnitResult::default(),
        log_bytes: 0,
    }
}

impl Job {
    /// The attempt's end, and the container that outlives it, if one does.
    async fn run(&self) -> (Ended, Option<Running>) {
        let began = self.now();
        let done = tries::run(self).await;
        // Held until the end is noted.
        let (done, _turn) = hand_over::after(self, done).await;
        let (outcome, result) = match done {
            Ok(result) => (Outcome::Succeeded, result),
            Err(Failure { outcome, result }) => (outcome, result),
        };
        let masks = self.attempt.sandbox.masks();
        let (outcome, result) = (masks.outcome(outcome), masks.result(result));
        let detached = self.detached.lock().unwrap_or_else(PoisonError::into_inner).take();
        (self.conclude(began, outcome, result), detached)
    }

    /// The container outlives the attempt.
    fn detach(&self, running: Running) {
        let Attempt { id, unit, sandbox, .. } = &self.attempt;
        let fence = self.roster.fence(id).unwrap_or(Fence(0));
        if let Err(error) = self.spool.mark_detached(&Detached::new(sandbox.key(), fence, &unit.step)) {
            tracing::warn!(attempt = %id, %error, "a detached container would not be followed after a restart");
        }
        *self.detached.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// The last lines of the log, and the end as the farm will hear it.
    fn conclude(&self, began: Timestamp, outcome: Outcome, result: UnitResult) -> Ended {
        let at = self.now();
        let started_at = self.spool.started();
        let step = &self.attempt.unit.step;
        let elapsed = at.millis_since(started_at.unwrap_or(began));
        let is_success = outcome.succeeded();
        let ignored = matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. })
            && self.attempt.unit.rules.ignore_errors;
        let flushed = self.spool.output_ended(at).and_then(|()| self.spool.flush_tail(at));
        let written = flushed.and_then(|()| {
            if ignored {
                let line = format!(
                    "Step ID: {step} encountered an error: {outcome}, but is set to ignore errors. Continuing..."
                );
                self.spool.notice(at, &line)?;
            } else if !is_success && outcome != Outcome::Canceled {
                self.spool.notice(at, &format!("Step ID: {step} failed: {outcome}"))?;
            }
            if is_success || ignored {
                let seconds = format!("{}.{:06}", elapsed / 1000, elapsed % 1000 * 1000);
                let line = format!("Step ID: {step} marked as successful (elapsed time in seconds: {seconds})");
                self.spool.notice(at, &line)?;
            }
            Ok(())
        });
        let ended = Ended { started_at, at, outcome, result, log_bytes: self.spool.end() };
        if let Err(error) = written.and_then(|()| self.spool.mark_ended(&ended)) {
            tracing::warn!(attempt = %self.attempt.id, %error, "the end of an attempt is only in memory");
        }
        ended
    }

    /// What every attempt works with.
    pub(crate) fn works(&self) -> &Arc<Works> {
        &self.works
    }

    /// The owner of the run.
    pub(crate) fn project(&self) -> &ProjectName {
        &self.attempt.sandbox.project
    }

    /// The run's logins to registries.
    pub(crate) fn logins(&self) -> Logins {
        self.attempt.sandbox.logins()
    }

    /// Whether the registry of a reference is asked without TLS.
    fn plain(&self, reference: &Reference) -> bool {
        let registry = reference.registry_or_hub();
        self.works.config.plain_http.iter().any(|host| host == registry)
    }

    fn now(&self) -> Timestamp {
        self.works.parts.clock.now()
    }

    /// Writes one of acre's own lines into the log.
    pub(crate) fn notice(&self, line: &str) -> Result<(), SpoolError> {
        self.spool.notice(self.now(), line)
    }

    /// Writes one of acre's own lines into the log; a disk that is full shows with the next one.
    fn say(&self, line: &str) {
        drop(self.notice(line));
    }

    /// The work begins: from now on it may have had an effect.
    pub(crate) fn started(&self) -> Result<(), SpoolError> {
        if self.spool.started().is_none() {
            let at = self.now();
            self.spool.mark_started(at)?;
            self.roster.tell(Told::Started(self.attempt.id.clone(), at));
        }
        Ok(())
    }

    /// One try of the unit's work.
    async fn work(&self, try_number: u32, deadline: Deadline) -> Done {
        let span = self.step_span(try_number);
        self.do_work(try_number, deadline).instrument(span).await
    }

    /// The span of a try of the step; none, where the attempt has none.
    fn step_span(&self, try_number: u32) -> Span {
        if Span::current().is_none() {
            return Span::none();
        }
        let Attempt { unit, .. } = &self.attempt;
        let image = match &unit.action {
            Action::Cmd(cmd) => Some(cmd.image.as_str()),
            _ => None,
        };
        tracing::info_span!("step", otel.name = %unit.step, acre.try = try_number, container.image.name = image)
    }

    async fn do_work(&self, try_number: u32, deadline: Deadline) -> Done {
        match &self.attempt.unit.action {
            Action::Source(fetch) => self.unless_interrupted(deadline, source::run(self, fetch)).await?,
            Action::Build(build) => self.unless_interrupted(deadline, build::run(self, build, deadline)).await?,
            Action::Push(push) => self.unless_interrupted(deadline, push::run(self, push)).await?,
            // A container does not end because nobody waits for it: the step sees to its own end.
            Action::Cmd(cmd) => cmd::run(self, cmd, try_number, deadline).await,
            Action::Index(index) => self.unless_interrupted(deadline, index::run(self, index)).await?,
        }
    }
}
