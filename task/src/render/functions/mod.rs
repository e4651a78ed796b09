//! Sprig's functions over the engine's values: pure, the clock an argument, what grows beyond
//! the sum of its arguments is bounded before it is made, and every result once more by the caller.

mod dates;
mod floats;
mod hashes;
pub(super) mod json;
mod kinds;
mod lists;
mod maps;
mod numbers;
mod paths;
mod patterns;
mod random;
mod secrets;
mod strings;
mod words;

pub(super) use secrets::is_filter;

use acre_model::{ids::RunId, secret::Nonce, time::Timestamp};
use gotmpl::{TemplateError, Value, ValueFunc};
use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

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
    let text = [strings::TABLE, words::TABLE, paths::TABLE, patterns::TABLE, hashes::TABLE, json::TABLE];
    let others = [kinds::TABLE, lists::TABLE, maps::TABLE, numbers::TABLE, floats::TABLE, dates::TABLE];
    text.into_iter().chain(others).flatten()
}

/// Functions that Sprig has twice: the `must` form tells its faults, and here both do.
const MUST: [&str; 29] = [
    "append",
    "prepend",
    "first",
    "rest",
    "last",
    "initial",
    "reverse",
    "uniq",
    "without",
    "has",
    "compact",
    "chunk",
    "push",
    "merge",
    "mergeOverwrite",
    "deepCopy",
    "toJson",
    "toPrettyJson",
    "toRawJson",
    "fromJson",
    "toDate",
    "dateModify",
    "regexMatch",
    "regexFind",
    "regexFindAll",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "regexSplit",
    "toDuration",
];

/// The `must` form of a name.
fn must(name: &str) -> String {
    format!("must{}{}", name[..1].to_ascii_uppercase(), &name[1..])
}

/// The names that a template may call.
pub(super) fn names() -> BTreeSet<String> {
    let own = tables().map(|(name, ..)| *name).chain(random::names());
    let all = own.chain(BUILT_IN).chain(["urlquery", "now", "ago", "hello"]).map(str::to_owned);
    all.chain(MUST.iter().map(|name| must(name))).collect()
}

/// Most bytes that are given to functions in one rendering; for those that look at text more than once, a byte counts
/// for more, and so does the call.
const INPUT: usize = 64 << 20;
const SLOW: usize = 16;
const SLOW_CALL: usize = 256 << 10;

/// What is left of [`INPUT`].
struct Budget(AtomicUsize);

impl Budget {
    fn spend(&self, name: &str, args: &[Value]) -> Result<(), TemplateError> {
        let mut left = super::OUTPUT;
        args.iter().try_for_each(|arg| super::state::measure(arg, &mut left, 0))?;
        let used = super::OUTPUT - left;
        let used = if name.starts_with("regex") || name.starts_with("semver") { used * SLOW + SLOW_CALL } else { used };
        let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(used));
        spent.map(drop).map_err(|_| fail(super::state::TOO_MANY.to_owned()))
    }
}

/// The functions beyond the engine's own; `now` is the instant that they take for the present, the run's id the seed of
/// their randomness, and tokens of secrets stand under `nonce`.
pub(super) fn all(now: Timestamp, run: &RunId, nonce: &Nonce) -> Vec<(String, ValueFunc)> {
    let budget = Arc::new(Budget(AtomicUsize::new(INPUT)));
    let rows = tables().flat_map(|(name, arity, function)| {
        let (nonce, budget) = (nonce.clone(), Arc::clone(&budget));
        let checked: ValueFunc = Arc::new(move |args: &[Value]| {
            check_arity(name, arity, args.len())?;
            budget.spend(name, args)?;
            secrets::filtered(name, args, &nonce).unwrap_or_else(|| function(args))
        });
        let twice = MUST.contains(name).then(|| (must(name), Arc::clone(&checked)));
        [((*name).to_owned(), checked)].into_iter().chain(twice)
    });
    let ago: ValueFunc = Arc::new(move |args: &[Value]| {
        check_arity("ago", &(1..=1), args.len())?;
        dates::ago(&args[0], now)
    });
    let clock: ValueFunc = Arc::new(move |_: &[Value]| Ok(dates::instant(now)));
    let greeting: ValueFunc = Arc::new(|_: &[Value]| string("Hello!"));
    let nonce = nonce.clone();
    let index: ValueFunc = Arc::new(move |args: &[Value]| secrets::index(args, &nonce));
    let others = [("now", clock), ("ago", ago), ("hello", greeting), ("index", index)];
    rows.chain(others.map(|(name, function)| (name.to_owned(), function))).chain(random::functions(run)).collect()
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

/// Refuses to make a value of more bytes than one may have, before it is made.
fn fits(bytes: usize) -> Result<(), TemplateError> {
    if bytes <= super::OUTPUT { Ok(()) } else { Err(fail(super::state::TOO_LARGE.to_owned())) }
}

/// The n-th argument as text.
fn arg(args: &[Value], index: usize) -> String {
    args.get(index).map(text).unwrap_or_default()
}

/// The n-th argument as a whole number; text is read as one.
fn int(args: &[Value], index: usize) -> Result<i64, TemplateError> {
    numbers::to_int(args.get(index).unwrap_or(&Value::Nil))
}

/// The n-th argument as a number of things to make, fits what one value may hold.
fn count(args: &[Value], index: usize) -> Result<usize, TemplateError> {
    let number = usize::try_from(int(args, index)?.max(0)).unwrap_or(usize::MAX);
    fits(number).map(|()| number)
}
