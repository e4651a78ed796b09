//! A patched image on its way through the tasks that build on it.

use super::Input;
use acre_model::{
    digest::Digest,
    ids::{RunId, TaskName},
    platform::Platform,
    submission::{Narrowing, Source},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a new digest of an image sets going.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wave {
    /// The image, `registry/repository:tag`.
    pub image: String,
    /// What its tag stands for now.
    pub digest: Digest,
    /// The tasks that it reaches.
    pub steps: BTreeMap<TaskName, Step>,
}

/// A task that a wave reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// Those of the wave that it is built on.
    pub after: BTreeSet<TaskName>,
    /// What of it is built anew.
    #[serde(default)]
    pub extent: Extent,
    /// How, where that is not all of it; known before it is started.
    #[serde(default)]
    pub narrowed: Option<Narrowed>,
    /// How far it is.
    pub state: StepState,
}

/// How a part of a task is built anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Narrowed {
    /// The source as it was when the other platforms were built.
    pub source: Source,
    /// What is built, and what stays.
    pub narrowing: Narrowing,
}

/// What of a task's images is built anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// All of them.
    #[default]
    All,
    /// Those of some platforms.
    Platforms(BTreeSet<Platform>),
}

impl Extent {
    /// Adds what another has; whether that was more.
    pub fn add(&mut self, other: Self) -> bool {
        match (&mut *self, other) {
            (Self::All, _) => false,
            (_, Self::All) => {
                *self = Self::All;
                true
            }
            (Self::Platforms(own), Self::Platforms(other)) => {
                let before = own.len();
                own.extend(other);
                own.len() > before
            }
        }
    }

    /// Whether it has all that another has.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Platforms(_), Self::All) => false,
            (Self::Platforms(own), Self::Platforms(other)) => own.is_superset(other),
        }
    }

    /// Whether what is built on an image of which this is new is to be built anew.
    pub fn reaches(&self, input: &Input) -> bool {
        match (self, &input.platform) {
            (Self::Platforms(new), Some(platform)) if !input.pinned => {
                new.iter().any(|own| own.arch() == platform.arch() && platform.runs_natively(own))
            }
            _ => true,
        }
    }
}

/// How far a task of a wave is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// For those that it is built on.
    Waiting,
    /// Its run goes on.
    Started(RunId),
    /// It was built anew.
    Succeeded,
    /// Its run failed, or could not be started.
    Failed,
    /// One that it is built on failed.
    Skipped,
}

impl StepState {
    const fn is_over(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped)
    }
}

impl Wave {
    /// The tasks whose turn it is.
    pub fn ready(&self) -> Vec<TaskName> {
        let has = |name: &TaskName, wanted: &StepState| self.steps.get(name).is_some_and(|step| step.state == *wanted);
        let is_ready = |step: &Step| {
            step.state == StepState::Waiting && step.after.iter().all(|before| has(before, &StepState::Succeeded))
        };
        self.steps.iter().filter(|(_, step)| is_ready(step)).map(|(name, _)| name.clone()).collect()
    }

    /// Its tasks, each after those that it waits for, with these.
    pub fn in_order(&self) -> Vec<(&TaskName, &BTreeSet<TaskName>)> {
        let mut ordered: Vec<(&TaskName, &BTreeSet<TaskName>)> = Vec::new();
        let mut left: Vec<_> = self.steps.iter().collect();
        while !left.is_empty() {
            let is_told = |name: &TaskName| ordered.iter().any(|(told, _)| *told == name);
            let (now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, step)| step.after.iter().all(is_told));
            if now.is_empty() {
                break;
            }
            ordered.extend(now.into_iter().map(|(name, step)| (name, &step.after)));
            left = later;
        }
        ordered
    }

    /// Settles how a part of a task is built anew; `None`: all of it is.
    pub fn settle(&mut self, task: &TaskName, narrowed: Option<Narrowed>) {
        if let Some(step) = self.steps.get_mut(task) {
            if narrowed.is_none() {
                step.extent = Extent::All;
            }
            step.narrowed = narrowed;
        }
    }

    /// The runs that go on.
    pub fn running(&self) -> impl Iterator<Item = (&TaskName, &RunId)> {
        self.steps.iter().filter_map(|(name, step)| match &step.state {
            StepState::Started(run) => Some((name, run)),
            _ => None,
        })
    }

    /// A task has started.
    pub fn start(&mut self, task: &TaskName, run: RunId) {
        self.set(task, StepState::Started(run));
    }

    /// A task has ended; if it failed, what builds on it is left out, and nothing else.
    pub fn end(&mut self, task: &TaskName, succeeded: bool) {
        self.set(task, if succeeded { StepState::Succeeded } else { StepState::Failed });
        let mut lost = if succeeded { Vec::new() } else { vec![task.clone()] };
        while let Some(lost_one) = lost.pop() {
            for (name, step) in &mut self.steps {
                if step.state == StepState::Waiting && step.after.contains(&lost_one) {
                    step.state = StepState::Skipped;
                    lost.push(name.clone());
                }
            }
        }
    }

    fn set(&mut self, task: &TaskName, state: StepState) {
        if let Some(step) = self.steps.get_mut(task) {
            step.state = state;
        }
    }

    /// Whether nothing of it is to come.
    pub fn is_over(&self) -> bool {
        self.steps.values().all(|step| step.state.is_over())
    }

    /// Leaves out tasks.
    pub fn leave_out(&mut self, is_left_out: impl Fn(&TaskName, &Extent) -> bool) {
        self.steps.retain(|task, step| !is_left_out(task, &step.extent));
        let left: BTreeSet<TaskName> = self.steps.keys().cloned().collect();
        self.steps.values_mut().for_each(|step| step.after.retain(|before| left.contains(before)));
    }
}
