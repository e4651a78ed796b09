//! Reading a template, and saying where it is not one.

use crate::diagnostic::{At, Class, Diagnostic, Listing};
use gotmpl::{
    TemplateError,
    parse::{DefineNode, ListNode, Node, Parser},
};
use std::ops::Range;

/// A parsed template.
#[derive(Clone)]
pub(super) struct Parsed {
    pub(super) tree: ListNode,
    /// Of two definitions of a name, one of which is empty, the other holds: empty ones come first.
    pub(super) defines: Vec<DefineNode>,
}

/// Put behind the text before it is parsed: the engine's parser ends in silence at an `{{end}}` without a beginning,
/// and would drop what follows.
const SENTINEL: &str = "\u{0}end";

/// Most `else if` and `else with` of one template: gotmpl 0.6.1 reads each by a call within the last without counting
/// (it does count other nesting), and some hundreds of them exhaust a stack of 2 MiB.
const BRANCHES: usize = 64;

/// Most actions of one template: each costs some 3 KiB while it is parsed, guarded and executed.
const ACTIONS: usize = 20_000;
/// Most bytes of all actions together: each may be a token, which costs 80 bytes, and a part of the tree.
const ACTION_BYTES: usize = 512 << 10;

/// Refuses what the engine's parser must not be given.
pub(super) fn check(text: &str, listing: &Listing) -> Result<(), Diagnostic> {
    let too_large = |at, message: String| Err(listing.error(place(text, at), message).class(Class::TooLarge));
    let mut bytes = 0;
    for (count, action) in actions(text).enumerate() {
        bytes += action.len();
        if count == ACTIONS {
            return too_large(action.start, format!("the template has more than {ACTIONS} actions"));
        }
        if bytes > ACTION_BYTES {
            return too_large(
                action.start,
                format!("the template has more than {} KiB of actions", ACTION_BYTES >> 10),
            );
        }
    }
    let opens = |before: &str| before.trim_end().trim_end_matches('-').ends_with("{{");
    let continues = |after: &str| after.starts_with(char::is_whitespace) && !after.trim_start().starts_with(['}', '-']);
    let mut branches =
        text.match_indices("else").filter(|(at, word)| opens(&text[..*at]) && continues(&text[at + word.len()..]));
    match branches.nth(BRANCHES) {
        None => Ok(()),
        Some((at, _)) => too_large(at, format!("the template has more than {BRANCHES} `else if`")),
    }
}

/// Where the actions of `text` are, with their braces; one that does not end reaches to the end of the text.
fn actions(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find("{{")?;
        from = start + 2 + inside(&text[start + 2..]);
        Some(start..from)
    })
}

/// Bytes of an action after its opening braces, the closing ones included: those in a text or a comment do not close.
fn inside(text: &str) -> usize {
    let body = text.strip_prefix('-').unwrap_or(text).trim_start();
    let comment = body.starts_with("/*").then(|| text.find("*/")).flatten().unwrap_or_default();
    let bytes = text.as_bytes();
    let (mut at, mut quote) = (comment, None);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match (quote, byte) {
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (Some(open), close) if open == *close => quote = None,
            (None, b'"' | b'\'' | b'`') => quote = Some(*byte),
            (None, b'}') if bytes.get(at) == Some(&b'}') => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The parts of `text`.
pub(super) fn parse(text: &str, listing: &Listing) -> Result<Parsed, Diagnostic> {
    let parsed = |text: &str| Parser::with_name(None, text, "{{", "}}").and_then(Parser::parse);
    let (mut tree, defines) = parsed(&format!("{text}{SENTINEL}")).map_err(|error| {
        // What is said must not be of the sentinel.
        fault(text, listing, &parsed(text).err().unwrap_or(error))
    })?;
    let rest = match tree.nodes.last_mut() {
        Some(Node::Text(last)) => {
            last.text.strip_suffix(SENTINEL).map(std::sync::Arc::from).map(|text| last.text = text)
        }
        _ => None,
    };
    if rest.is_none() {
        return Err(unbalanced(text, listing));
    }
    let (empty, full): (Vec<_>, Vec<_>) = defines.into_iter().partition(|define| define.body.is_empty_tree());
    Ok(Parsed { tree, defines: empty.into_iter().chain(full).collect() })
}

/// A fault of the syntax.
pub(super) fn fault(text: &str, listing: &Listing, error: &TemplateError) -> Diagnostic {
    match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            let at = match text.rfind("{{") {
                // Which the parser sees at the end of the text only.
                Some(opening) if message.contains("unclosed") => place(text, opening),
                _ => At::new(*line, *col),
            };
            let error = listing.error(at, format!("not a valid template: {message}"));
            if let Some(help) = secret_help(text, at) {
                return error.help(help);
            }
            error.help("`{{` opens an action of Go's text/template; for the two characters themselves write {{\"{{\"}}")
        }
        other => listing.error(At::FILE, format!("not a valid template: {other}")),
    }
}

