//! Texts for others: one line, clipped, without anything that could steer who shows it.

/// `text` in one line of at most `limit` characters.
pub(super) fn line(text: &str, limit: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(limit) {
        None => joined,
        Some(_) => joined.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
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
