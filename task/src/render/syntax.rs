//! Reading a template, and saying where it is not one.

use crate::diagnostic::{At, Class, Diagnostic, Listing};
use gotmpl::{
    TemplateError,
    parse::{DefineNode, ListNode, Node, Parser},
};

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

/// Refuses what the engine's parser must not be given.
pub(super) fn check(text: &str, listing: &Listing) -> Result<(), Diagnostic> {
    let opens = |before: &str| before.trim_end().trim_end_matches('-').ends_with("{{");
    let continues = |after: &str| after.starts_with(char::is_whitespace) && !after.trim_start().starts_with(['}', '-']);
    let mut branches =
        text.match_indices("else").filter(|(at, word)| opens(&text[..*at]) && continues(&text[at + word.len()..]));
    match branches.nth(BRANCHES) {
        None => Ok(()),
        Some((at, _)) => {
            let message = format!("the template has more than {BRANCHES} `else if`");
            Err(listing.error(place(text, at), message).class(Class::TooLarge))
        }
    }
}

/// The parts of `text`.
pub(super) fn parse(text: &str, listing: &Listing) -> Result<Parsed, Diagnostic> {
    let whole = format!("{text}{SENTINEL}");
    let parsed = Parser::with_name(None, &whole, "{{", "}}").and_then(Parser::parse);
    let (mut tree, defines) = parsed.map_err(|error| fault(text, listing, &error))?;
    let rest = match tree.nodes.last_mut() {
        Some(Node::Text(last)) => {
            last.text.strip_suffix(SENTINEL).map(std::sync::Arc::from).map(|text| last.text = text)
        }
        _ => None,
    };
    if rest.is_none() {
        let at = stray(text).unwrap_or(At::FILE);
        return Err(listing
            .error(at, "not a valid template: this ends what was not begun")
            .help("take it out, or begin it with `if`, `range` or `with`"));
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
            error.help("`{{` opens an action of Go's text/template; for the two characters themselves write {{\"{{\"}}")
        }
        other => listing.error(At::FILE, format!("not a valid template: {other}")),
    }
}

/// The place of a byte. Counts from the beginning of its line, so it is for messages only.
pub(crate) fn place(text: &str, offset: usize) -> At {
    let before = text.get(..offset).unwrap_or(text);
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    At::new(before.matches('\n').count() + 1, before[begin..].chars().count() + 1)
}

/// The first action that ends or turns more than was begun, by its first word: good enough to point at it.
fn stray(text: &str) -> Option<At> {
    let mut depth = 0_usize;
    for (offset, _) in text.match_indices("{{") {
        let action = text[offset + 2..].trim_start_matches('-').trim_start();
        let word = action.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match word {
            "if" | "range" | "with" | "define" | "block" => depth += 1,
            "end" | "else" if depth == 0 => return Some(place(text, offset)),
            "end" => depth -= 1,
            _ => {}
        }
    }
    None
}
