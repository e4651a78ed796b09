//! `acre` as its users meet it: command lines, output, exit codes.

mod help;
mod local;
mod logs;
mod render;
mod runs;
mod support;
