//! Whom a project notifies, for people.

use super::table::{ago, table};
use acre_model::{notification::NotificationView, text::clip, time::Timestamp};

/// The table of `acre project notify list`.
pub fn list(known: &[NotificationView], now: Timestamp) -> String {
    let row = |view: &NotificationView| {
        let words = |words: Vec<String>| words.join(", ");
        let tasks = words(view.tasks.iter().map(ToString::to_string).collect());
        [
            view.name.to_string(),
            view.kind.to_string(),
            clip(&view.receiver),
            words(view.on.iter().map(ToString::to_string).collect()),
            if tasks.is_empty() { "all".to_owned() } else { clip(&tasks) },
            ago(now.millis_since(view.set_at)),
        ]
    };
    table(["NAME", "KIND", "RECEIVER", "ON", "TASKS", "SET"], known.iter().map(row))
}

/// What `acre project notify test` says.
pub fn tested(name: &str, taken: bool, answer: &str) -> String {
    let word = if taken { "was told" } else { "was not told" };
    format!("{name} {word}: {}\n", clip(answer))
}
