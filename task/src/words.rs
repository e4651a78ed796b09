//! Splitting a text into words as a POSIX shell does (Shell Command Language, 2.2 Quoting and 2.3 Token Recognition),
//! without being a shell: what only a shell could do is an error, since no shell ever reads a step's text.

use crate::tokens;
use acre_model::secret::Nonce;

/// Why a text has no words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    /// A quote that is not closed.
    #[error("the quote {0} that begins here is not closed")]
    Quote(char, usize),
    /// A backslash at the very end.
    #[error("the text ends in a backslash")]
    Backslash(usize),
    /// Something that only a shell understands.
    #[error("`{0}` is for a shell, and no shell reads this text")]
    Operator(&'static str, usize),
    /// A character that no program can be given.
    #[error("the text holds a NUL character")]
    Nul(usize),
}

impl BadWords {
    /// The byte of the text where it is.
    pub const fn offset(&self) -> usize {
        match self {
            Self::Quote(_, at) | Self::Backslash(at) | Self::Operator(_, at) | Self::Nul(at) => *at,
        }
    }
}

/// What a shell would make something of; longer ones first.
const OPERATORS: [&str; 7] = ["&&", "||", "$(", "|", ">", "<", ";"];

/// The words of `text`. A newline separates words like a blank, `\` before a newline is nothing, `#` at the beginning
/// of a word starts a comment.
pub fn split(text: &str) -> Result<Vec<String>, BadWords> {
    split_tokens(text, |token| token)
}

/// The words of a text in which tokens of secrets stand. A token is a word's part as it is; quotes that a filter puts
/// around its secret are those of the text, and go as those do.
pub(crate) fn split_with_secrets(text: &str, nonce: &Nonce) -> Result<Vec<String>, BadWords> {
    split_tokens(text, |token| tokens::unquoted(&token, nonce).unwrap_or(token))
}

fn split_tokens(text: &str, open: impl Fn(String) -> String) -> Result<Vec<String>, BadWords> {
    if let Some(at) = text.find('\0') {
        return Err(BadWords::Nul(at));
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '#' if word.is_none() => while rest.next_if(|(_, c)| *c != '\n').is_some() {},
            '\'' => single_quoted(&mut rest, at, word.get_or_insert_default())?,
            // A secret's token, or what only looks like one: not for the shell to read.
            tokens::BEGIN => {
                let mut token = String::from(character);
                while let Some((_, inside)) = rest.next_if(|(_, c)| !c.is_whitespace()) {
                    token.push(inside);
                    if inside == tokens::END {
                        break;
                    }
                }
                word.get_or_insert_default().push_str(&open(token));
            }
            '"' => double_quoted(&mut rest, at, word.get_or_insert_default())?,
            '\\' => match rest.next() {
                None => return Err(BadWords::Backslash(at)),
                Some((_, '\n')) => {}
                Some((_, escaped)) => word.get_or_insert_default().push(escaped),
            },
            _ => match operator(&text[at..], word.is_none()) {
                Some(operator) => return Err(BadWords::Operator(operator, at)),
                None => word.get_or_insert_default().push(character),
            },
        }
    }
    words.extend(word);
    Ok(words)
}

/// The operator that `rest` begins with. A single `&` is one only as a word of its own: URLs are full of it.
fn operator(rest: &str, word_begins: bool) -> Option<&'static str> {
    let alone = || word_begins && rest[1..].chars().next().is_none_or(char::is_whitespace);
    match OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
        Some(operator) => Some(operator),
        None if rest.starts_with('`') => Some("`"),
        None if rest.starts_with('&') && alone() => Some("&"),
        None => None,
    }
}

type Characters<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn single_quoted(rest: &mut Characters<'_>, start: usize, word: &mut String) -> Result<(), BadWords> {
    for (_, character) in rest.by_ref() {
        match character {
            '\'' => return Ok(()),
            other => word.push(other),
        }
    }
    Err(BadWords::Quote('\'', start))
}

fn double_quoted(rest: &mut Characters<'_>, start: usize, word: &mut String) -> Result<(), BadWords> {
    while let Some((_, character)) = rest.next() {
        match character {
            '"' => return Ok(()),
            '\\' => match rest.next_if(|(_, c)| matches!(c, '"' | '\\' | '$' | '`' | '\n')) {
                Some((_, '\n')) => {}
                Some((_, escaped)) => word.push(escaped),
                None => word.push('\\'),
            },
            other => word.push(other),
        }
    }
    Err(BadWords::Quote('"', start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let table: [(&str, &[&str]); 12] = [
            ("", &[]),
            ("  a  b\tc\n d ", &["a", "b", "c", "d"]),
            ("a'b c'd", &["ab cd"]),
            ("'' \"\"", &["", ""]),
            (r#""a \"b\" \n $(x) `y` | z""#, &[r#"a "b" \n $(x) `y` | z"#]),
            (r"a\ b \| \$\(", &["a b", "|", "$("]),
            ("a \\\n  b", &["a", "b"]),
            ("a\\\nb", &["ab"]),
            ("bash -c 'for i in 1 2; do echo $i > x; done'", &["bash", "-c", "for i in 1 2; do echo $i > x; done"]),
            ("a b # c 'd\ne#f", &["a", "b", "e#f"]),
            ("curl http://h/?a=1&b=$HOME", &["curl", "http://h/?a=1&b=$HOME"]),
            ("ü 'ß'", &["ü", "ß"]),
        ];
        for (text, expected) in table {
            let words = split(text);
            assert_eq!(
                words.as_deref(),
                Ok(&expected.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn quotes_around_a_secret_go_as_others_do() {
        use acre_model::secret::{Filter, Token};
        let nonce = Nonce::new(7);
        let token = |filters: &[Filter]| Token { id: "a".parse().unwrap(), filters: filters.to_vec() }.write(&nonce);
        let (plain, quoted) = (token(&[]), token(&[Filter::Quote]));
        let table = [
            (quoted.clone(), plain.clone()),
            (format!("-p={quoted}"), format!("-p={plain}")),
            (format!("K={quoted}x"), format!("K={plain}x")),
            (format!("'-p={quoted}'"), format!("-p={quoted}")),
        ];
        for (text, expected) in table {
            assert_eq!(split_with_secrets(&text, &nonce), Ok(vec![expected]), "{text}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_refused_with_its_place() {
        let table = [
            ("a | b", BadWords::Operator("|", 2)),
            ("a || b", BadWords::Operator("||", 2)),
            ("a&&b", BadWords::Operator("&&", 1)),
            ("a &", BadWords::Operator("&", 2)),
            ("a; b", BadWords::Operator(";", 1)),
            ("a > f", BadWords::Operator(">", 2)),
            ("a <f", BadWords::Operator("<", 2)),
            ("ü $(b)", BadWords::Operator("$(", 3)),
            ("a `b`", BadWords::Operator("`", 2)),
            ("a 'b", BadWords::Quote('\'', 2)),
            ("a \"b\\\"", BadWords::Quote('"', 2)),
            ("a\\", BadWords::Backslash(1)),
            ("a\0", BadWords::Nul(1)),
            ("a \\\0", BadWords::Nul(3)),
        ];
        for (text, expected) in table {
            assert_eq!(split(text), Err(expected), "{text}");
        }
    }
}
