//! What the driver is asked, and how it answers.

use crate::{
    compile::Ready,
    farm::{Census, Denied, Event, NewRun, SessionId},
    join::{Shown, TokenRefused},
    store::{Change, StoreError},
};
use acre_model::{
    attempt::{AttemptId, Fence},
    digest::Digest,
    fleet::AgentView,
    ids::{AgentId, RunId},
    joining::Identity,
    run::RunView,
    session::{Desired, Hello},
};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

/// What became of a run that was handed in.
#[derive(Debug)]
pub struct Handed {
    /// Its id, or that of the run that was handed in earlier under the same key.
    pub run: RunId,
    /// As it is stored; `None`: it has ended.
    pub view: Option<RunView>,
}

/// What a record must be for a change to be made.
#[derive(Debug)]
pub struct Guard {
    /// Its key.
    pub key: String,
    /// Its value; `None`: there is none.
    pub value: Option<Bytes>,
}

/// Something the driver is asked.
pub enum Request {
    /// Something has happened.
    Event(Event),
    /// The task of a fetched source was compiled.
    Compiled {
        /// The run.
        run: RunId,
        /// What came of it, or every fault of the task.
        compiled: Result<Ready, String>,
    },
    /// Records beside the farm's own shall change, all or none.
    Record {
        /// How.
        changes: Vec<Change>,
        /// What must hold for it.
        guard: Option<Guard>,
        /// Whether that held, and they were stored.
        reply: oneshot::Sender<Result<bool, Refused>>,
    },
    /// Somebody joins the farm by a token.
    UseToken {
        /// The token.
        shown: Shown,
        /// Who the joiner is from now on; the token is used up then.
        reply: oneshot::Sender<Result<Result<Identity, TokenRefused>, Refused>>,
    },
    /// A run is handed in.
    Submit {
        /// The run; its texts and plan are stored.
        run: NewRun,
        /// What it keeps secret, sealed.
        sealed: Option<Bytes>,
        /// Its idempotency key.
        key: Option<IdempotencyKey>,
        /// The run as it was stored (or as it was stored under the same key before).
        reply: oneshot::Sender<Result<Handed, Refused>>,
    },
    /// A run shall end.
    Cancel {
        /// Which.
        run: RunId,
        /// The run after the wish was stored; `None`: it has ended.
        reply: oneshot::Sender<Result<Option<RunView>, Refused>>,
    },
    /// Why units wait.
    Explain {
        /// Of which run.
        run: RunId,
        /// The run with reasons; `None`: it has ended.
        reply: oneshot::Sender<Option<RunView>>,
    },
    /// How many there are of everything.
    Census {
        /// The farm in numbers, as they are, stored or not.
        reply: oneshot::Sender<Census>,
    },
    /// Whether an attempt may do now what the world sees.
    Permit {
        /// Who asks.
        agent: AgentId,
        /// For which attempt.
        attempt: AttemptId,
        /// As it came with the assignment.
        fence: Fence,
        /// Whether it may.
        reply: oneshot::Sender<Result<(), Denied>>,
    },
    /// An agent opens a stream.
    Connect {
        /// How it introduced itself.
        hello: Hello,
        /// Where it is told what it should have; `None` until it is told for the first time.
        desired: watch::Sender<Option<Desired>>,
        /// The stream's number.
        reply: oneshot::Sender<SessionId>,
    },
    /// An agent is taken out, or back in.
    Drain {
        /// Which.
        agent: AgentId,
        /// Whether it is taken out.
        draining: bool,
        /// The agent; `None`: there is none of this name.
        reply: oneshot::Sender<Option<AgentView>>,
    },
    /// The leader's role may be lost: a commit shall prove that it is not, even if there is nothing to store.
    Prove {
        /// Answered once it is proven; dropped where it is not.
        reply: oneshot::Sender<()>,
    },
    /// The farm shall stop.
    Stop {
        /// How.
        how: Stop,
        /// Answered when nothing runs any more, with the number of canceled runs.
        reply: oneshot::Sender<Result<u32, Refused>>,
    },
}

