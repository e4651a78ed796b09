//! Values as JSON, and back.

use super::{Outcome, Row, arg, fail, string};
use gotmpl::Value;
use serde_json::Value as Json;
use std::sync::Arc;

pub(super) const TABLE: &[Row] = &[
    ("toJson", 1..=1, |a| string(compact(&a[0]))),
    ("toRawJson", 1..=1, |a| string(compact(&a[0]))),
    ("toPrettyJson", 1..=1, |a| string(format!("{:#}", to_json(&a[0])))),
    ("fromJson", 1..=1, |a| from_text(&arg(a, 0))),
];

/// JSON on one line, keys sorted.
pub(in crate::render) fn compact(value: &Value) -> String {
    to_json(value).to_string()
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => serde_json::Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String((**text).to_owned()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, value)| ((**key).to_owned(), to_json(value))).collect())
        }
        _ => Json::Null,
    }
}

fn from_text(text: &str) -> Outcome {
    let json: Json = serde_json::from_str(text).map_err(|why| fail(format!("`fromJson` was given no JSON: {why}")))?;
    Ok(from_json(json))
}

/// Its depth is bounded by the parser (128).
fn from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        Json::Object(entries) => {
            Value::Map(Arc::new(entries.into_iter().map(|(key, value)| (key.into(), from_json(value))).collect()))
        }
    }
}
