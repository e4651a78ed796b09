//! Manifests that the agent reads, verifies and puts itself, for the indexes that it makes of them. Images go by the engine.

pub(crate) mod answers;
pub(crate) mod index;
mod manifests;

pub(crate) use manifests::{Manifest, Manifests, Removed};
