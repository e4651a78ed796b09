//! Functions on maps. None changes one: each gives a new one.

use super::{MANY, Outcome, Row, arg, fail, text};
use gotmpl::Value;
use std::{collections::BTreeMap, sync::Arc};

pub(super) const TABLE: &[Row] = &[
    ("dict", 0..=MANY, dict),
    ("get", 2..=2, |a| Ok(a[0].field(&arg(a, 1)).cloned().unwrap_or_else(|| Value::String("".into())))),
    ("hasKey", 2..=2, |a| Ok(Value::Bool(a[0].field(&arg(a, 1)).is_some()))),
    ("keys", 1..=MANY, |a| Ok(Value::List(keys(a)?.into()))),
    ("values", 1..=1, |a| Ok(Value::List(entries(a, 0)?.values().cloned().collect()))),
    ("merge", 1..=MANY, |a| merged(a, false)),
    ("mergeOverwrite", 1..=MANY, |a| merged(a, true)),
    ("deepCopy", 1..=1, |a| Ok(a[0].clone())),
    ("pick", 1..=MANY, |a| chosen(a, true)),
    ("omit", 1..=MANY, |a| chosen(a, false)),
    ("pluck", 1..=MANY, |a| Ok(Value::List(a[1..].iter().filter_map(|map| map.field(&arg(a, 0)).cloned()).collect()))),
    ("dig", 3..=MANY, dig),
];

type Map = BTreeMap<Arc<str>, Value>;

fn entries(args: &[Value], index: usize) -> Result<&Map, gotmpl::TemplateError> {
    match args.get(index) {
        Some(Value::Map(entries)) => Ok(entries),
        other => Err(fail(format!("a map was expected, not {}", other.map_or("nothing", Value::type_name)))),
    }
}

fn keys(args: &[Value]) -> Result<Vec<Value>, gotmpl::TemplateError> {
    let mut keys = Vec::new();
    for index in 0..args.len() {
        keys.extend(entries(args, index)?.keys().map(|key| Value::String(Arc::clone(key))));
    }
    Ok(keys)
}

fn dict(args: &[Value]) -> Outcome {
    let pairs = args
        .chunks(2)
        .map(|pair| (text(&pair[0]).into(), pair.get(1).cloned().unwrap_or_else(|| Value::String("".into()))));
    Ok(Value::Map(Arc::new(pairs.collect())))
}

/// The first map with what it lacks from those after it, maps within maps likewise; or with what they say instead.
fn merged(args: &[Value], overwrite: bool) -> Outcome {
    let mut merged = entries(args, 0)?.clone();
    for index in 1..args.len() {
        put(&mut merged, entries(args, index)?, overwrite);
    }
    Ok(Value::Map(Arc::new(merged)))
}

/// The depth is bounded by that of values.
fn put(into: &mut Map, from: &Map, overwrite: bool) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Map(known)), Value::Map(more)) => {
                let mut deeper = (**known).clone();
                put(&mut deeper, more, overwrite);
                *known = Arc::new(deeper);
            }
            (Some(known), value) if overwrite || !known.is_truthy() => *known = value.clone(),
            (Some(_), _) => {}
            (None, value) => drop(into.insert(Arc::clone(key), value.clone())),
        }
    }
}

fn chosen(args: &[Value], named: bool) -> Outcome {
    let names: Vec<String> = args[1..].iter().map(text).collect();
    let chosen = entries(args, 0)?.iter().filter(|(key, _)| names.iter().any(|name| **name == ***key) == named);
    Ok(Value::Map(Arc::new(chosen.map(|(key, value)| (Arc::clone(key), value.clone())).collect())))
}

/// `dig KEY... DEFAULT MAP`.
fn dig(args: &[Value]) -> Outcome {
    let (path, rest) = args.split_at(args.len() - 2);
    let mut value = &rest[1];
    for key in path {
        match value.field(&text(key)) {
            Some(deeper) => value = deeper,
            None => return Ok(rest[0].clone()),
        }
    }
    Ok(value.clone())
}
