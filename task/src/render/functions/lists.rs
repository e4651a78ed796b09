//! Functions on lists.

use super::{MANY, Outcome, Row, arg, count, fail, fits, int, string, text};
use gotmpl::Value;
use std::{collections::BTreeSet, sync::Arc};

pub(super) const TABLE: &[Row] = &[
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
    ("mustSlice", 1..=3, slice),
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
];

/// Numbers from `start` up to, not including, `stop`.
fn steps(start: i64, stop: i64, step: i64) -> Result<impl Iterator<Item = Value>, gotmpl::TemplateError> {
    let distance = i128::from(stop) - i128::from(start);
    let many = match i128::from(step) {
        0 => 0,
        step if (step > 0) != (distance > 0) => 0,
        step => (distance.abs() + step.abs() - 1) / step.abs(),
    };
    let many = i64::try_from(many).unwrap_or(i64::MAX);
    fits(usize::try_from(many).unwrap_or(usize::MAX))?;
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
    // Values have no order, but their JSON has; its kind tells apart what JSON does not.
    let mut seen = BTreeSet::new();
    let fresh = items.iter().filter(|item| seen.insert((item.type_name(), super::json::compact(item))));
    Ok(Value::List(fresh.cloned().collect()))
}

/// Sprig's `slice`: the items from one place up to another, or to the end.
fn slice(args: &[Value]) -> Outcome {
    let items = items(args, 0)?;
    let place = |index| if args.len() > index { count(args, index) } else { Ok(items.len()) };
    let (from, to) = (if args.len() > 1 { place(1)? } else { 0 }, place(2)?);
    let part = items.get(from..to).ok_or_else(|| fail(format!("a list of {} has no {from} to {to}", items.len())))?;
    Ok(Value::List(part.into()))
}

fn sort_alpha(items: &[Value]) -> Outcome {
    let mut texts: Vec<String> = items.iter().map(text).collect();
    texts.sort();
    Ok(Value::List(texts.into_iter().map(Value::from).collect()))
}

fn join(separator: &str, value: &Value) -> Outcome {
    let Value::List(items) = value else { return string(text(value)) };
    let texts: Vec<String> = items.iter().map(text).collect();
    let joined = texts.len().saturating_sub(1).saturating_mul(separator.len());
    fits(texts.iter().fold(joined, |sum, text| sum.saturating_add(text.len())))?;
    string(texts.join(separator))
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
