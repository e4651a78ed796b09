//! Foreign sentences in what people see: harmless, and not endless.

/// Characters of a sentence that are shown.
const LONGEST: usize = 400;
/// Lines of a text that are shown.
const MOST: usize = 20;

/// One line without control characters, cut after 400 characters.
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars().filter(|c| !c.is_control());
    let shown: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() { shown + "…" } else { shown }
}

/// The first 20 lines, each harmless and cut; later ones are indented.
pub fn sentences(text: &str) -> String {
    let lines: Vec<String> = text.lines().take(MOST).map(sentence).collect();
    lines.join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_harmless_and_short() {
        let cut = "x".repeat(LONGEST);
        let table = [
            ("a b", "a b"),
            ("a\u{1b}[2Jb\u{9b}c\u{7}", "a[2Jbc"),
            (&cut, &cut),
            (&format!("{cut}y"), &format!("{cut}…")),
        ];
        for (text, expected) in table {
            assert_eq!(sentence(text), expected, "{text:?}");
        }
        assert_eq!(sentences("a\nb\n"), "a\n  b");
        assert_eq!(sentences(&"x\n".repeat(100)).lines().count(), MOST);
    }
}
