//! The whole text as a Go template (task language §5), rendered within limits, with the line of the file that every
//! rendered line came from.

mod data;
mod functions;
mod guard;
mod output;

pub(crate) use data::{Data, Values};

use crate::diagnostic::{At, Class, Diagnostic, Listing};
use acre_model::time::Timestamp;
use gotmpl::{MissingKey, Template, TemplateError, Value, parse::Parser};
use guard::{Guard, State};
use output::Output;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most bytes that rendering may make, and that one value may have on the way.
pub(crate) const OUTPUT: usize = 1 << 20;
/// Most operations of one rendering.
const OPERATIONS: u64 = 1_000_000;

/// What rendering gives.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// The text.
    pub(crate) text: String,
    /// For each line of it, its line in the file.
    pub(crate) origins: Vec<u32>,
    /// Missing values and the like.
    pub(crate) warnings: Vec<Diagnostic>,
}

type Shared = Arc<Mutex<State>>;

/// The state of the rendering; a panic elsewhere leaves nothing half-done in it.
fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Renders `text`, whose lines `listing` shows, with `data`; `now` is the instant of the submission.
pub(crate) fn render(text: &str, listing: &Listing, data: &Data, now: Timestamp) -> Result<Rendered, Vec<Diagnostic>> {
    let parsed = Parser::with_name(None, text, "{{", "}}").and_then(Parser::parse);
    let (tree, defines) = parsed.map_err(|error| vec![syntax(text, listing, &error)])?;
    let mut guard = Guard::new(text, functions::names(), data.has_registry());
    // Through the template's own parser once, for its rule on names defined twice.
    let template = Template::new(MAIN).parse(text).map_err(|error| vec![syntax(text, listing, &error)])?;
    // Of two definitions of a name, one of which is empty, the other holds.
    let (empty, full): (Vec<_>, Vec<_>) = defines.into_iter().partition(|define| define.body.is_empty_tree());
    let defines: Vec<_> = empty.into_iter().chain(full).map(|define| guard.define(define)).collect();
    let tree = guard.list(tree);
    let (state, faults) = guard.finish();
    if !faults.is_empty() {
        return Err(faults.into_iter().map(|fault| listing.error(fault.at, fault.message).help(fault.help)).collect());
    }
    let state: Shared = Arc::new(Mutex::new(state));
    let functions = functions::all(now).into_iter().chain(guard::functions(&state));
    let mut template = template.funcs(functions.collect()).missing_key(MissingKey::Invalid).max_range_iters(OPERATIONS);
    for define in defines {
        template = template.add_parse_tree(&define.name, define.body);
    }
    execute(template.add_parse_tree(MAIN, tree), data.value(), &state, listing)
}

/// The name of the whole text as a template; no file can name one so, since a name is never printed here.
const MAIN: &str = "\u{0}task";

fn execute(template: Template, data: &Value, state: &Shared, listing: &Listing) -> Result<Rendered, Vec<Diagnostic>> {
    let mut output = Output::new(Arc::clone(state));
    let outcome = template.execute_template_fmt(&mut output, MAIN, data);
    let (text, origins) = output.finish();
    let state = lock(state);
    let mut warnings: Vec<Diagnostic> = state.missing().map(|(at, message)| listing.warning(at, message)).collect();
    match outcome {
        Ok(()) => Ok(Rendered { text, origins, warnings }),
        Err(error) => {
            let (message, class) = explain(&error);
            let mut diagnostic = listing.error(state.at(), message).class(class);
            if let Some(help) = state.remedy() {
                diagnostic = diagnostic.help(help);
            }
            warnings.push(diagnostic);
            Err(warnings)
        }
    }
}

/// A fault of the template's syntax.
fn syntax(text: &str, listing: &Listing, error: &TemplateError) -> Diagnostic {
    match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            let at = match opening(text) {
                Some(at) if message.contains("unclosed") => at,
                _ => At::new(*line, *col),
            };
            let diagnostic = listing.error(at, format!("not a valid template: {message}"));
            diagnostic
                .help("`{{` opens an action of Go's text/template; for the two characters themselves write {{\"{{\"}}")
        }
        other => listing.error(At::FILE, format!("not a valid template: {other}")),
    }
}

/// The place of the last `{{`: where an action that is not closed begins, which the parser sees at the end only.
fn opening(text: &str) -> Option<At> {
    let before = &text[..text.rfind("{{")?];
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    Some(At::new(before.matches('\n').count() + 1, before[begin..].chars().count() + 1))
}

/// What stopped the rendering, in acre's words, and what kind of refusal that is.
fn explain(error: &TemplateError) -> (String, Class) {
    match error {
        TemplateError::Exec(message) if message == guard::TOO_MANY => (message.clone(), Class::TooLarge),
        TemplateError::Exec(message) if message == guard::TOO_LARGE => (message.clone(), Class::TooLarge),
        TemplateError::Exec(message) => (format!("the template cannot be rendered: {message}"), Class::Invalid),
        TemplateError::RangeIterLimit => (guard::TOO_MANY.to_owned(), Class::TooLarge),
        TemplateError::RecursionLimit => ("the template calls itself without end".to_owned(), Class::TooLarge),
        TemplateError::Write => (format!("the template renders to more than {} MiB", OUTPUT >> 20), Class::TooLarge),
        other => (format!("the template cannot be rendered: {other}"), Class::Invalid),
    }
}

#[cfg(test)]
mod tests;
