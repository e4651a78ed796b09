//! How a scheduler is set up.

use crate::farm::Patience;
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
    /// Between two looks at an image that starts tasks, in milliseconds; `None`: registries are not asked.
    pub poll_ms: Option<u64>,
    /// The images of tools that presets of the task language stand for.
    pub presets: Presets,
}

impl Config {
    /// Between two looks at an image unless said, in milliseconds.
    pub const POLL_MS: u64 = 600_000;

    /// A scheduler that keeps its data there and is as patient as a farm of many machines.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            patience: Patience::default(),
            idle_stop_ms: None,
            keep_ms: 30 * 86_400_000,
            keep_runs: 10_000,
            poll_ms: Some(Self::POLL_MS),
            presets: Presets::default(),
        }
    }
}
