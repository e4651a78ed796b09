//! What somebody meets at a desk: the real `acre`, asked of a real scheduler in this process, whose clock stands still, so
//! that all that is said can be kept as snapshots. Nothing runs: there is no agent.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod applied;
mod complete;
mod desk;
mod graph;
mod projects;
mod refused;
mod runs;
mod tasks;
