//! A scheduler as its clients and agents meet it: over the wire, with a store that the tests look into.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod confidential;
mod farm;
mod notifications;
mod projects;
mod report;
