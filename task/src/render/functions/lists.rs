//! Functions on lists, and choices between values.

use super::{MANY, Outcome, Row, arg, count, fail, int, string, text};
use gotmpl::Value;
use std::sync::Arc;

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
    ("compact", 1..=1, |a| Ok(Value::List(items(a, 0)?.iter().filter(|item| item.is_truthy()).cloned().collect()))),
    ("without", 1..=MANY, |a| {
        Ok(Value::List(items(a, 0)?.iter().filter(|item| !a[1..].contains(item)).cloned().collect()))
    }),
    ("push", 2..=2, |a| Ok(Value::List(items(a, 0)?.iter().chain([&a[1]]).cloned().collect()))),
    ("chunk", 2..=2, |a| {
        let chunks = items(a, 1)?.chunks(count(a, 0)?.max(1));
        Ok(Value::List(chunks.map(|chunk| Value::List(chunk.into())).collect()))
    }),
    ("untilStep", 3..=3, |a| steps(int(a, 0)?, int(a, 1)?, int(a, 2)?).map(|numbers| Value::List(numbers.collect()))),
    ("seq", 1..=3, seq),
    ("kindIs", 2..=2, |a| Ok(Value::Bool(arg(a, 0) == kind(&a[1])))),
    ("typeIs", 2..=2, |a| Ok(Value::Bool(arg(a, 0) == kind(&a[1])))),
    ("typeIsLike", 2..=2, |a| Ok(Value::Bool(arg(a, 0).trim_start_matches('*') == kind(&a[1])))),
    ("deepEqual", 2..=2, |a| Ok(Value::Bool(a[0] == a[1]))),
];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Int(_) => "int64",
        Value::List(_) => "slice",
        other => other.type_name(),
    }
}

/// Numbers from `start` up to, not including, `stop`.
fn steps(start: i64, stop: i64, step: i64) -> Result<impl Iterator<Item = Value>, gotmpl::TemplateError> {
    let distance = i128::from(stop) - i128::from(start);
    let many = match i128::from(step) {
        0 => 0,
        step if (step > 0) != (distance > 0) => 0,
        step => (distance.abs() + step.abs() - 1) / step.abs(),
    };
    let many = i64::try_from(many).ok().filter(|many| *many <= crate::render::OUTPUT as i64);
    let many = many.ok_or_else(|| fail(crate::render::state::TOO_LARGE.to_owned()))?;
    Ok((0..many).map(move |index| Value::Int(start + index * step)))
}

/// As the program `seq`: `seq LAST`, `seq FIRST LAST`, `seq FIRST STEP LAST`; numbers joined by blanks.
fn seq(args: &[Value]) -> Outcome {
    let number = |index| int(args, index);
    let (first, step, last) = match args.len() {
        1 => (1, if number(0)? < 1 { -1 } else { 1 }, number(0)?),
        2 => (number(0)?, if number(1)? < number(0)? { -1 } else { 1 }, number(1)?),
        _ => (number(0)?, number(1)?, number(2)?),
    };
    let numbers = steps(first, last.saturating_add(step.signum()), step)?;
    string(numbers.map(|number| text(&number)).collect::<Vec<_>>().join(" "))
}

fn items(args: &[Value], index: usize) -> Result<&[Value], gotmpl::TemplateError> {
    match args.get(index) {
        Some(Value::List(items)) => Ok(items),
        Some(Value::Nil) | None => Ok(&[]),
        Some(other) => Err(fail(format!("a list was expected, not {}", other.type_name()))),
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
