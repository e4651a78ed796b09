//! A run and its units and groups: states as enums that carry their data, and the record that is stored of them.

use super::{Mono, Patience};
use acre_model::{
    attempt::{Fence, UnitResult},
    capability::Way,
    digest::Digest,
    ids::{AgentId, GroupId, PoolName, ProjectName, RunId, UnitId},
    origin::Origin,
    outcome::{Outcome, Skip},
    plan::{Plan, ResolvedSource},
    run::RunStatus,
    secret::Nonce,
    submission::Emulation,
    time::Timestamp,
    trace::RunTrace,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// A run that has not ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// What is stored of it.
    pub record: RunRecord,
    /// Its plan; only what is fetched first until the task is compiled.
    pub plan: Arc<Plan>,
    /// Fences of active attempts, known once their assignment is committed.
    pub fences: BTreeMap<UnitId, Fence>,
    /// Groups that no agent of the fleet could take. Not stored: patience begins anew with the scheduler.
    pub hopeless: BTreeMap<GroupId, Hopeless>,
    /// Since when groups with a ready unit wait for an agent. Not stored, for the same reason.
    pub waits: BTreeMap<GroupId, Mono>,
    /// When groups that failed by infrastructure may be placed again. Not stored, for the same reason.
    pub rests: BTreeMap<GroupId, Mono>,
    /// When the run must be over, if it has a limit. Not stored, for the same reason.
    pub due: Option<Mono>,
}

/// That no agent of the fleet could take a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hopeless {
    /// Since when.
    pub since: Mono,
    /// What stands in the way.
    pub why: String,
}

/// What is stored of a run that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
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
    #[serde(default)]
    pub origin: Origin,
    /// The pool whose agents may take it.
    pub pool: PoolName,
    /// When to emulate.
    pub emulation: Emulation,
    /// Limit of the whole run in milliseconds.
    pub timeout_ms: Option<u64>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Of the tokens of its secrets, whenever it is compiled.
    #[serde(default)]
    pub nonce: Nonce,
    /// The trace it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<RunTrace>,
    /// Its source, once resolved.
    pub resolved: Option<ResolvedSource>,
    /// Files of aliases that its task takes from addresses.
    #[serde(default)]
    pub aliases: AliasFiles,
    /// The plan's blob, once compiled.
    pub plan: Option<Digest>,
    /// Where it stands.
    pub state: RunState,
    /// By [`UnitId`].
    pub units: Vec<UnitRecord>,
    /// By [`GroupId`].
    pub groups: Vec<GroupRecord>,
}

/// Files of aliases that a task takes from addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasFiles {
    /// The addresses.
    pub addresses: Vec<String>,
    /// Once fetched: a tree that holds each file under its address's place in the list.
    pub tree: Option<Digest>,
}

/// Where a run stands. A run that has ended is no longer here: see [`super::effects::Final`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// No unit has been assigned.
    Queued,
    /// A unit has been assigned.
    Active {
        /// When the first one was.
        started_at: Timestamp,
    },
    /// Its end is decided: what runs is stopped, what has not started is skipped, `always` steps still run.
    Ending {
        /// When its first unit was assigned.
        started_at: Option<Timestamp>,
        /// How it will have ended.
        conclusion: Conclusion,
        /// What goes on meanwhile.
        #[serde(default)]
        rest: Rest,
    },
}

/// What goes on, besides `always` steps, in a run whose end is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rest {
    /// Nothing.
    #[default]
    Stopped,
    /// What leads to an index that may be partial: a step has failed, and nobody wants the rest stopped.
    Partial,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// In one word.
    pub status: RunStatus,
    /// Why it did not succeed.
    pub error: Option<String>,
}

/// A unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitRecord {
    /// Attempts so far.
    pub attempts: u32,
    /// Attempts that failed by infrastructure.
    pub infrastructure_failures: u32,
    /// How its last attempt is served, if something of a platform is in it.
    #[serde(default)]
    pub way: Option<Way>,
    /// The fence of the attempt that ended it: under it, its agent may tell what became of it afterwards.
    #[serde(default)]
    pub ended_under: Option<Fence>,
    /// Where it stands.
    pub state: UnitState,
}

/// Where a unit stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// For units before it.
    Waiting,
    /// For an agent.
    Ready,
    /// Assigned to an agent.
    Active {
        /// Whom.
        agent: AgentId,
        /// When.
        assigned_at: Timestamp,
        /// When its work began, as far as told.
        started_at: Option<Timestamp>,
    },
    /// Over.
    Ended {
        /// The agent of its last attempt.
        agent: Option<AgentId>,
        /// When its work began.
        started_at: Option<Timestamp>,
        /// When it ended.
        ended_at: Timestamp,
        /// How.
        outcome: Outcome,
        /// What it left.
        result: UnitResult,
        /// Bytes of its log.
        log_bytes: u64,
    },
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// From 1; grows when the group starts anew.
    pub incarnation: u32,
    /// The agent it failed on last.
    pub avoid: Option<AgentId>,
    /// How its agent, the present one or the last one, serves it.
    #[serde(default)]
    pub way: Option<Way>,
    /// Where it stands.
    pub state: GroupState,
}

/// Where a group stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupState {
    /// On no agent.
    Unplaced,
    /// On an agent, until all its units have ended.
    Placed {
        /// Which.
        agent: AgentId,
    },
    /// All its units have ended; its sandbox goes.
    Closed,
}