/// What to write where the id of a secret is no word of a template: `.Secrets.a-b`.
fn secret_help(text: &str, at: At) -> Option<String> {
    let line = text.lines().nth((at.line as usize).checked_sub(1)?)?;
    let begin = line.find(".Secrets.")?;
    let id =
        line[begin + ".Secrets.".len()..].split(|c: char| !c.is_ascii_alphanumeric() && !"_.-".contains(c)).next()?;
    id.contains(['-', '.']).then(|| format!("write `index .Secrets \"{}\"`", acre_model::text::clip(id)))
}

/// The place of a byte. Counts from the beginning of its line, so it is for messages only.
pub(crate) fn place(text: &str, offset: usize) -> At {
    let before = text.get(..offset).unwrap_or(text);
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    At::new(before.matches('\n').count() + 1, before[begin..].chars().count() + 1)
}

/// What is wrong with a template whose `end`s are not as many as what they end, by the first words of its actions:
/// good enough to point at it.
fn unbalanced(text: &str, listing: &Listing) -> Diagnostic {
    let mut open: Vec<(usize, &str)> = Vec::new();
    for action in actions(text) {
        let offset = action.start;
        let word = text[offset + 2..].trim_start_matches('-').trim_start();
        let word = word.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match word {
            "if" | "range" | "with" | "define" | "block" => open.push((offset, word)),
            "end" | "else" if open.is_empty() => return stray(place(text, offset), listing),
            "end" => drop(open.pop()),
            _ => {}
        }
    }
    match open.last() {
        Some((offset, word)) => {
            let error =
                listing.error(place(text, *offset), format!("not a valid template: this `{word}` is not ended"));
            error.help("write {{ end }} where it ends")
        }
        None => stray(At::FILE, listing),
    }
}

fn stray(at: At, listing: &Listing) -> Diagnostic {
    let error = listing.error(at, "not a valid template: this ends what was not begun");
    error.help("take it out, or begin it with `if`, `range` or `with`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_end_where_their_braces_close() {
        let table: [(&str, &[&str]); 7] = [
            ("a {{ b }} c {{d}}", &["{{ b }}", "{{d}}"]),
            ("{{ \"}}\" }} {{ `}}` }}", &["{{ \"}}\" }}", "{{ `}}` }}"]),
            (r#"{{ "\"}}" }}x"#, &[r#"{{ "\"}}" }}"#]),
            ("{{- /* }} \" */ -}}x{{ a }}", &["{{- /* }} \" */ -}}", "{{ a }}"]),
            ("{{ '}' }}é", &["{{ '}' }}"]),
            ("x {{ a", &["{{ a"]),
            ("{{ `é", &["{{ `é"]),
        ];
        for (text, expected) in table {
            let found: Vec<&str> = actions(text).map(|action| &text[action]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
