//! What became of tasks that files say, and what changed of them, field by field.

use super::text::sentence;
use acre_model::{ids::TaskName, stored_task::StoredTask, text::clip};
use acre_task::document::{Value, fields};
use serde::Serialize;

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Applied {
    /// The task.
    pub task: TaskName,
    /// What became of it.
    pub outcome: Outcome,
    /// What is different now, in the order of a file's keys.
    pub changes: Vec<Change>,
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was none of this name.
    Created,
    /// It was another.
    Changed,
    /// It is as it was.
    Unchanged,
}

/// A key that is different now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// The key; `secrets` stands for values, which are not shown.
    pub field: String,
    /// What stood there; `None`: nothing.
    pub before: Option<Value>,
    /// What stands there now; `None`: nothing.
    pub after: Option<Value>,
}

/// What differs between a task (`None`: there was none) and what it has become.
pub fn changes(before: Option<&StoredTask>, after: &StoredTask) -> Vec<Change> {
    let (old, new) = (before.map(fields).unwrap_or_default(), fields(after));
    let find = |all: &[(&'static str, Value)], key: &str| {
        all.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone())
    };
    let gone = old.iter().map(|(key, _)| *key).filter(|key| find(&new, key).is_none());
    let keys = new.iter().map(|(key, _)| *key).chain(gone).filter(|key| *key != "name");
    let change = |key: &str| Change { field: key.to_owned(), before: find(&old, key), after: find(&new, key) };
    let mut changes: Vec<Change> = keys.map(change).filter(|change| change.before != change.after).collect();
    if changes.is_empty() && before.is_some() {
        // All that is left to differ is what nobody is shown.
        changes.push(Change { field: "secrets".to_owned(), before: None, after: Some("other values".into()) });
    }
    changes
}

/// A line for each task, and with `dry_run` what would change of it.
pub fn text(all: &[Applied], dry_run: bool) -> String {
    let mut text = String::new();
    for Applied { task, outcome, changes } in all {
        let outcome = match outcome {
            Outcome::Created => "created",
            Outcome::Changed => "changed",
            Outcome::Unchanged => "unchanged",
        };
        text.push_str(&format!("task {task} {outcome}\n"));
        changes.iter().filter(|_| dry_run).for_each(|change| text.push_str(&line(change)));
    }
    if dry_run {
        text.push_str("Nothing was stored: this is a dry run.\n");
    }
    text
}

fn line(Change { field, before, after }: &Change) -> String {
    let shown = |value: &Value| match value {
        Value::Text(text) if text.is_empty() => "\"\"".to_owned(),
        value => sentence(&value.to_string()),
    };
    match (before, after) {
        (None, Some(after)) => format!("  + {}: {}\n", clip(field), shown(after)),
        (Some(before), None) => format!("  - {}: {}\n", clip(field), shown(before)),
        (Some(before), Some(after)) => format!("  ~ {}: {} -> {}\n", clip(field), shown(before), shown(after)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Make = fn(&mut StoredTask);

    #[test]
    fn only_what_differs_is_told() {
        let before = StoredTask::new("web".parse().unwrap());
        let change = |change: Make| {
            let mut after = before.clone();
            change(&mut after);
            let changes = changes(Some(&before), &after);
            text(&[Applied { task: after.name, outcome: Outcome::Changed, changes }], true)
        };
        let table: [(Make, &str); 4] = [
            (|task| task.timeout_ms = 90_000, "  + timeout: 1m30s\n"),
            (|task| task.registry = Some(String::new()), "  + registry: \"\"\n"),
            (|task| task.sets = vec![("a".to_owned(), "1\u{1b}[2J".to_owned())], "  + set: a=1[2J\n"),
            (|_| {}, "  + secrets: other values\n"),
        ];
        for (make, expected) in table {
            let told = change(make);
            assert!(told.starts_with("task web changed\n") && told.contains(expected), "{expected}: {told}");
        }
        let mut back = before.clone();
        back.timeout_ms = 1000;
        let all = changes(Some(&back), &before);
        assert_eq!(all.iter().map(line).collect::<String>(), "  - timeout: 1s\n");
    }
}
