//! What the end-to-end tests are made of: farms of real binaries on a real engine, and what surrounds them.
//!
//! | module | what |
//! |---|---|
//! | [`farm`] | a farm of a test's own, and what is asked of it |
//! | [`etcd`] | a farm whose records are in etcd |
//! | [`program`] | `acre` at work, and what it said in the end |
//! | [`source`] | folders of files to build from |
//! | [`engine`] | what a farm has on the engine; an engine that can be cut off |
//! | [`registry`] | the test registry, and registries that refuse |
//! | [`git`] | repositories and a server for them |
//! | [`network`] | farms on the network: agents and people that join |
//! | [`files`] | files over HTTP |
//! | [`wait`] | waiting, the one way it is done here |
//!
//! Everything here panics where a test cannot go on, with what was expected and what was there instead.

pub mod engine;
pub mod etcd;
pub mod farm;
pub mod files;
pub mod git;
pub mod network;
pub mod program;
pub mod registry;
pub mod source;
pub mod wait;
