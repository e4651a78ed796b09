//! Variables of a Dockerfile: `$V`, `${V}`, `${V:-x}`, `${V-x}`, `${V:+x}`, `${V+x}` (Dockerfile reference,
//! "Environment replacement"). What is not set is the empty text. What cuts or replaces parts of a value (`${V%.*}`,
//! `${V/a/b}`) is left to the builder, and stays as it is written: so it is no reference.

use super::Variables;

/// Deepest nesting of `${A:-${B:-…}}`.
const DEPTH: usize = 16;
/// Longest expression between braces, and longest text that is made, in bytes; the rest is left out. No reference is
/// longer, and variables that double each other would have no end.
const LONGEST: usize = 4096;

/// `text` with its variables put in.
pub(super) fn expand(text: &str, variables: &Variables) -> String {
    nested(text, variables, 0)
}

fn nested(text: &str, variables: &Variables, depth: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']).filter(|_| out.len() < LONGEST) {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if rest[at..].starts_with('\\') {
            // An escaped character stands for itself.
            let length = tail.chars().next().map_or(0, char::len_utf8);
            out.push_str(&tail[..length]);
            rest = &tail[length..];
        } else if let Some((inner, after)) = braced(tail) {
            if depth < DEPTH {
                out.push_str(&value(inner, variables, depth));
            }
            rest = after;
        } else {
            let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
            match end {
                0 => out.push('$'),
                _ => out.push_str(variables.get(&tail[..end]).map_or("", String::as_str)),
            }
            rest = &tail[end..];
        }
    }
    out.push_str(rest);
    out.truncate(out.floor_char_boundary(LONGEST));
    out
}

/// What is between `{` and its `}`, and what follows.
fn braced(tail: &str) -> Option<(&str, &str)> {
    let inner = tail.strip_prefix('{')?;
    let mut depth = 1_usize;
    for (at, byte) in inner.bytes().enumerate().take(LONGEST) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some((&inner[..at], &inner[at + 1..])),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn value(inner: &str, variables: &Variables, depth: usize) -> String {
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, modifier) = inner.split_at(end);
    let known = variables.get(name);
    let filled = known.filter(|value| !value.is_empty());
    let word = |word: &str| nested(word, variables, depth + 1);
    let (set, rest) = match modifier.strip_prefix(':') {
        Some(rest) => (filled, rest),
        None => (known, modifier),
    };
    match (rest.strip_prefix('-'), rest.strip_prefix('+')) {
        (Some(default), _) => set.cloned().unwrap_or_else(|| word(default)),
        (_, Some(other)) => set.map(|_| word(other)).unwrap_or_default(),
        _ if modifier.is_empty() => known.cloned().unwrap_or_default(),
        _ => format!("${{{inner}}}"),
    }
}

/// The words of an `ARG`, quotes removed.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in() {
        let variables = Variables::from([("A".to_owned(), "a".to_owned()), ("E".to_owned(), String::new())]);
        let table = [
            ("x$A/$B-${A}", "xa/-a"),
            ("${B:-$A}${B-1}${E:-2}${E-3}", "a12"),
            ("${A:+set}${B:+set}${E+set}", "setset"),
            ("${B:-${C:-d}}", "d"),
            (r"\$A \\", r"$A \"),
            ("$ ${A", "$ ${A"),
            ("a:${A%%.*}", "a:${A%%.*}"),
            ("${A#x}${A/a/b}", "${A#x}${A/a/b}"),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
        assert_eq!(words("A=1 B=\"x y\" C='' D"), ["A=1", "B=x y", "C=", "D"]);
    }
}
