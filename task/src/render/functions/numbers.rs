//! Whole numbers, as Sprig computes them (64 bits); what does not fit is an error, not another number.

use super::{MANY, Outcome, Row, fail, int};
use acre_model::text::clip;
use gotmpl::{TemplateError, Value};

pub(super) const TABLE: &[Row] = &[
    ("add", 1..=MANY, |a| fold(a, i64::checked_add)),
    ("add1", 1..=1, |a| fold(&[a[0].clone(), Value::Int(1)], i64::checked_add)),
    ("sub", 2..=2, |a| fold(a, i64::checked_sub)),
    ("mul", 1..=MANY, |a| fold(a, i64::checked_mul)),
    ("div", 2..=2, |a| fold(a, i64::checked_div)),
    ("mod", 2..=2, |a| fold(a, i64::checked_rem)),
    ("max", 1..=MANY, |a| fold(a, |left, right| Some(left.max(right)))),
    ("min", 1..=MANY, |a| fold(a, |left, right| Some(left.min(right)))),
    ("biggest", 1..=MANY, |a| fold(a, |left, right| Some(left.max(right)))),
    ("atoi", 1..=1, |a| int(a, 0).map(Value::Int)),
    ("toDecimal", 1..=1, |a| {
        let digits = super::arg(a, 0);
        let number = i64::from_str_radix(digits.trim_start_matches("0o"), 8);
        number.map(Value::Int).map_err(|_| fail(format!("`{}` is not an octal number", clip(&digits))))
    }),
    ("int", 1..=1, |a| int(a, 0).map(Value::Int)),
    ("int64", 1..=1, |a| int(a, 0).map(Value::Int)),
];

fn fold(args: &[Value], step: fn(i64, i64) -> Option<i64>) -> Outcome {
    let mut result = int(args, 0)?;
    for index in 1..args.len() {
        let next = int(args, index)?;
        result =
            step(result, next).ok_or_else(|| fail(format!("{result} and {next} have no result within 64 bits")))?;
    }
    Ok(Value::Int(result))
}

/// A value as a whole number; nothing is 0.
pub(super) fn to_int(value: &Value) -> Result<i64, TemplateError> {
    match value {
        Value::Nil => Ok(0),
        Value::Int(number) => Ok(*number),
        Value::Uint(number) => i64::try_from(*number).map_err(|_| fail(format!("{number} is too large"))),
        Value::Bool(value) => Ok(i64::from(*value)),
        // The cast of a float saturates, as Go's conversion does on the machines in use.
        Value::Float(number) => Ok(*number as i64),
        Value::String(text) => text.trim().parse().map_err(|_| fail(format!("`{}` is not a whole number", clip(text)))),
        other => Err(fail(format!("a number was expected, not {}", other.type_name()))),
    }
}
