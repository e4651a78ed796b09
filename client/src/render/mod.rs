//! What people and programs see: everything here is made from values alone, and written by someone else.

pub mod agents;
pub mod applied;
pub mod artifacts;
pub mod escape;
pub mod graph;
pub mod lines;
pub mod live;
pub mod notify;
pub mod plain;
pub mod project;
pub mod report;
pub mod run;
pub mod stored_task;
pub mod table;
pub mod text;
pub mod view;
pub mod webhook;

use serde::Serialize;

/// A value for programs: JSON or YAML with the field names of the model.
pub fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_else(|why| format!("{{\"error\": \"{why}\"}}"));
    text.push('\n');
    text
}

/// The same as YAML.
pub fn yaml(value: &impl Serialize) -> String {
    let mut text = serde_yaml::to_string(value).unwrap_or_else(|why| format!("error: {why}"));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
