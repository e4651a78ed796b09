//! How a scheduler is set up.

use crate::farm::Patience;
use acre_model::poll::PollInterval;
use acre_task::Presets;
use std::path::PathBuf;
use tokio::sync::watch;

/// How a scheduler is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it keeps its data.
    pub data: PathBuf,
    /// How long the farm is patient.
    pub patience: Patience,
    /// Stops the farm after this long without a run or a request, in milliseconds.
    pub idle_stop_ms: Option<u64>,
    /// What is kept of ended runs; may change while it works.
    pub keep: watch::Receiver<Keep>,
    /// How often registries and hosts of repositories are asked for what starts tasks.
    pub poll: PollInterval,
    /// The images of tools that presets of the task language stand for.
    pub presets: Presets,
}

/// What is kept of ended runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Age in milliseconds after which one goes.
    pub ms: u64,
    /// How many stay.
    pub runs: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { ms: 30 * 86_400_000, runs: 10_000 }
    }
}

impl Config {
    /// A scheduler that keeps its data there and is as patient as a farm of many machines.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            patience: Patience::default(),
            idle_stop_ms: None,
            keep: watch::Sender::new(Keep::default()).subscribe(),
            poll: PollInterval::default(),
            presets: Presets::default(),
        }
    }
}
