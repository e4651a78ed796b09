//! What a value is, and choices between values.

use super::{MANY, Row, arg, fail, string};
use gotmpl::Value;

pub(super) const TABLE: &[Row] = &[
    ("default", 1..=2, |a| Ok(a.get(1).filter(|value| value.is_truthy()).unwrap_or(&a[0]).clone())),
    ("empty", 1..=1, |a| Ok(Value::Bool(!a[0].is_truthy()))),
    ("coalesce", 0..=MANY, |a| Ok(a.iter().find(|value| value.is_truthy()).cloned().unwrap_or(Value::Nil))),
    ("all", 0..=MANY, |a| Ok(Value::Bool(a.iter().all(Value::is_truthy)))),
    ("any", 0..=MANY, |a| Ok(Value::Bool(a.iter().any(Value::is_truthy)))),
    ("ternary", 3..=3, |a| Ok(if a[2].is_truthy() { a[0].clone() } else { a[1].clone() })),
    ("required", 2..=2, |a| if a[1].is_truthy() { Ok(a[1].clone()) } else { Err(fail(arg(a, 0))) }),
    ("kindOf", 1..=1, |a| string(kind(&a[0]))),
    ("typeOf", 1..=1, |a| string(type_of(&a[0]))),
    ("kindIs", 2..=2, |a| Ok(Value::Bool(is(&arg(a, 0), kind(&a[1]))))),
    ("typeIs", 2..=2, |a| Ok(Value::Bool(is(&arg(a, 0), type_of(&a[1]))))),
    ("typeIsLike", 2..=2, |a| Ok(Value::Bool(is(arg(a, 0).trim_start_matches('*'), type_of(&a[1]))))),
    ("deepEqual", 2..=2, |a| Ok(Value::Bool(a[0] == a[1]))),
];

/// The kind of a value as Go's `reflect` names it. A number written in a template is an `int`.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Int(_) => "int",
        Value::List(_) => "slice",
        other => other.type_name(),
    }
}

/// The type of a value as Go prints it (`%T`).
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        other => kind(other),
    }
}

/// Whether a name is meant: what functions compute is an `int64` in Sprig, and no other number here.
fn is(wanted: &str, name: &str) -> bool {
    wanted == name || wanted == "int64" && name == "int"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_called_as_go_calls_them() {
        let table = [
            (Value::Nil, "invalid", "<nil>"),
            (Value::Int(1), "int", "int"),
            (Value::Float(1.5), "float64", "float64"),
            (Value::from("x"), "string", "string"),
            (Value::Bool(true), "bool", "bool"),
            (Value::List([].into()), "slice", "[]interface {}"),
            (Value::Map(Default::default()), "map", "map[string]interface {}"),
        ];
        for (value, of_kind, of_type) in table {
            assert_eq!((kind(&value), type_of(&value)), (of_kind, of_type), "{value}");
            assert!(is(of_type, type_of(&value)) && is(of_kind, kind(&value)), "{value}");
        }
        assert!(is("int64", kind(&Value::Int(1))) && !is("int", kind(&Value::from("1"))));
    }
}
