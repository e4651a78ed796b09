//! Values as JSON, and back.

use super::{Outcome, Row, arg, fail, string};
use gotmpl::Value;
use serde_json::Value as Json;
use std::{io, sync::Arc};

pub(super) const TABLE: &[Row] = &[
    ("toJson", 1..=1, |a| string(escaped(&compact(&a[0])))),
    ("toRawJson", 1..=1, |a| string(compact(&a[0]))),
    ("toPrettyJson", 1..=1, |a| pretty(&a[0])),
    ("fromJson", 1..=1, |a| from_text(&arg(a, 0))),
];

/// JSON on one line, keys sorted.
pub(in crate::render) fn compact(value: &Value) -> String {
    to_json(value).to_string()
}

/// JSON as Go writes it, which may stand in HTML (package `json`, `HTMLEscape`). Outside of texts none of these stand.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}

/// JSON on many lines. What is nested deep is indented far: bounded while it is written.
fn pretty(value: &Value) -> Outcome {
    let mut bounded = Bounded(Vec::new());
    match serde_json::to_writer_pretty(&mut bounded, &to_json(value)) {
        Ok(()) => string(escaped(&String::from_utf8_lossy(&bounded.0))),
        Err(_) => Err(fail(crate::render::state::TOO_LARGE.to_owned())),
    }
}

/// Takes as many bytes as a value may have.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > crate::render::OUTPUT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
