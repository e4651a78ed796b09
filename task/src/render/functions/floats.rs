//! Numbers with a fraction.

use super::{MANY, Outcome, Row, fail, int};
use acre_model::text::clip;
use gotmpl::{TemplateError, Value};

pub(super) const TABLE: &[Row] = &[
    ("float64", 1..=1, |a| float(&a[0]).map(Value::Float)),
    ("addf", 1..=MANY, |a| fold(a, |left, right| left + right)),
    ("add1f", 1..=1, |a| Ok(Value::Float(float(&a[0])? + 1.0))),
    ("subf", 1..=MANY, |a| fold(a, |left, right| left - right)),
    ("mulf", 1..=MANY, |a| fold(a, |left, right| left * right)),
    ("divf", 1..=MANY, |a| fold(a, |left, right| left / right)),
    ("maxf", 1..=MANY, |a| fold(a, f64::max)),
    ("minf", 1..=MANY, |a| fold(a, f64::min)),
    ("ceil", 1..=1, |a| Ok(Value::Float(float(&a[0])?.ceil()))),
    ("floor", 1..=1, |a| Ok(Value::Float(float(&a[0])?.floor()))),
    ("round", 2..=3, round),
];

fn fold(args: &[Value], step: fn(f64, f64) -> f64) -> Outcome {
    let mut result = float(&args[0])?;
    for arg in &args[1..] {
        result = step(result, float(arg)?);
    }
    if result.is_finite() { Ok(Value::Float(result)) } else { Err(fail("the result is no number".to_owned())) }
}

/// `round NUMBER PLACES [UP]`: up from the fraction `UP` on, half unless said.
fn round(args: &[Value]) -> Outcome {
    let (number, places) = (float(&args[0])?, int(args, 1)?.clamp(-15, 15));
    let up = args.get(2).map_or(Ok(0.5), float)?;
    let scale = 10_f64.powi(i32::try_from(places).unwrap_or_default());
    let scaled = number * scale;
    let rounded = if scaled.abs().fract() >= up { scaled.abs().ceil() } else { scaled.abs().floor() };
    Ok(Value::Float(rounded.copysign(scaled) / scale))
}

fn float(value: &Value) -> Result<f64, TemplateError> {
    match value {
        Value::Nil => Ok(0.0),
        Value::Int(number) => Ok(*number as f64),
        Value::Uint(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::Bool(value) => Ok(f64::from(u8::from(*value))),
        Value::String(text) => {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| fail(format!("`{}` is not a number", clip(text))))
        }
        other => Err(fail(format!("a number was expected, not {}", other.type_name()))),
    }
}
