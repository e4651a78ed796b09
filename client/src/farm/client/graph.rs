//! What the tasks of a project build on.

use super::{ANSWER, FarmClient, limited};
use crate::error::Error;
use acre_proto::v1::{self, graph_response};
use serde::Serialize;

/// What the tasks of a project build on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Graph {
    /// Who builds on what.
    pub edges: Vec<GraphEdge>,
    /// What would be built anew, in this order, where that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_start: Vec<WouldStart>,
    /// Tasks that are not built on what their images are now.
    pub stale: Vec<StaleTask>,
}

/// A task that is not built on what its images are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StaleTask {
    /// The task.
    pub task: String,
    /// The images.
    pub why: Vec<StaleWhy>,
}

/// An image that is not any more what a task was built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StaleWhy {
    /// `registry/repository:tag`.
    pub image: String,
    /// What its tag stands for now.
    pub digest: String,
    /// How that is known.
    #[serde(flatten)]
    pub known: StaleKnown,
}

/// How it is known that an image is not any more what a task was built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "known-by")]
pub enum StaleKnown {
    /// A run of another task has put it there.
    Run {
        /// Which.
        run: String,
    },
    /// It is on its way through the tasks that build on it.
    Wave {
        /// How far the task is there.
        state: WaveState,
    },
    /// The farm was told of it.
    Notification,
}

/// How far a task is on the way of a new digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaveState {
    /// For those that it is built on.
    Waiting,
    /// It is being built anew.
    Started,
    /// Its run failed.
    Failed,
    /// One that it is built on failed.
    Skipped,
}

/// A task that builds on an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GraphEdge {
    /// The task that builds the image, if one of the project does.
    pub from: Option<String>,
    /// `registry/repository:tag`.
    pub image: String,
    /// The task that builds on it.
    pub to: String,
}

/// A task that would be built anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WouldStart {
    /// The task.
    pub task: String,
    /// Those that it would wait for.
    pub after: Vec<String>,
}

impl FarmClient {
    /// What the tasks of the project build on, and what a new digest of an image would start.
    pub async fn graph(&self, if_image: Option<&str>) -> Result<Graph, Error> {
        let if_image = if_image.unwrap_or_default().to_owned();
        let request = v1::GraphRequest { project: self.project.to_string(), if_image };
        let v1::GraphResponse { edges, would_start, stale } =
            self.ask(self.tasks().graph(limited(request, ANSWER))).await?;
        let edge = |graph_response::Edge { from, image, to }| {
            let from = (!from.is_empty()).then_some(from);
            GraphEdge { from, image, to }
        };
        let step = |graph_response::WouldStart { task, after }| WouldStart { task, after };
        Ok(Graph {
            edges: edges.into_iter().map(edge).collect(),
            would_start: would_start.into_iter().map(step).collect(),
            stale: stale.into_iter().map(stale_task).collect(),
        })
    }
}

fn stale_task(graph_response::Stale { task, why }: graph_response::Stale) -> StaleTask {
    let why = why.into_iter().map(|why| StaleWhy { known: known(&why), image: why.image, digest: why.digest });
    StaleTask { task, why: why.collect() }
}

fn known(why: &graph_response::Why) -> StaleKnown {
    use graph_response::{Progress, why::Kind};
    match &why.kind {
        Some(Kind::Run(run)) => StaleKnown::Run { run: run.clone() },
        Some(Kind::Progress(state)) => StaleKnown::Wave {
            state: match Progress::try_from(*state).unwrap_or_default() {
                Progress::Unspecified | Progress::Waiting => WaveState::Waiting,
                Progress::Started => WaveState::Started,
                Progress::Failed => WaveState::Failed,
                Progress::Skipped => WaveState::Skipped,
            },
        },
        Some(Kind::Told(_)) | None => StaleKnown::Notification,
    }
}
