//! The guards at work while a template runs: what they count, remember, and refuse.

use super::{OPERATIONS, OUTPUT, Shared, lock, syntax::place};
use crate::{
    diagnostic::{At, MOST},
    inert::Inert,
};
use acre_model::{
    ids::SecretId,
    secret::{self, Nonce},
    text::clip,
};
use gotmpl::{TemplateError, Value, ValueFunc};
use std::{collections::BTreeSet, sync::Arc};

/// Said when the operations are used up.
pub(super) const TOO_MANY: &str = "the template takes more than 1000000 operations";
/// Said when a value on the way is larger than the whole text may be.
pub(super) const TOO_LARGE: &str = "the template makes a value of more than 1 MiB";

/// Counts an operation, and remembers the place. The names of the guards cannot be written in a template.
pub(super) const TICK: &str = "acre:tick";
/// Bounds the value before it in the pipeline.
pub(super) const BOUND: &str = "acre:bound";
/// Wants the value before it to be there.
pub(super) const NEED: &str = "acre:need";
/// Marks the value before it, which is from outside.
pub(super) const INERT: &str = "acre:inert";

/// Refuses a secret in what is given to a function.
pub(super) const PLAIN: &str = "acre:plain";

/// A place of the template that can be named in a message.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its byte in the template.
    pub(super) offset: usize,
    /// Its line, from 1.
    pub(super) line: u32,
    /// The value's path, where it is about one.
    pub(super) path: String,
    /// Whether lines advance with what is written here: text, not the output of an action.
    pub(super) is_text: bool,
}

/// What the guards know while the template runs.
#[derive(Debug)]
pub(super) struct State {
    source: String,
    places: Vec<Place>,
    here: usize,
    /// Lines written since the last tick.
    lines: u32,
    operations: u64,
    missing: BTreeSet<usize>,
    remedy: Option<&'static str>,
    inert: Inert,
    secrets: BTreeSet<SecretId>,
    /// What stands for a registry that is not known: this very text, not one that is equal.
    unknown: Arc<str>,
}

impl State {
    /// The state at the beginning of a template with these places.
    pub(super) fn new(source: &str, places: Vec<Place>, secrets: BTreeSet<SecretId>, unknown: &Arc<str>) -> Self {
        Self {
            source: source.to_owned(),
            places,
            here: 0,
            lines: 0,
            operations: 0,
            missing: BTreeSet::new(),
            remedy: None,
            inert: Inert::default(),
            secrets,
            unknown: Arc::clone(unknown),
        }
    }

    /// The secrets that the template names.
    pub(super) const fn secrets(&self) -> &BTreeSet<SecretId> {
        &self.secrets
    }

    /// Where the rendering is.
    pub(super) fn at(&self) -> At {
        self.places.get(self.here).map_or(At::FILE, |here| place(&self.source, here.offset))
    }

    /// The line of the file that is being written.
    pub(super) fn line(&self) -> u32 {
        let place = self.places.get(self.here);
        place.map_or(1, |place| place.line + if place.is_text { self.lines } else { 0 })
    }

    /// A line of the output ends.
    pub(super) const fn line_ends(&mut self) {
        self.lines += 1;
    }

    /// Values that were printed and are not there.
    pub(super) fn missing(&self) -> impl Iterator<Item = (At, String)> {
        self.missing.iter().take(MOST).filter_map(|index| self.places.get(*index)).map(|missing| {
            let message = match missing.path.as_str() {
                "" => "this prints nothing: its value is missing".to_owned(),
                path => format!("`{}` is not set, and is printed as nothing", clip(path)),
            };
            (place(&self.source, missing.offset), message)
        })
    }

    /// What to do about the error that ended the rendering.
    pub(super) const fn remedy(&self) -> Option<&'static str> {
        self.remedy
    }

    /// The marks that were written.
    pub(super) fn inert(&self) -> Inert {
        self.inert.clone()
    }

    fn spend(&mut self, operations: u64) -> Result<(), TemplateError> {
        self.operations += operations;
        if self.operations > OPERATIONS { Err(TemplateError::Exec(TOO_MANY.to_owned())) } else { Ok(()) }
    }
}

const REGISTRY: &str = "set one with `--registry HOST`, in the project, or in the farm's configuration";
const FILTERS: &str = "a secret takes b64enc, b64dec, trim, quote, squote, indent, nindent and toJson, and stands beside other text as it is";

