//! What happens to the text before it is a template: comments out, version found. Lines are never added or removed.

use crate::diagnostic::At;
use acre_model::text::clip;

/// The versions of the language. Whatever is left out is [`Version::V1_0`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `v1.0.0`, and the previews of it.
    #[default]
    V1_0,
    /// `v1.1.0`, which has aliases.
    V1_1,
}

/// How each version may be written (task language §1), in lower case.
const VERSIONS: [(&str, Version); 6] = [
    ("v1.1.0", Version::V1_1),
    ("v1.0.0", Version::V1_0),
    ("1.0-preview-1", Version::V1_0),
    ("1.1.0", Version::V1_1),
    ("1.0.0", Version::V1_0),
    ("1.0.0-preview", Version::V1_0),
];

/// A version that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not a version of the task language; known are {}", known())]
pub(crate) struct BadVersion {
    pub(crate) at: At,
    shown: String,
}

/// The names of all versions.
pub(crate) fn known() -> String {
    VERSIONS.map(|(name, _)| name).join(", ")
}

impl Version {
    /// The version of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        VERSIONS.iter().find(|(known, _)| *known == lower).map(|(_, version)| *version)
    }
}

/// The text without a byte order mark, with whole-line comments outside block scalars made empty.
pub(crate) fn without_comments(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    // The indentation of the line that a block scalar hangs on, while one is open.
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start_matches([' ', '\t']);
        let (indent, blank) = (line.len() - trimmed.len(), trimmed.trim().is_empty());
        if block.is_some_and(|parent| !blank && indent <= parent) {
            block = None;
        }
        if block.is_none() && trimmed.starts_with('#') {
            out.push_str(if line.ends_with('\n') { "\n" } else { "" });
            continue;
        }
        if block.is_none() && opens_block(trimmed) {
            block = Some(indent + dashes(trimmed));
        }
        out.push_str(line);
    }
    out
}

/// Whether a line ends in the header of a block scalar: `key: |`, `- >-`, `key: |2+ # why`.
fn opens_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let Some((before, header)) = header(line) else { return false };
    let indicators = header[1..].bytes().all(|b| b.is_ascii_digit() || b == b'+' || b == b'-');
    let key = without_properties(before);
    indicators && (key.ends_with(':') || key.ends_with('-'))
}

/// A line up to a value, without the anchor and the tag of that value (`&name`, `!!str`).
fn without_properties(line: &str) -> &str {
    let mut line = line.trim_end();
    while let Some((before, last)) = line.rsplit_once([' ', '\t']) {
        if !last.starts_with(['&', '!']) {
            break;
        }
        line = before.trim_end();
    }
    line
}

/// How far the key of `- - key: |` is in; a bare `- |` hangs on its dash.
fn dashes(line: &str) -> usize {
    let key = line.trim_start_matches(['-', ' ']);
    // Without a key, the header or what belongs to it comes next.
    if key.starts_with(['|', '>', '&', '!']) { 0 } else { line.len() - key.len() }
}

/// The last word of a line that begins with `|` or `>`, and what stands before it.
fn header(line: &str) -> Option<(&str, &str)> {
    let (before, last) = line.rsplit_once([' ', '\t'])?;
    last.starts_with(['|', '>']).then_some((before, last))
}

/// The version named by the first line that begins with `version:`.
pub(crate) fn version(text: &str) -> Result<Version, BadVersion> {
    for (index, line) in text.lines().enumerate() {
        let Some(value) = line.strip_prefix("version:") else { continue };
        let comment = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
        let value = value[..comment].trim();
        let value = value.strip_prefix("!!str ").unwrap_or(value).trim().trim_matches(['"', '\'']);
        if value.is_empty() {
            continue;
        }
        return Version::named(value).ok_or_else(|| BadVersion { at: At::new(index + 1, 10), shown: clip(value) });
    }
    Ok(Version::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_lines_stay() {
        let text = "# a\nsteps: # b\n  # c\n  - cmd: |\n      # kept\n\n      # kept\n  # gone\n  - - a: >-\n       # d\n    # e\n";
        let expected = "\nsteps: # b\n\n  - cmd: |\n      # kept\n\n      # kept\n\n  - - a: >-\n       # d\n\n";
        assert_eq!(without_comments(text), expected);
        for header in ["- cmd: &a |", "- cmd: !!str |", "- cmd: !!str &a >-", "- &a |", "- - k: &a |"] {
            let text = format!("{header}\n        # kept\n");
            assert_eq!(without_comments(&text), text);
        }
        assert_eq!(without_comments("\u{feff}#\r\n#"), "\n");
    }

    #[test]
    fn versions_are_read_from_the_text() {
        let table = [
            ("version: v1.1.0\n", Some(Version::V1_1)),
            ("a: b\nversion: \"V1.0.0\" # x", Some(Version::V1_0)),
            ("version: 1.0-preview-1", Some(Version::V1_0)),
            ("steps: []", Some(Version::V1_0)),
            ("version: v1.1.0\t# x", Some(Version::V1_1)),
            ("version: !!str v1.1.0", Some(Version::V1_1)),
            ("version:\n", Some(Version::V1_0)),
            ("version: 1.10", None),
            ("version: {{.Values.v}}", None),
        ];
        for (text, expected) in table {
            assert_eq!(version(text).ok(), expected, "{text}");
        }
        assert!(version("version: 1.10").unwrap_err().to_string().contains("known are v1.1.0, v1.0.0, 1.0-preview-1"));
    }
}
