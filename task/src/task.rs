//! A task that was checked: every name known, every reference valid, every number in its range, no cycle.

use crate::{diagnostic::At, text::Version};
use acre_model::{
    ids::StepId,
    plan::{Build, Cmd, Condition, Fetch, Network, Reports, Rules, Volume},
    platform::Platform,
    reference::Reference,
    secret::SecretDecl,
};

/// A checked task.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The version of the language it is written in.
    pub version: Version,
    /// The platforms it lists for its builds; empty: those of the submission.
    pub platforms: Vec<Platform>,
    /// Reports that the last commands leave.
    pub reports: Reports,
    /// Globs of files that are to be kept with the run.
    pub artifacts: Vec<String>,
    /// In the order of the file.
    pub steps: Vec<Step>,
    /// Secrets that it declares.
    pub secrets: Vec<SecretDecl>,
    /// Networks that it declares.
    pub networks: Vec<Network>,
    /// Volumes that it declares.
    pub volumes: Vec<Volume>,
}

/// A checked step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its id, given or made from its place.
    pub id: StepId,
    /// Where it begins in the rendered text.
    pub at: At,
    /// Its line in the file, from 1.
    pub line: u32,
    /// The places of the steps it waits for; ascending.
    pub after: Vec<usize>,
    /// How long, how often, and what failing means.
    pub rules: Rules,
    /// The platforms of its own text or key; empty: those of the task.
    pub platforms: Vec<Platform>,
    /// Reports it leaves.
    pub reports: Reports,
    /// Globs of files that are to be kept with the run.
    pub artifacts: Vec<String>,
    /// What the exit codes before it must be like.
    pub condition: Condition,
    /// What it does.
    pub action: StepAction,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// Build an image; its context is a folder of the source tree or nothing, unless it is fetched from an address;
    /// dependencies are not read yet.
    Build(Box<Build>, Option<Fetch>),
    /// Push references, tags added, doubles gone.
    Push(Vec<Reference>),
    /// Run an image.
    Cmd(Box<Cmd>),
}

impl Step {
    /// Whether it is a `cmd`.
    pub(crate) const fn is_cmd(&self) -> bool {
        matches!(self.action, StepAction::Cmd(_))
    }

    /// The references that a build makes, with their tags; none of another step.
    pub(crate) fn makes(&self) -> impl Iterator<Item = Reference> {
        let tags = match &self.action {
            StepAction::Build(build, _) => build.tags.as_slice(),
            _ => &[],
        };
        tags.iter().cloned().map(Reference::with_default_tag)
    }
}