impl Request {
    /// Answers that it was not done. Who asked something without an error learns that nobody answers.
    pub(super) fn refuse(self, why: &Refused) {
        match self {
            Self::Submit { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::Cancel { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::Stop { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::Record { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::UseToken { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::Event(_)
            | Self::Prove { .. }
            | Self::Compiled { .. }
            | Self::Explain { .. }
            | Self::Census { .. }
            | Self::Permit { .. }
            | Self::Connect { .. }
            | Self::Drain { .. } => {}
        }
    }
}

/// How a farm stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// What runs may end by itself.
    WhenDone,
    /// What runs is canceled.
    Now,
}

/// An idempotency key, and the body it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key in the store.
    pub stored_under: String,
    /// Digest of the submission.
    pub body: Digest,
}

/// Why the driver did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The farm stops.
    #[error("the farm is stopping and accepts no new runs")]
    Stopping,
    /// The idempotency key was used with another body.
    #[error("idempotency key was used before for run {0} with another submission")]
    KeyReused(RunId),
    /// The store has no room.
    #[error("{0}")]
    Full(String),
    /// The store does not answer, or the driver is gone.
    #[error("state store unavailable, not accepted: {0}")]
    Unavailable(String),
    /// The store stopped answering while it was stored.
    #[error("state store unavailable; whether this was accepted is not known yet: {0}")]
    Unknown(String),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::Full(error.to_string()),
            StoreError::Unavailable { place, why } => Self::Unavailable(format!("{place}: {why}")),
            StoreError::Unknown { place, why } => Self::Unknown(format!("{place}: {why}")),
            StoreError::Conflict
            | StoreError::InUse { .. }
            | StoreError::WentBack { .. }
            | StoreError::Failed { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

/// An answer that waits for the commit.
pub(super) enum Answer {
    Handed { run: RunId, key: Option<IdempotencyKey>, reply: oneshot::Sender<Result<Handed, Refused>> },
    Run { run: RunId, reply: oneshot::Sender<Result<Option<RunView>, Refused>> },
    Record { reply: oneshot::Sender<Result<bool, Refused>> },
    Proof { reply: oneshot::Sender<()> },
    Token { identity: Identity, reply: oneshot::Sender<Result<Result<Identity, TokenRefused>, Refused>> },
    Explain { run: RunId, reply: oneshot::Sender<Option<RunView>> },
    Permit { agent: AgentId, attempt: AttemptId, fence: Fence, reply: oneshot::Sender<Result<(), Denied>> },
    Agent { agent: AgentId, reply: oneshot::Sender<Option<AgentView>> },
}

impl Answer {
    /// Nothing was committed.
    pub(super) fn refuse(self, why: &Refused) {
        match self {
            Self::Handed { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::Run { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::Record { reply } => drop(reply.send(Err(why.clone()))),
            Self::Token { reply, .. } => drop(reply.send(Err(why.clone()))),
            Self::Explain { reply, .. } => drop(reply.send(None)),
            Self::Agent { reply, .. } => drop(reply.send(None)),
            // Who asked is not answered, and asks again.
            Self::Permit { .. } | Self::Proof { .. } => {}
        }
    }
}

/// The result of asking the driver.
pub type Asked<T> = Result<T, Refused>;

/// Asks the driver.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Request>);

impl Handle {
    pub(super) const fn new(sender: mpsc::Sender<Request>) -> Self {
        Self(sender)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Asked<T> {
        let gone = || Refused::Unavailable("the scheduler is stopping".to_owned());
        let (reply, answer) = oneshot::channel();
        self.0.send(request(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Tells of an event. Lost if the driver is gone, as everything then is told again.
    pub async fn event(&self, event: Event) {
        drop(self.0.send(Request::Event(event)).await);
    }

    /// Hands in a run; answers after the commit.
    pub async fn submit(&self, run: NewRun, sealed: Option<Bytes>, key: Option<IdempotencyKey>) -> Asked<Handed> {
        self.ask(|reply| Request::Submit { run, sealed, key, reply }).await?
    }

    /// Tells what came of compiling the task of a fetched source. Lost as an event is.
    pub async fn compiled(&self, run: RunId, compiled: Result<Ready, String>) {
        drop(self.0.send(Request::Compiled { run, compiled }).await);
    }

    /// Changes a record beside the farm's own; answers after the commit.
    pub async fn record(&self, change: Change) -> Asked<()> {
        self.ask(|reply| Request::Record { changes: vec![change], guard: None, reply }).await?.map(drop)
    }

    /// Changes records beside the farm's own, all or none; answers after the commit.
    pub async fn records(&self, changes: Vec<Change>) -> Asked<()> {
        self.ask(|reply| Request::Record { changes, guard: None, reply }).await?.map(drop)
    }

    /// Changes records beside the farm's own, all or none, if this holds; answers after the commit with whether it did.
    pub async fn record_if(&self, guard: Guard, changes: Vec<Change>) -> Asked<bool> {
        self.ask(|reply| Request::Record { changes, guard: Some(guard), reply }).await?
    }

    /// Uses a token up; answers after the commit with who its holder is from now on.
    pub async fn use_token(&self, shown: Shown) -> Asked<Result<Identity, TokenRefused>> {
        self.ask(|reply| Request::UseToken { shown, reply }).await?
    }

    /// Wants a run to end; answers after the commit. `None`: it has ended.
    pub async fn cancel(&self, run: RunId) -> Asked<Option<RunView>> {
        self.ask(|reply| Request::Cancel { run, reply }).await?
    }

    /// A run with every agent's reason for units that wait. `None`: it has ended.
    pub async fn explain(&self, run: RunId) -> Asked<Option<RunView>> {
        self.ask(|reply| Request::Explain { run, reply }).await
    }

    /// How many there are of everything.
    pub async fn census(&self) -> Asked<Census> {
        self.ask(|reply| Request::Census { reply }).await
    }

    /// Whether an attempt may do now what the world sees; answers after everything before is committed.
    pub async fn permit(&self, agent: AgentId, attempt: AttemptId, fence: Fence) -> Asked<Result<(), Denied>> {
        self.ask(|reply| Request::Permit { agent, attempt, fence, reply }).await
    }

    /// Opens an agent's stream.
    pub async fn connect(&self, hello: Hello, desired: watch::Sender<Option<Desired>>) -> Asked<SessionId> {
        self.ask(|reply| Request::Connect { hello, desired, reply }).await
    }

    /// Wants a proof that the farm is still this scheduler's; answers when there is one, or none is to be had. `false`: the
    /// driver is gone.
    pub(super) async fn prove(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        let is_there = self.0.send(Request::Prove { reply }).await.is_ok();
        // Without a proof, all is taken up anew.
        drop(answer.await);
        is_there
    }

    /// Takes an agent out, or back in. `None`: there is none of this name.
    pub async fn drain(&self, agent: AgentId, draining: bool) -> Asked<Option<AgentView>> {
        self.ask(|reply| Request::Drain { agent, draining, reply }).await
    }

    /// Stops the farm; answers when nothing runs any more, with the number of canceled runs.
    pub async fn stop(&self, how: Stop) -> Asked<u32> {
        self.ask(|reply| Request::Stop { how, reply }).await?
    }
}
