//! `acre` as its users meet it: command lines, output, exit codes.

#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

mod check;
mod help;
mod local;
mod logs;
mod render;
mod runs;
mod support;
