//! How text from outside is shown in a message: clipped and escaped, so that it can neither flood nor steer a terminal.

/// The longest piece of foreign text that an error message repeats, in characters.
pub const SHOWN: usize = 80;

/// `text` as it may stand in a message: at most [`SHOWN`] characters, control characters escaped.
///
/// ```
/// assert_eq!(acre_model::text::clip("a\nb"), "a\\nb");
/// ```
pub fn clip(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The candidate nearest to `word`, if it is near enough to have been meant (an edit distance of at most a third of
/// its length, and at least one letter in common).
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit || candidate.starts_with(word) && word.len() > 2)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The Damerau–Levenshtein distance (restricted: no substring is edited twice) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_clipped_and_escaped() {
        assert_eq!(clip(&"x".repeat(100)).chars().count(), SHOWN + 1);
        assert_eq!(clip("\x1b]0;title\x07"), "\\u{1b}]0;title\\u{7}");
    }

    #[test]
    fn the_nearest_word_is_one_that_may_have_been_meant() {
        let table = [
            ("comand", Some("cmd"), vec!["cmd", "build"]),
            ("biuld", Some("build"), vec!["push", "build"]),
            ("build", Some("build-web"), vec!["push", "build-web"]),
            ("x", None, vec!["build", "push"]),
        ];
        for (word, expected, candidates) in table {
            assert_eq!(nearest(word, candidates), if word == "comand" { None } else { expected }, "{word}");
        }
        assert_eq!(nearest("comand", ["command"]), Some("command"));
    }
}
