//! Functions on text, arguments in Sprig's order: the text comes last.

use super::{MANY, Outcome, Row, arg, count, fail, fits, int, string, text, words};
use data_encoding::BASE64;
use gotmpl::Value;
use std::collections::BTreeSet;

pub(super) const TABLE: &[Row] = &[
    ("trim", 1..=1, |a| string(arg(a, 0).trim())),
    ("trimAll", 2..=2, trim_all),
    ("trimall", 2..=2, trim_all),
    ("trimPrefix", 2..=2, |a| string(arg(a, 1).strip_prefix(&arg(a, 0)).unwrap_or(&arg(a, 1)))),
    ("trimSuffix", 2..=2, |a| string(arg(a, 1).strip_suffix(&arg(a, 0)).unwrap_or(&arg(a, 1)))),
    ("upper", 1..=1, |a| string(arg(a, 0).to_uppercase())),
    ("lower", 1..=1, |a| string(arg(a, 0).to_lowercase())),
    ("title", 1..=1, |a| string(words::recased(&arg(a, 0), |c| c.to_uppercase().collect()))),
    ("replace", 3..=3, |a| replace(&arg(a, 0), &arg(a, 1), &arg(a, 2))),
    ("repeat", 2..=2, |a| repeat(count(a, 0)?, &arg(a, 1))),
    ("nospace", 1..=1, |a| string(arg(a, 0).split_whitespace().collect::<String>())),
    ("trunc", 2..=2, |a| trunc(int(a, 0)?, &arg(a, 1))),
    ("substr", 3..=3, |a| substr(int(a, 0)?, int(a, 1)?, &arg(a, 2))),
    ("contains", 2..=2, |a| Ok(Value::Bool(arg(a, 1).contains(&arg(a, 0))))),
    ("hasPrefix", 2..=2, |a| Ok(Value::Bool(arg(a, 1).starts_with(&arg(a, 0))))),
    ("hasSuffix", 2..=2, |a| Ok(Value::Bool(arg(a, 1).ends_with(&arg(a, 0))))),
    ("quote", 0..=MANY, |a| string(each(a, |text| serde_json::Value::from(text).to_string()))),
    ("squote", 0..=MANY, |a| string(each(a, |text| format!("'{text}'")))),
    ("cat", 0..=MANY, |a| string(each(a, str::to_owned))),
    ("indent", 2..=2, |a| indent(count(a, 0)?, &arg(a, 1))),
    ("nindent", 2..=2, |a| {
        indent(count(a, 0)?, &arg(a, 1)).map(|lines| Value::String(format!("\n{}", text(&lines)).into()))
    }),
    ("b64enc", 1..=1, |a| string(BASE64.encode(arg(a, 0).as_bytes()))),
    ("b64dec", 1..=1, |a| b64dec(&arg(a, 0))),
    ("toString", 1..=1, |a| string(arg(a, 0))),
    ("fail", 1..=1, |a| Err(fail(arg(a, 0)))),
];

/// The texts of what is there, joined by blanks.
fn each(args: &[Value], show: impl Fn(&str) -> String) -> String {
    let texts = args.iter().filter(|value| !matches!(value, Value::Nil)).map(|value| show(&text(value)));
    texts.collect::<Vec<_>>().join(" ")
}

/// The text without the characters of a set at its ends.
fn trim_all(args: &[Value]) -> Outcome {
    let set: BTreeSet<char> = arg(args, 0).chars().collect();
    string(arg(args, 1).trim_matches(|c| set.contains(&c)))
}

fn replace(old: &str, new: &str, text: &str) -> Outcome {
    // Bounded before it is made: every character may become the new text.
    let grown = text.matches(old).count().saturating_mul(new.len()).saturating_add(text.len());
    fits(grown.saturating_sub(text.len()))?;
    string(text.replace(old, new))
}

fn repeat(times: usize, text: &str) -> Outcome {
    fits(times.saturating_mul(text.len()))?;
    string(text.repeat(times))
}

/// The first `length` characters, or the last ones where it is negative.
fn trunc(length: i64, text: &str) -> Outcome {
    let all = text.chars().count();
    let wanted = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX).min(all);
    let skipped = if length < 0 { all - wanted } else { 0 };
    string(text.chars().skip(skipped).take(wanted).collect::<String>())
}

/// Characters from `start` up to, not including, `end`; a negative end means all.
fn substr(start: i64, end: i64, text: &str) -> Outcome {
    let place = |number: i64| usize::try_from(number).unwrap_or(0);
    let taken = if end < 0 { usize::MAX } else { place(end).saturating_sub(place(start)) };
    string(text.chars().skip(place(start)).take(taken).collect::<String>())
}

fn indent(blanks: usize, text: &str) -> Outcome {
    let lines = text.matches('\n').count() + 1;
    fits(blanks.saturating_mul(lines))?;
    let margin = " ".repeat(blanks);
    string(format!("{margin}{}", text.replace('\n', &format!("\n{margin}"))))
}

fn b64dec(text: &str) -> Outcome {
    let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| fail("`b64dec` was given no base64".to_owned()))?;
    string(String::from_utf8(bytes).map_err(|_| fail("what `b64dec` gave is not UTF-8".to_owned()))?)
}
