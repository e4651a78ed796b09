//! Logs: the output of an attempt as a sequence of frames. An offset counts the bytes of all frames before.

use crate::{ids::UnitId, time::Timestamp};

/// A piece of an attempt's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of the log before this frame.
    pub offset: u64,
    /// By the agent's clock.
    pub at: Timestamp,
    /// Where it comes from.
    pub stream: Stream,
    /// At most [`Frame::LIMIT`] bytes, not empty.
    pub data: Vec<u8>,
}

impl Frame {
    /// Bytes of one frame; longer output is split.
    pub const LIMIT: usize = 64 * 1024;

    /// The offset right after this frame.
    pub fn end(&self) -> u64 {
        self.offset + self.data.len() as u64
    }
}

/// Where a piece of log comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// The container's standard output, or the builder's.
    Stdout,
    /// The container's standard error.
    Stderr,
    /// acre's own lines, whole, each with its time in front.
    Notice,
}

/// How far a reader has read: per unit, the attempt and the offset in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The unit.
    pub unit: UnitId,
    /// The attempt.
    pub attempt: u32,
    /// Bytes already read.
    pub offset: u64,
}

/// What a follower of a run's log receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// A piece of an attempt's log.
    Frame {
        /// The unit.
        unit: UnitId,
        /// The attempt.
        attempt: u32,
        /// The piece.
        frame: Frame,
    },
    /// What a unit is at, for a terminal: shown in place, never stored.
    Status {
        /// The unit.
        unit: UnitId,
        /// One line.
        text: String,
    },
}
