//! How a scheduler is set up.

use crate::farm::Patience;
use acre_model::poll::PollInterval;
use acre_task::Presets;
use std::path::PathBuf;

/// How a scheduler is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it keeps its data.
    pub data: PathBuf,
    /// How long the farm is patient.
    pub patience: Patience,
    /// Stops the farm after this long without a run or a request, in milliseconds.
    pub idle_stop_ms: Option<u64>,
    /// How long ended runs are kept, in milliseconds.
    pub keep_ms: u64,
    /// How many ended runs are kept.
    pub keep_runs: usize,
    /// How often registries and hosts of repositories are asked for what starts tasks.
    pub poll: PollInterval,
    /// The images of tools that presets of the task language stand for.
    pub presets: Presets,
}

impl Config {
    /// A scheduler that keeps its data there and is as patient as a farm of many machines.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            patience: Patience::default(),
            idle_stop_ms: None,
            keep_ms: 30 * 86_400_000,
            keep_runs: 10_000,
            poll: PollInterval::default(),
            presets: Presets::default(),
        }
    }
}
