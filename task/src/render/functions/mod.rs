//! Sprig's functions over the engine's values: pure, the clock an argument, every result bounded by the caller.

mod dates;
pub(super) mod json;
mod lists;
mod numbers;
mod secrets;
mod strings;

pub(super) use secrets::is_filter;

use acre_model::{ids::RunId, secret::Nonce, time::Timestamp};
use gotmpl::{TemplateError, Value, ValueFunc};
use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc};

type Outcome = Result<Value, TemplateError>;

/// A function: its name, how many arguments it takes, and what it does with them.
type Row = (&'static str, RangeInclusive<usize>, fn(&[Value]) -> Outcome);

/// No function takes more than this.
const MANY: usize = 64;

/// The functions of Go's `text/template` itself.
const BUILT_IN: [&str; 18] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice",
];

fn tables() -> impl Iterator<Item = &'static Row> {
    [strings::TABLE, lists::TABLE, numbers::TABLE, json::TABLE, dates::TABLE].into_iter().flatten()
}

/// The names that a template may call.
pub(super) fn names() -> BTreeSet<&'static str> {
    tables().map(|(name, ..)| *name).chain(BUILT_IN).chain(["urlquery", "now"]).collect()
}

/// The functions beyond the engine's own; `now` is the instant that they take for the present, the run's id the seed of
/// their randomness, and tokens of secrets stand under `nonce`.
pub(super) fn all(now: Timestamp, _run: &RunId, nonce: &Nonce) -> Vec<(String, ValueFunc)> {
    let rows = tables().map(|(name, arity, function)| {
        let nonce = nonce.clone();
        let checked: ValueFunc = Arc::new(move |args: &[Value]| {
            check_arity(name, arity, args.len())?;
            secrets::filtered(name, args, &nonce).unwrap_or_else(|| function(args))
        });
        ((*name).to_owned(), checked)
    });
    let clock: ValueFunc = Arc::new(move |_: &[Value]| Ok(dates::instant(now)));
    rows.chain([("now".to_owned(), clock)]).collect()
}

fn check_arity(name: &str, arity: &RangeInclusive<usize>, given: usize) -> Result<(), TemplateError> {
    if arity.contains(&given) {
        return Ok(());
    }
    let (least, most) = (arity.start(), arity.end());
    let wanted = match most {
        _ if least == most => format!("{least}"),
        &MANY => format!("at least {least}"),
        _ => format!("{least} to {most}"),
    };
    Err(fail(format!("`{name}` takes {wanted} arguments, not {given}")))
}

fn fail(message: String) -> TemplateError {
    TemplateError::Exec(message)
}

/// A value as it prints; nothing prints as nothing.
fn text(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        other => other.to_string(),
    }
}

fn string(text: impl AsRef<str>) -> Outcome {
    Ok(Value::String(text.as_ref().into()))
}

/// The n-th argument as text.
fn arg(args: &[Value], index: usize) -> String {
    args.get(index).map(text).unwrap_or_default()
}

/// The n-th argument as a whole number; text is read as one.
fn int(args: &[Value], index: usize) -> Result<i64, TemplateError> {
    numbers::to_int(args.get(index).unwrap_or(&Value::Nil))
}

/// The n-th argument as a number of things to make, within what one value may hold.
fn count(args: &[Value], index: usize) -> Result<usize, TemplateError> {
    let number = int(args, index)?.max(0);
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= super::OUTPUT)
        .ok_or_else(|| fail(super::state::TOO_LARGE.to_owned()))
}
