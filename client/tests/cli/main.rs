//! `acre` as its users meet it: command lines, output, exit codes.

#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

mod artifacts;
mod az;
mod check;
mod confidential;
mod help;
mod local;
mod logs;
mod notify;
mod project;
mod render;
mod runs;
mod sources;
mod support;
