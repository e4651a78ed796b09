//! What the end-to-end tests are made of: farms of real binaries on a real engine, and what surrounds them.
//!
//! | module | what |
//! |---|---|
//! | [`farm`] | a farm of a test's own, and what is asked of it |
//! | [`fleet`] | a farm of several agents |
//! | [`shown`] | a run as it is shown: who served it how, and why it waits |
//! | [`etcd`] | a farm whose records are in etcd |
//! | [`collector`] | a collector of spans |
//! | [`program`] | `acre` at work, and what it said in the end |
//! | [`source`] | folders of files to build from |
//! | [`engine`] | what a farm has on the engine; an engine that can be cut off |
//! | [`stand_in`] | engines that stand in for those of machines that are not there |
//! | [`windows`] | a Windows engine that is simulated |
//! | [`registry`] | the test registry, and registries that refuse |
//! | [`watched`] | a registry that remembers what was asked of it |
//! | [`git`] | repositories and a server for them |
//! | [`hooks`] | those who tell a farm what happens: a host of sources, a registry |
//! | [`network`] | farms on the network: agents and people that join |
//! | [`foreign`] | programs for other systems, and what runs them here |
//! | [`files`] | files over HTTP |
//! | [`prometheus`] | Prometheus, and pages for it |
//! | [`wait`] | waiting, the one way it is done here |
//!
//! Everything here panics where a test cannot go on, with what was expected and what was there instead.

pub mod collector;
mod ending;
pub mod engine;
pub mod etcd;
pub mod farm;
pub mod files;
pub mod fleet;
pub mod foreign;
pub mod git;
pub mod hooks;
pub mod network;
pub mod program;
pub mod prometheus;
mod proxy;
pub mod registry;
pub mod shown;
pub mod source;
pub mod stand_in;
pub mod wait;
pub mod watched;
pub mod windows;
