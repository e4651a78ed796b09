//! What was told from outside, as it is kept.

use acre_model::{
    digest::Digest,
    ids::{RunId, TaskName},
    time::Timestamp,
    trigger::{Provider, SourceEvent},
};
use serde::{Deserialize, Serialize};

/// Something that was told, and is to be acted upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    /// Of a task's source.
    Source {
        /// The task.
        task: TaskName,
        /// The kind of host that told it; `None`: an older program kept this.
        #[serde(default)]
        provider: Option<Provider>,
        /// What happened there, as far as the task wants to know; each is a run.
        events: Vec<SourceEvent>,
    },
    /// Of images.
    Images(Vec<Pushed>),
    /// Of images that a run of the farm's own has built and pushed.
    Built(Vec<Pushed>),
}

/// A tag that was put into a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Pushed {
    /// `registry/repository:tag`.
    pub(crate) image: String,
    /// What the tag stands for now.
    pub(crate) digest: Digest,
}

/// What came of something that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Done {
    /// When it was acted upon.
    pub(crate) at: Timestamp,
    /// The runs that it started.
    pub(crate) runs: Vec<RunId>,
}
