//! What agent and scheduler say to each other, in levels: all the agent has, all the scheduler wants.

use crate::{
    attempt::{AttemptId, Fence, Progress, Workspace},
    capability::Capability,
    digest::Digest,
    ids::{AgentId, GroupId, ProjectName, RunId, StepId, UnitId},
    plan::{Action, Network, Reports, Rules, Unit, Volume},
    platform::Platform,
    reference::Reference,
    secret::{Login, SecretValue},
    trace::TraceParent,
};
use std::fmt;

/// An agent introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Unique in its farm.
    pub agent: AgentId,
    /// Grows with every start of the agent's process.
    pub epoch: u64,
    /// What it has.
    pub capability: Capability,
}

/// Everything an agent has.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentState {
    /// What it has.
    pub capability: Capability,
    /// All attempts it knows, ended ones until the scheduler no longer wants them.
    pub attempts: Vec<AttemptState>,
    /// Groups that have a sandbox on its engine.
    pub groups: Vec<GroupKey>,
    /// It finishes what it has and then goes: it takes nothing new.
    pub leaving: bool,
}

/// Where an attempt stands.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptState {
    /// Which.
    pub attempt: AttemptId,
    /// As it came with the assignment.
    pub fence: Fence,
    /// Where it stands.
    pub progress: Progress,
}

/// A group on an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The run.
    pub run: RunId,
    /// The group of its plan.
    pub group: GroupId,
    /// From 1; grows when the group starts anew.
    pub incarnation: u32,
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.group.0, self.incarnation)
    }
}

/// Everything an agent should have and do. What is not in it is to be stopped and removed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// Groups whose sandboxes should be there.
    pub groups: Vec<DesiredGroup>,
}

/// A group that should be on an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredGroup {
    /// Which.
    pub key: GroupKey,
    /// Owner of its run.
    pub project: ProjectName,
    /// The platform of its units.
    pub platform: Platform,
    /// Whether its sandbox has a network.
    pub network: bool,
    /// The source tree; `None`: no files.
    pub tree: Option<Digest>,
    /// Identifies the source across runs, so that builders re-use what they kept of it.
    pub source_key: String,
    /// Trees that source units of the plan have fetched, for builds of this group.
    pub fetched: Vec<(UnitId, Digest)>,
    /// Networks that the task declares.
    pub networks: Vec<Network>,
    /// Volumes that the task declares.
    pub volumes: Vec<Volume>,
    /// What only the run's agents may know. Empty until the session opens it, right before it is sent.
    pub confidential: Opened,
    /// What commands of other groups changed in the workspace, by the unit that left it, in the order in which it is put
    /// over the source tree.
    pub changes: Vec<(String, Workspace)>,
    /// Images that earlier units of the group built, by their names and platforms.
    pub images: Vec<(Reference, Platform, Digest)>,
    /// Attempts that should run, or end.
    pub attempts: Vec<DesiredAttempt>,
}

/// What an agent needs of a run's secrets besides the opened texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opened {
    /// Logins to registries.
    pub logins: Vec<Login>,
    /// Values that are masked in everything that leaves the agent: raw, and as filtered.
    pub masks: Vec<SecretValue>,
}

/// An attempt that should run, or end.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredAttempt {
    /// Which.
    pub attempt: AttemptId,
    /// The store's revision of its assignment.
    pub fence: Fence,
    /// What it does.
    pub unit: UnitSpec,
    /// Whether it should go on.
    pub intent: Intent,
    /// What it is part of, if it is traced.
    pub trace: Option<TraceParent>,
}

/// Whether an attempt should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It should run to its end.
    Run,
    /// It should end now: TERM, KILL after the grace, and report.
    Stop {
        /// Milliseconds between TERM and KILL.
        grace_ms: u64,
    },
}

/// A unit as its agent needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitSpec {
    /// `step@os/arch`.
    pub name: String,
    /// The step.
    pub step: StepId,
    /// What it runs on.
    pub platform: Platform,
    /// What it does.
    pub action: Action,
    /// How long, how often, and what failing means.
    pub rules: Rules,
    /// Files it leaves that the run's report is made of.
    pub reports: Reports,
    /// Globs of files it leaves that are kept with the run.
    pub artifacts: Vec<String>,
    /// Of an index: the images that it should name, in plan order.
    pub children: Vec<Child>,
    /// Its workspace, once it has succeeded, is wanted as a tree by a group elsewhere.
    pub hands_over: bool,
}

/// An image of one platform in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Which platform.
    pub platform: Platform,
    /// Of its manifest; `None`: it was not pushed.
    pub digest: Option<Digest>,
}

impl From<&Unit> for UnitSpec {
    fn from(unit: &Unit) -> Self {
        Self {
            name: unit.name.clone(),
            step: unit.step.clone(),
            platform: unit.platform.clone(),
            action: unit.action.clone(),
            rules: unit.rules.clone(),
            reports: unit.reports.clone(),
            artifacts: unit.artifacts.clone(),
            children: Vec::new(),
            hands_over: unit.hands_over,
        }
    }
}