/// The first secret in a value, at whatever depth.
pub(super) fn secret_in(value: &Value, nonce: &Nonce) -> Option<SecretId> {
    match value {
        Value::String(text) if secret::may_hold_tokens(text) => {
            secret::tokens(text, nonce).into_iter().next().map(|token| token.id)
        }
        Value::List(items) => items.iter().find_map(|item| secret_in(item, nonce)),
        Value::Map(entries) => entries.values().find_map(|entry| secret_in(entry, nonce)),
        _ => None,
    }
}

/// The guard of functions that are given no secrets.
fn plain(state: &Shared, nonce: &Nonce) -> (String, ValueFunc) {
    let (state, nonce) = (Arc::clone(state), nonce.clone());
    let check = move |args: &[Value]| {
        let value = args.last().cloned().unwrap_or(Value::Nil);
        let Some(id) = secret_in(&value, &nonce) else { return Ok(value) };
        let (mut state, place) = (lock(&state), index(args));
        state.here = place;
        state.remedy = Some(FILTERS);
        let function = state.places.get(place).map(|place| clip(&place.path)).unwrap_or_default();
        Err(TemplateError::Exec(format!("`{function}` cannot be put on the secret `{id}`")))
    };
    (PLAIN.to_owned(), Arc::new(check))
}

/// The guards as functions.
pub(super) fn functions(state: &Shared, nonce: &Nonce) -> Vec<(String, ValueFunc)> {
    let (tick, bound, need, inert) = (Arc::clone(state), Arc::clone(state), Arc::clone(state), Arc::clone(state));
    vec![
        plain(state, nonce),
        (
            TICK.to_owned(),
            Arc::new(move |args: &[Value]| {
                let mut state = lock(&tick);
                state.here = index(args);
                state.lines = 0;
                state.spend(1)?;
                Ok(Value::String("".into()))
            }),
        ),
        (
            BOUND.to_owned(),
            Arc::new(move |args: &[Value]| {
                let value = args.last().cloned().unwrap_or(Value::Nil);
                let mut left = OUTPUT;
                measure(&value, &mut left, 0)?;
                // What takes long to make counts for more.
                lock(&bound).spend(1 + ((OUTPUT - left) >> 10) as u64)?;
                Ok(value)
            }),
        ),
        (
            INERT.to_owned(),
            Arc::new(move |args: &[Value]| match args.last() {
                Some(Value::Nil) | None => Ok(Value::String("".into())),
                Some(value) => {
                    let mark = lock(&inert).inert.mark(&value.to_string());
                    mark.map(Value::from).ok_or_else(|| TemplateError::Exec(TOO_LARGE.to_owned()))
                }
            }),
        ),
        (
            NEED.to_owned(),
            Arc::new(move |args: &[Value]| match args.last() {
                Some(Value::Nil) | None => {
                    lock(&need).missing.insert(index(args));
                    Ok(Value::String("".into()))
                }
                Some(Value::String(text)) if Arc::ptr_eq(text, &lock(&need).unknown) => {
                    let mut state = lock(&need);
                    state.here = index(args);
                    state.remedy = Some(REGISTRY);
                    Err(TemplateError::Exec("no registry is known".to_owned()))
                }
                Some(value) => Ok(value.clone()),
            }),
        ),
    ]
}

fn index(args: &[Value]) -> usize {
    args.first().and_then(Value::as_int).and_then(|index| usize::try_from(index).ok()).unwrap_or(usize::MAX)
}

/// Deepest nesting of a value; deeper than any values file may be.
const DEPTH: usize = 128;

/// Takes the size of a value from what is left; a list within a list counts as often as it is printed.
pub(super) fn measure(value: &Value, left: &mut usize, depth: usize) -> Result<(), TemplateError> {
    if depth > DEPTH {
        return Err(TemplateError::Exec(format!("a value is nested deeper than {DEPTH}")));
    }
    let mut take = |size: usize| {
        *left = left.checked_sub(size).ok_or_else(|| TemplateError::Exec(TOO_LARGE.to_owned()))?;
        Ok::<(), TemplateError>(())
    };
    match value {
        Value::String(text) => take(text.len()),
        Value::List(items) => {
            take(items.len())?;
            items.iter().try_for_each(|item| measure(item, left, depth + 1))
        }
        Value::Map(entries) => {
            take(entries.keys().map(|key| key.len() + 1).sum())?;
            entries.values().try_for_each(|value| measure(value, left, depth + 1))
        }
        _ => take(1),
    }
}
