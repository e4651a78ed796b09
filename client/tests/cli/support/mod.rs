//! A farm that plays a scenario, and the real `acre` before it.

#![allow(missing_docs, unreachable_pub, reason = "tests are nobody's library")]

pub mod acre;
pub mod farm;
pub mod views;
