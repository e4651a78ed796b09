//! The agent of an acre farm: takes attempts from a scheduler and carries them out on one engine.

pub mod engine;