impl UnitRecord {
    /// A unit that has not begun.
    pub const fn new() -> Self {
        Self { attempts: 0, infrastructure_failures: 0, way: None, ended_under: None, state: UnitState::Waiting }
    }

    /// Whether an attempt of it is assigned.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, UnitState::Active { .. })
    }

    /// Whether it is over.
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, UnitState::Ended { .. })
    }

    /// The exit code of its container, once it is over and had one.
    pub fn exit_code(&self) -> Option<i64> {
        match &self.state {
            UnitState::Ended { outcome: Outcome::Failed { exit_code, .. }, result, .. } => {
                result.exit_code.or(*exit_code)
            }
            UnitState::Ended { result, .. } => result.exit_code,
            UnitState::Waiting | UnitState::Ready | UnitState::Active { .. } => None,
        }
    }

    /// Whether what waits for it may start. `ignore` is its step's `ignoreErrors`.
    pub fn lets_go_on(&self, ignore: bool) -> bool {
        match &self.state {
            UnitState::Ended { outcome: Outcome::Succeeded | Outcome::Skipped(Skip::Condition), .. } => true,
            UnitState::Ended { outcome: Outcome::Failed { .. } | Outcome::TimedOut { .. }, .. } => ignore,
            _ => false,
        }
    }
}

impl Default for UnitRecord {
    fn default() -> Self {
        Self::new()
    }
}

impl GroupRecord {
    /// A group that is on no agent.
    pub const fn new() -> Self {
        Self { incarnation: 1, avoid: None, way: None, state: GroupState::Unplaced }
    }

    /// The agent it is on.
    pub const fn agent(&self) -> Option<&AgentId> {
        match &self.state {
            GroupState::Placed { agent } => Some(agent),
            GroupState::Unplaced | GroupState::Closed => None,
        }
    }
}

impl Default for GroupRecord {
    fn default() -> Self {
        Self::new()
    }
}

impl RunState {
    /// When the first unit was assigned.
    pub const fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Queued => None,
            Self::Active { started_at } => Some(*started_at),
            Self::Ending { started_at, .. } => *started_at,
        }
    }

    /// Whether the run's end is decided.
    pub const fn is_ending(&self) -> bool {
        matches!(self, Self::Ending { .. })
    }

    /// Whether something of it goes on that can be stopped.
    pub const fn goes_on(&self) -> bool {
        !matches!(self, Self::Ending { rest: Rest::Stopped, .. })
    }
}

impl Run {
    /// A stored run with its plan.
    pub fn new(record: RunRecord, plan: Arc<Plan>) -> Self {
        Self {
            record,
            plan,
            fences: BTreeMap::new(),
            hopeless: BTreeMap::new(),
            waits: BTreeMap::new(),
            rests: BTreeMap::new(),
            due: None,
        }
    }

    /// Deadlines of the run: its own, those of groups that nobody could take, that rest, or that may be emulated then.
    pub fn deadlines<'a>(&'a self, patience: &'a Patience) -> impl Iterator<Item = Mono> + 'a {
        let due = self.due.filter(|_| self.record.state.goes_on());
        let hopeless = self.hopeless.values().map(|group| group.since.plus_millis(patience.placement_ms));
        let fallbacks = self.waits.keys().filter_map(|group| self.falls_back_at(*group));
        due.into_iter().chain(hopeless).chain(fallbacks).chain(self.rests.values().copied())
    }

    /// When a group that waits for an agent has waited long enough for a native one.
    pub fn falls_back_at(&self, group: GroupId) -> Option<Mono> {
        match self.record.emulation {
            Emulation::Fallback { wait_ms } => Some(self.waits.get(&group)?.plus_millis(wait_ms)),
            Emulation::Never | Emulation::Always => None,
        }
    }

    /// Whether the group has a unit that waits for an agent.
    pub fn has_ready_unit(&self, group: GroupId) -> bool {
        self.units_of(group).any(|unit| self.record.units[unit.index()].state == UnitState::Ready)
    }

    /// Whether an attempt of the group is assigned.
    pub fn has_active_unit(&self, group: GroupId) -> bool {
        self.units_of(group).any(|unit| self.record.units[unit.index()].is_active())
    }

    /// The units of a group.
    pub fn units_of(&self, group: GroupId) -> impl Iterator<Item = UnitId> + '_ {
        self.plan.groups[group.index()].units.iter().copied()
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..self.plan.groups.len() as u32).map(GroupId)
    }

    /// Decides the run's end, unless it is decided already, and has what goes on stopped.
    // Queued | Active | Ending => Ending
    pub fn conclude(&mut self, status: RunStatus, error: Option<String>) {
        self.conclude_but(Rest::Stopped, status, error);
        if let RunState::Ending { rest, .. } = &mut self.record.state {
            *rest = Rest::Stopped;
        }
    }

    /// Decides the run's end, unless it is decided already.
    // Queued | Active => Ending
    pub fn conclude_but(&mut self, rest: Rest, status: RunStatus, error: Option<String>) {
        if !self.record.state.is_ending() {
            let started_at = self.record.state.started_at();
            self.record.state = RunState::Ending { started_at, conclusion: Conclusion { status, error }, rest };
        }
    }
}
