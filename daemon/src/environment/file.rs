//! A file of variables, as `EnvironmentFile=` of systemd.exec(5) reads it, but that a line is not continued on the next.

use std::{fs, path::Path};

/// A line of it.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    /// From 1.
    pub(super) line: usize,
}

/// Its variables; an error says what is wrong, and where.
pub(super) fn read(path: &Path) -> Result<Vec<Variable>, String> {
    let text = fs::read_to_string(path).map_err(|why| format!("--config {}: {why}", path.display()))?;
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let meant = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';']));
    meant
        .map(|(line, text)| {
            variable(text, line).ok_or_else(|| format!("{}: line {line}: write NAME=VALUE", path.display()))
        })
        .collect()
}

fn variable(text: &str, line: usize) -> Option<Variable> {
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| Variable { name: name.to_owned(), value: unquoted(value.trim()).to_owned(), line })
}

/// Without the quotes around all of it.
fn unquoted(value: &str) -> &str {
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}
