//! Texts for others: one line, clipped, without anything that could steer who shows it.

use super::{News, Tiding};
use acre_model::{duration, run::RunStatus};

/// `text` in one line of at most `limit` characters.
pub(super) fn line(text: &str, limit: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(limit) {
        None => joined,
        Some(_) => joined.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// What has become of a run, in one line.
pub(super) fn sentence(tiding: &Tiding) -> String {
    let run = &tiding.run;
    let end = match &tiding.news {
        News::Accepted => return format!("Queued as run {run}"),
        News::Started => return format!("Running as run {run}"),
        News::Ended(end) => end,
    };
    let elapsed = duration::show(end.elapsed_ms(tiding.submitted_at));
    let why = end.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    match end.status {
        RunStatus::Failed => format!("Failed after {elapsed}{why}"),
        RunStatus::Timeout => format!("Timed out after {elapsed}{why}"),
        RunStatus::Error => format!("The farm failed after {elapsed}{why}"),
        RunStatus::Canceled => format!("Canceled after {elapsed}{why}"),
        RunStatus::Succeeded | RunStatus::Queued | RunStatus::Started | RunStatus::Running => {
            let tests = end.tests.map(|tests| format!(", {} tests passed", tests.passed)).unwrap_or_default();
            format!("Succeeded in {elapsed}{tests}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_line() {
        let table = [
            ("a  b\n\tc", 10, "a b c"),
            ("a\r\nBcc: x@y.example", 40, "a Bcc: x@y.example"),
            ("a\x1b[31mb\0c", 10, "a [31mb c"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("äöüßäöü", 6, "äöüßä…"),
            ("", 5, ""),
        ];
        for (text, limit, expected) in table {
            assert_eq!(line(text, limit), expected, "{text:?}");
        }
    }
}
