//! Functions on the words of a text: case, wrapping, abbreviation.

use super::{Outcome, Row, arg, count, fits, int, string, text};
use data_encoding::BASE32;
use gotmpl::Value;
use std::{collections::BTreeMap, sync::Arc};

pub(super) const TABLE: &[Row] = &[
    ("untitle", 1..=1, |a| string(recased(&arg(a, 0), |c| c.to_lowercase().collect()))),
    ("swapcase", 1..=1, |a| string(swapped(&arg(a, 0)))),
    ("initials", 1..=1, |a| {
        string(arg(a, 0).split_whitespace().filter_map(|word| word.chars().next()).collect::<String>())
    }),
    ("snakecase", 1..=1, |a| string(parts(&arg(a, 0)).join("_"))),
    ("kebabcase", 1..=1, |a| string(parts(&arg(a, 0)).join("-"))),
    ("camelcase", 1..=1, |a| string(parts(&arg(a, 0)).iter().map(|part| capital(part)).collect::<String>())),
    ("wrap", 2..=2, |a| wrap(count(a, 0)?, "\n", &arg(a, 1))),
    ("wrapWith", 3..=3, |a| wrap(count(a, 0)?, &arg(a, 1), &arg(a, 2))),
    ("abbrev", 2..=2, |a| string(abbreviated(0, count(a, 0)?, &arg(a, 1)))),
    ("abbrevboth", 3..=3, |a| string(abbreviated(count(a, 0)?, count(a, 1)?, &arg(a, 2)))),
    ("plural", 3..=3, |a| string(if int(a, 2)? == 1 { arg(a, 0) } else { arg(a, 1) })),
    ("b32enc", 1..=1, |a| string(BASE32.encode(arg(a, 0).as_bytes()))),
    ("b32dec", 1..=1, |a| {
        let bytes = BASE32.decode(arg(a, 0).trim().as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        bytes.map(Value::from).ok_or_else(|| super::fail("`b32dec` was given no base32 of a text".to_owned()))
    }),
    ("toStrings", 1..=1, |a| match &a[0] {
        Value::List(items) => Ok(Value::List(items.iter().map(|item| Value::from(text(item))).collect())),
        other => Ok(Value::List(Arc::from([Value::from(text(other))]))),
    }),
    ("splitn", 3..=3, |a| {
        let (separator, whole) = (arg(a, 0), arg(a, 2));
        let parts = whole.splitn(count(a, 1)?.max(1), separator.as_str()).enumerate();
        let entries: BTreeMap<Arc<str>, Value> =
            parts.map(|(index, part)| (format!("_{index}").into(), Value::from(part))).collect();
        Ok(Value::Map(Arc::new(entries)))
    }),
];

/// The text with the first letter of every word changed.
pub(super) fn recased(text: &str, change: fn(char) -> String) -> String {
    let mut begins = true;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if begins {
            out.push_str(&change(character));
        } else {
            out.push(character);
        }
        begins = character.is_whitespace();
    }
    out
}

fn swapped(text: &str) -> String {
    let swap =
        |c: char| -> String { if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() } };
    text.chars().map(swap).collect()
}

fn capital(part: &str) -> String {
    let mut characters = part.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The parts of `HTTPServer_name here`, in lower case: `http`, `server`, `name`, `here`.
fn parts(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut parts: Vec<String> = Vec::new();
    let mut fresh = true;
    for (index, character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            fresh = true;
            continue;
        }
        let before = index.checked_sub(1).map(|before| characters[before]);
        let after = characters.get(index + 1);
        let rises = before.is_some_and(char::is_lowercase) || before.is_some_and(|c| c.is_ascii_digit());
        let ends = before.is_some_and(char::is_uppercase) && after.is_some_and(|c| c.is_lowercase());
        if fresh || character.is_uppercase() && (rises || ends) {
            parts.push(String::new());
        }
        fresh = false;
        parts.last_mut().into_iter().for_each(|part| part.extend(character.to_lowercase()));
    }
    parts
}

/// The text wrapped, unless its breaks make too much of it.
fn wrap(width: usize, line_break: &str, text: &str) -> Outcome {
    let breaks = text.matches(' ').count();
    fits(line_break.len().saturating_mul(breaks).saturating_add(text.len()))?;
    string(wrapped(width, line_break, text))
}

/// Lines of at most `width` characters, broken between words; a longer word stands alone.
fn wrapped(width: usize, line_break: &str, text: &str) -> String {
    let (mut out, mut used) = (String::with_capacity(text.len()), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        match used {
            0 => used = length,
            _ if used + 1 + length > width => {
                out.push_str(line_break);
                used = length;
            }
            _ => {
                out.push(' ');
                used += 1 + length;
            }
        }
        out.push_str(word);
    }
    out
}

/// The text from `left` on, in at most `width` characters, with `...` for what is left out.
fn abbreviated(left: usize, width: usize, text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if width < 4 || characters.len() <= width || left > 0 && width < 7 {
        return text.to_owned();
    }
    if left <= 4 {
        return characters[..width - 3].iter().collect::<String>() + "...";
    }
    let left = left.min(characters.len());
    if characters.len() - left <= width - 3 {
        return format!("...{}", characters[characters.len() - (width - 3)..].iter().collect::<String>());
    }
    format!("...{}...", characters[left..left + width - 6].iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let table = [
            ("FirstName", "first-name"),
            ("http_server", "http-server"),
            ("HTTPServer2Go x", "http-server2-go-x"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(parts(text).join("-"), expected, "{text}");
        }
        assert_eq!(abbreviated(0, 5, "hello world"), "he...");
        assert_eq!(abbreviated(5, 10, "1234 5678 9123"), "...5678...");
        assert_eq!(wrapped(5, "|", "aa bb cc dddddd e"), "aa bb|cc|dddddd|e");
    }
}
