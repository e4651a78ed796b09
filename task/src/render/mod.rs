//! The whole text as a Go template (task language §5), rendered within limits, with the line of the file that every
//! rendered line came from.

mod data;
mod functions;
mod guard;
mod output;
mod roles;
mod state;
mod syntax;
mod taint;

pub(crate) use data::{Data, Values};
pub(crate) use syntax::place;

use crate::{
    diagnostic::{Class, Diagnostic, Listing},
    inert::Inert,
};
use acre_model::time::Timestamp;
use gotmpl::{MissingKey, Template, TemplateError, Value};
use guard::Guard;
use output::Output;
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use syntax::Parsed;
use taint::Taint;

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
    /// What the marks in the text stand for.
    pub(crate) inert: Inert,
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
    syntax::check(text, listing).map_err(|fault| vec![fault])?;
    let parsed = syntax::parse(text, listing).map_err(|fault| vec![fault])?;
    let mut template = Template::new(MAIN);
    if parsed.defines.len() > 1 {
        // Once more, through the template's own parser, for its rule on names defined twice.
        template = template.parse(text).map_err(|error| vec![syntax::fault(text, listing, &error)])?;
    }
    let (guarded, state, faults) = guarded(text, &parsed, data);
    if !faults.is_empty() {
        return Err(faults.into_iter().map(|fault| listing.error(fault.at, fault.message).help(fault.help)).collect());
    }
    let value = data.value(state.secrets());
    let state: Shared = Arc::new(Mutex::new(state));
    let own = functions::all(now, data.run(), data.nonce());
    let functions = own.into_iter().chain(state::functions(&state, data.nonce()));
    template = template.funcs(functions.collect()).missing_key(MissingKey::Invalid).max_range_iters(OPERATIONS);
    for define in guarded.defines {
        template = template.add_parse_tree(&define.name, define.body);
    }
    execute(template.add_parse_tree(MAIN, guarded.tree), &value, &state, listing)
}

/// Passes over a template until it is known which names hold what comes from outside.
const PASSES: usize = 4;

/// The template with its guards. One pass finds what is given a value before it is used; what is used before (in a
/// loop, in a template defined above) needs another, and where that has no end everything counts as from outside.
fn guarded(text: &str, parsed: &Parsed, data: &Data) -> (Parsed, State, Vec<guard::Fault>) {
    let pass = |taint: Taint| {
        let mut guard = Guard::new(text, functions::names(), taint);
        let Parsed { tree, defines } = parsed.clone();
        let tree = guard.list(tree);
        let defines = defines.into_iter().map(|define| guard.define(define)).collect();
        let (state, faults, taint) = guard.finish(data.unknown());
        ((Parsed { tree, defines }, state, faults), taint)
    };
    let mut taint = Taint::default();
    for _ in 0..PASSES {
        let (guarded, found) = pass(taint.clone());
        if found == taint {
            return guarded;
        }
        taint = found;
    }
    pass(taint.everything()).0
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
        Ok(()) => Ok(Rendered { text, origins, inert: state.inert(), warnings }),
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

/// What stopped the rendering, in acre's words, and what kind of refusal that is.
fn explain(error: &TemplateError) -> (String, Class) {
    match error {
        TemplateError::Exec(message) if message == state::TOO_MANY => (message.clone(), Class::TooLarge),
        TemplateError::Exec(message) if message == state::TOO_LARGE => (message.clone(), Class::TooLarge),
        TemplateError::Exec(message) => (format!("the template cannot be rendered: {message}"), Class::Invalid),
        TemplateError::RangeIterLimit => (state::TOO_MANY.to_owned(), Class::TooLarge),
        TemplateError::RecursionLimit => ("the template calls itself without end".to_owned(), Class::TooLarge),
        TemplateError::Write => (format!("the template renders to more than {} MiB", OUTPUT >> 20), Class::TooLarge),
        other => (format!("the template cannot be rendered: {other}"), Class::Invalid),
    }
}

#[cfg(test)]
mod tests;
