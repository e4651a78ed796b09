//! Functions on lists and maps, and choices between values.

use super::{MANY, Outcome, Row, arg, count, fail, string, text};
use gotmpl::Value;
use std::{collections::BTreeMap, sync::Arc};

pub(super) const TABLE: &[Row] = &[
    ("default", 1..=2, |a| Ok(a.get(1).filter(|value| value.is_truthy()).unwrap_or(&a[0]).clone())),
    ("empty", 1..=1, |a| Ok(Value::Bool(!a[0].is_truthy()))),
    ("coalesce", 0..=MANY, |a| Ok(a.iter().find(|value| value.is_truthy()).cloned().unwrap_or(Value::Nil))),
    ("all", 0..=MANY, |a| Ok(Value::Bool(a.iter().all(Value::is_truthy)))),
    ("any", 0..=MANY, |a| Ok(Value::Bool(a.iter().any(Value::is_truthy)))),
    ("ternary", 3..=3, |a| Ok(if a[2].is_truthy() { a[0].clone() } else { a[1].clone() })),
    ("required", 2..=2, |a| if a[1].is_truthy() { Ok(a[1].clone()) } else { Err(fail(arg(a, 0))) }),
    ("kindOf", 1..=1, |a| string(kind(&a[0]))),
    ("typeOf", 1..=1, |a| string(kind(&a[0]))),
    ("list", 0..=MANY, |a| Ok(Value::List(a.into()))),
    ("tuple", 0..=MANY, |a| Ok(Value::List(a.into()))),
    ("first", 1..=1, |a| Ok(items(a, 0)?.first().cloned().unwrap_or(Value::Nil))),
    ("last", 1..=1, |a| Ok(items(a, 0)?.last().cloned().unwrap_or(Value::Nil))),
    ("rest", 1..=1, |a| Ok(Value::List(items(a, 0)?.get(1..).unwrap_or_default().into()))),
    ("initial", 1..=1, |a| Ok(Value::List(items(a, 0)?.split_last().map_or(&[][..], |(_, rest)| rest).into()))),
    ("append", 2..=2, |a| Ok(Value::List(items(a, 0)?.iter().chain([&a[1]]).cloned().collect()))),
    ("prepend", 2..=2, |a| Ok(Value::List([&a[1]].into_iter().chain(items(a, 0)?).cloned().collect()))),
    ("concat", 0..=MANY, concat),
    ("reverse", 1..=1, |a| Ok(Value::List(items(a, 0)?.iter().rev().cloned().collect()))),
    ("uniq", 1..=1, |a| uniq(items(a, 0)?)),
    ("has", 2..=2, |a| Ok(Value::Bool(items(a, 1)?.contains(&a[0])))),
    ("sortAlpha", 1..=1, |a| sort_alpha(items(a, 0)?)),
    ("until", 1..=1, |a| Ok(Value::List((0..count(a, 0)? as i64).map(Value::Int).collect()))),
    ("join", 2..=2, |a| join(&arg(a, 0), &a[1])),
    ("splitList", 2..=2, |a| Ok(Value::List(parts(a).into_iter().map(Value::from).collect()))),
    ("split", 2..=2, |a| Ok(numbered(parts(a)))),
    ("dict", 0..=MANY, dict),
    ("get", 2..=2, |a| Ok(a[0].field(&arg(a, 1)).cloned().unwrap_or_else(|| Value::String("".into())))),
    ("hasKey", 2..=2, |a| Ok(Value::Bool(a[0].field(&arg(a, 1)).is_some()))),
    ("keys", 1..=1, |a| Ok(Value::List(entries(a, 0)?.keys().map(|key| Value::String(Arc::clone(key))).collect()))),
    ("values", 1..=1, |a| Ok(Value::List(entries(a, 0)?.values().cloned().collect()))),
    ("merge", 1..=MANY, merge),
];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Int(_) => "int64",
        Value::List(_) => "slice",
        other => other.type_name(),
    }
}

fn items(args: &[Value], index: usize) -> Result<&[Value], gotmpl::TemplateError> {
    match args.get(index) {
        Some(Value::List(items)) => Ok(items),
        Some(Value::Nil) | None => Ok(&[]),
        Some(other) => Err(fail(format!("a list was expected, not {}", other.type_name()))),
    }
}

type Map = BTreeMap<Arc<str>, Value>;

fn entries(args: &[Value], index: usize) -> Result<&Map, gotmpl::TemplateError> {
    match args.get(index) {
        Some(Value::Map(entries)) => Ok(entries),
        other => Err(fail(format!("a map was expected, not {}", other.map_or("nothing", Value::type_name)))),
    }
}

fn concat(args: &[Value]) -> Outcome {
    let mut all = Vec::new();
    for index in 0..args.len() {
        all.extend_from_slice(items(args, index)?);
    }
    Ok(Value::List(all.into()))
}

fn uniq(items: &[Value]) -> Outcome {
    // Quadratic, since values have no order: bounded to what a person would write.
    if items.len() > 1000 {
        return Err(fail("`uniq` takes at most 1000 items".to_owned()));
    }
    let mut seen: Vec<Value> = Vec::new();
    for item in items {
        if !seen.contains(item) {
            seen.push(item.clone());
        }
    }
    Ok(Value::List(seen.into()))
}

fn sort_alpha(items: &[Value]) -> Outcome {
    let mut texts: Vec<String> = items.iter().map(text).collect();
    texts.sort();
    Ok(Value::List(texts.into_iter().map(Value::from).collect()))
}

fn join(separator: &str, value: &Value) -> Outcome {
    match value {
        Value::List(items) => string(items.iter().map(text).collect::<Vec<_>>().join(separator)),
        other => string(text(other)),
    }
}

fn parts(args: &[Value]) -> Vec<String> {
    let (separator, text) = (arg(args, 0), arg(args, 1));
    if separator.is_empty() {
        text.chars().map(String::from).collect()
    } else {
        text.split(&separator).map(str::to_owned).collect()
    }
}

/// A map of `_0`, `_1`, …, which is what Sprig's `split` gives.
fn numbered(parts: Vec<String>) -> Value {
    let parts = parts.into_iter().enumerate();
    Value::Map(Arc::new(parts.map(|(index, part)| (format!("_{index}").into(), Value::from(part))).collect()))
}

fn dict(args: &[Value]) -> Outcome {
    let pairs = args
        .chunks(2)
        .map(|pair| (text(&pair[0]).into(), pair.get(1).cloned().unwrap_or_else(|| Value::String("".into()))));
    Ok(Value::Map(Arc::new(pairs.collect())))
}

/// The first map with what it lacks from those after it.
fn merge(args: &[Value]) -> Outcome {
    let mut merged = entries(args, 0)?.clone();
    for index in 1..args.len() {
        for (key, value) in entries(args, index)? {
            merged.entry(Arc::clone(key)).or_insert_with(|| value.clone());
        }
    }
    Ok(Value::Map(Arc::new(merged)))
}
