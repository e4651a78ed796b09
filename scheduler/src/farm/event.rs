//! Everything that can happen to the farm.

use super::SessionId;
use acre_model::{
    attempt::{AttemptId, Fence},
    digest::Digest,
    ids::{AgentId, PoolName, ProjectName, RunId},
    origin::Origin,
    plan::{Plan, ResolvedSource},
    secret::Nonce,
    session::AgentState,
    submission::Emulation,
    trace::RunTrace,
};
use std::sync::Arc;

/// Everything that can happen to the farm.
#[derive(Clone, Debug)]
pub enum Event {
    /// A run was handed in, and its texts and plan are stored.
    Submitted(NewRun),
    /// A task was compiled from what was fetched for it.
    Compiled {
        /// The run.
        run: RunId,
        /// What came of it, or every fault of the task.
        compiled: Result<Compiled, String>,
    },
    /// Somebody wants a run to end.
    CancelRequested {
        /// The run.
        run: RunId,
    },
    /// An agent opened a stream.
    AgentConnected {
        /// The agent.
        agent: AgentId,
        /// The stream.
        session: SessionId,
        /// What it has.
        capability: acre_model::capability::Capability,
    },
    /// An agent told all it has.
    AgentTold {
        /// The agent.
        agent: AgentId,
        /// Over which stream.
        session: SessionId,
        /// All it has.
        state: AgentState,
    },
    /// An attempt could not be sent to its agent: what its texts keep secret does not open.
    AttemptUnsent {
        /// The agent.
        agent: AgentId,
        /// The attempt.
        attempt: AttemptId,
        /// As it was assigned.
        fence: Fence,
        /// Why, for its author.
        why: String,
    },
    /// An agent is alive.
    AgentHeard {
        /// The agent.
        agent: AgentId,
        /// Over which stream.
        session: SessionId,
    },
    /// An agent's stream ended.
    AgentGone {
        /// The agent.
        agent: AgentId,
        /// Which stream.
        session: SessionId,
    },
    /// An operator takes an agent out, or back in.
    DrainRequested {
        /// The agent.
        agent: AgentId,
        /// Whether it is taken out.
        draining: bool,
    },
    /// Stored state was loaded: what was decided before is taken up again.
    Loaded,
    /// Time has passed.
    Tick,
}

/// A run as it is handed in.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Its owner.
    pub project: ProjectName,
    /// The submission's blob.
    pub submission: Digest,
    /// Its source, for people.
    pub source_shown: String,
    /// Its task, for people.
    pub task_shown: String,
    /// What it is a run of, and what started it.
    pub origin: Origin,
    /// Whether it ends earlier runs that it stands for.
    pub cancel_superseded: bool,
    /// The pool whose agents may take it.
    pub pool: PoolName,
    /// When to emulate.
    pub emulation: Emulation,
    /// Limit of the whole run in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Of the tokens of its secrets.
    pub nonce: Nonce,
    /// The trace it is part of.
    pub trace: Option<RunTrace>,
    /// The source, where it needs no fetching.
    pub resolved: Option<ResolvedSource>,
    /// From where its task takes files of aliases, as far as that is known.
    pub aliases: Vec<String>,
    /// The plan; only what is fetched first while the task is not compiled.
    pub plan: Arc<Plan>,
    /// The plan's blob; `None` while the task is not compiled.
    pub plan_digest: Option<Digest>,
}

/// What a task became.
#[derive(Clone, Debug)]
pub enum Compiled {
    /// All of its units.
    Whole {
        /// The plan, which begins with the units that are there already.
        plan: Arc<Plan>,
        /// Its blob.
        digest: Digest,
    },
    /// Files of aliases come first.
    AliasesFirst {
        /// Where they are.
        addresses: Vec<String>,
        /// The plan that fetches them; it begins with the units that are there already.
        plan: Arc<Plan>,
    },
}
