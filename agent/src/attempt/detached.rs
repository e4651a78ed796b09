//! Detached containers, which outlive their attempt: their output goes on into its log, and how they end or ail while
//! the run goes on is told with its end once more. They outlive the agent's process, too: the next one follows them on.

use super::{Job, Told, Works};
use crate::{
    engine::{EngineError, Running},
    labels,
    logs::Spool,
    roster::RosterHandle,
    sandbox::Sandbox,
};
use acre_model::{
    attempt::{AttemptId, Ended, Fence},
    ids::{GroupId, RunId, StepId},
    session::GroupKey,
};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Waits between two looks for a container while the engine does not answer, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// What the next process needs to know of a container that goes on: it hears of the group, but not of the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Detached {
    group: GroupId,
    incarnation: u32,
    /// Of its attempt.
    pub fence: Fence,
    /// Its name in logs.
    pub step: StepId,
}

impl Detached {
    /// That of a group, for the attempt of this fence.
    pub(crate) fn new(group: &GroupKey, fence: Fence, step: &StepId) -> Self {
        Self { group: group.group, incarnation: group.incarnation, fence, step: step.clone() }
    }

    /// Its group.
    pub(crate) fn group(&self, run: &RunId) -> GroupKey {
        GroupKey { run: run.clone(), group: self.group, incarnation: self.incarnation }
    }
}

/// A container that is followed: whose it is, and where is told what becomes of it.
pub(crate) struct Followed {
    /// What every attempt works with.
    pub works: Arc<Works>,
    /// Its attempt.
    pub attempt: AttemptId,
    /// Its name in logs.
    pub step: StepId,
    /// Where it runs.
    pub sandbox: Arc<Sandbox>,
    /// Its log.
    pub spool: Arc<Spool>,
    /// Who is told.
    pub roster: RosterHandle,
}

impl From<Job> for Followed {
    fn from(job: Job) -> Self {
        let Job { works, attempt, spool, roster, detached: _ } = job;
        Self { works, attempt: attempt.id, step: attempt.unit.step, sandbox: attempt.sandbox, spool, roster }
    }
}

/// Follows a container until it has ended, or its group is removed. `ended` has been told to the roster.
pub(super) async fn follow(followed: Followed, running: Running, ended: Ended) {
    let Running { mut output, exit, mut ailing, .. } = running;
    let closing = followed.sandbox.closing();
    let mut news = News::new(&followed, ended);
    loop {
        tokio::select! {
            piece = output.next() => match piece {
                Some(Ok((stream, bytes))) if followed.spool.write(followed.now(), stream, &bytes).is_ok() => {}
                _ => break,
            },
            () = &mut ailing, if !news.is_ailing => news.ails(),
        }
    }
    drop(followed.spool.output_ended(followed.now()));
    tokio::select! {
        biased;
        // It was ended together with its group.
        () = closing.cancelled() => {}
        exit = exit => if let Ok(code) = exit { news.exited(code) },
    }
    followed.spool.close();
}

/// Follows a container of an earlier process on, whatever has become of it meanwhile. `ended` is known to the roster.
pub(crate) async fn again(followed: Followed, ended: Ended) {
    let closing = followed.sandbox.closing();
    followed.spool.mask(&followed.sandbox.masks());
    followed.spool.reopen();
    let found = tokio::select! {
        biased;
        () = closing.cancelled() => return followed.spool.close(),
        found = followed.find() => found,
    };
    match found {
        Some(running) => follow(followed, running, ended).await,
        None => {
            News::new(&followed, ended).gone();
            followed.spool.close();
        }
    }
}

impl Followed {
    /// The container, as soon as the engine answers; `None`: it is gone.
    async fn find(&self) -> Option<Running> {
        loop {
            match self.reattach().await {
                Ok(found) => return found,
                Err(why) => tracing::debug!(attempt = %self.attempt, %why, "cannot look for a container yet"),
            }
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
    }

    async fn reattach(&self) -> Result<Option<Running>, EngineError> {
        let runtime = &self.works.parts.runtime;
        let labels = labels::of_attempt(&self.sandbox.spec.labels, &self.attempt);
        let found = runtime.find_containers(&labels).await?;
        let Some(found) = found.into_iter().find(|container| container.started) else { return Ok(None) };
        runtime.reattach(&found.id, self.spool.read_again()).await.map(Some)
    }

    fn now(&self) -> acre_model::time::Timestamp {
        self.works.parts.clock.now()
    }
}

/// What becomes known of a container after its attempt has ended.
struct News<'a> {
    followed: &'a Followed,
    ended: Ended,
    is_ailing: bool,
}

impl<'a> News<'a> {
    fn new(followed: &'a Followed, ended: Ended) -> Self {
        // What an earlier process has told, and did not end the container, is that it ails.
        Self { followed, is_ailing: ended.result.afterwards.is_some(), ended }
    }

    fn ails(&mut self) {
        self.is_ailing = true;
        self.tell("became unhealthy while the run went on");
    }

    fn exited(&mut self, code: i64) {
        self.ended.result.exit_code = Some(code);
        self.tell(&format!("exited with code {code} while the run went on"));
        self.followed.spool.detached_is_over();
    }

    fn gone(&mut self) {
        self.tell("was removed by someone while the run went on");
        self.followed.spool.detached_is_over();
    }

    fn tell(&mut self, what: &str) {
        let Followed { attempt, step, spool, roster, .. } = self.followed;
        let line = format!("Container {step} {what}");
        let written = spool.notice(self.followed.now(), &line);
        let earlier = self.ended.result.afterwards.take().map(|earlier| format!("{earlier}; ")).unwrap_or_default();
        self.ended.result.afterwards = Some(earlier + &line);
        self.ended.log_bytes = spool.end();
        if let Err(error) = written.and_then(|()| spool.mark_ended(&self.ended)) {
            tracing::warn!(%attempt, %error, "the end of a detached container is only in memory");
        }
        roster.tell(Told::Ended(attempt.clone(), self.ended.clone()));
    }
}
