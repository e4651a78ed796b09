//! Regular expressions, of the syntax that Go has too, and versions (semver.org 2.0).

use super::{Outcome, Row, arg, fail, fits, int, string};
use acre_model::text::clip;
use gotmpl::{TemplateError, Value};
use regex::{NoExpand, Regex, RegexBuilder};
use semver::Version;
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

pub(super) const TABLE: &[Row] = &[
    ("regexMatch", 2..=2, |a| Ok(Value::Bool(regex(a)?.is_match(&arg(a, 1))))),
    ("regexFind", 2..=2, |a| string(regex(a)?.find(&arg(a, 1)).map_or("", |found| found.as_str()))),
    ("regexFindAll", 3..=3, find_all),
    ("regexReplaceAll", 3..=3, |a| bounded(a, |regex, text, new| regex.replace_all(text, new).into_owned())),
    ("regexReplaceAllLiteral", 3..=3, |a| {
        bounded(a, |regex, text, new| regex.replace_all(text, NoExpand(new)).into_owned())
    }),
    ("regexSplit", 3..=3, split),
    ("regexQuoteMeta", 1..=1, |a| string(regex::escape(&arg(a, 0)))),
    ("semver", 1..=1, |a| parts(&arg(a, 0))),
    ("semverCompare", 2..=2, |a| compare(&arg(a, 0), &arg(a, 1)).map(Value::Bool)),
];

/// Most bytes of a compiled expression.
const COMPILED: usize = 1 << 20;

fn regex(args: &[Value]) -> Result<Regex, TemplateError> {
    let pattern = arg(args, 0);
    let built = RegexBuilder::new(&pattern).size_limit(COMPILED).dfa_size_limit(COMPILED).build();
    built.map_err(|why| {
        let why = why.to_string();
        let reason = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        fail(format!("`{}` is not a regular expression: {reason}", clip(&pattern)))
    })
}

/// How many matches are wanted; a negative number means all.
fn most(args: &[Value]) -> Result<usize, TemplateError> {
    Ok(usize::try_from(int(args, 2)?).unwrap_or(usize::MAX))
}

fn find_all(args: &[Value]) -> Outcome {
    let text = arg(args, 1);
    let found: Vec<Value> =
        regex(args)?.find_iter(&text).take(most(args)?).map(|found| Value::from(found.as_str())).collect();
    Ok(Value::List(found.into()))
}

fn split(args: &[Value]) -> Outcome {
    let (text, regex, most) = (arg(args, 1), regex(args)?, most(args)?);
    Ok(Value::List(regex.splitn(&text, most).map(Value::from).collect()))
}

/// What replacing gives, unless the new text makes too much of it.
fn bounded(args: &[Value], replace: fn(&Regex, &str, &str) -> String) -> Outcome {
    let (regex, text, new) = (regex(args)?, arg(args, 1), arg(args, 2));
    let grown = regex.find_iter(&text).count().saturating_mul(new.len());
    // A group of the expression may be put in as often as the new text names it.
    let groups = new.matches('$').count().saturating_mul(text.len());
    fits(grown.saturating_add(groups))?;
    string(replace(&regex, &text, &new))
}

/// A version as Sprig reads it: a `v` before it, and parts that are left out as 0; how many were written.
fn version(text: &str) -> Option<(Version, usize)> {
    let plain = text.trim().trim_start_matches(['v', 'V']);
    let end = plain.find(['-', '+']).unwrap_or(plain.len());
    let (numbers, rest) = plain.split_at(end);
    let any = |part: &&str| matches!(*part, "x" | "X" | "*" | "");
    let written: Vec<&str> = numbers.split('.').take_while(|part| !any(part)).collect();
    let count = written.len();
    if numbers.split('.').count() > 3 || !numbers.split('.').skip(count).all(|part| any(&part)) {
        return None;
    }
    let all: Vec<&str> = written.into_iter().chain(std::iter::repeat_n("0", 3 - count)).collect();
    Version::parse(&format!("{}{rest}", all.join("."))).ok().map(|version| (version, count))
}

fn parsed(text: &str) -> Result<(Version, usize), TemplateError> {
    version(text).ok_or_else(|| fail(format!("`{}` is not a version; write for example 1.2.3", clip(text))))
}

fn parts(text: &str) -> Outcome {
    let (version, _) = parsed(text)?;
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let entries: [(&str, Value); 6] = [
        ("Major", number(version.major)),
        ("Minor", number(version.minor)),
        ("Patch", number(version.patch)),
        ("Prerelease", Value::from(version.pre.as_str())),
        ("Metadata", Value::from(version.build.as_str())),
        ("Original", Value::from(text)),
    ];
    let entries = entries.into_iter().map(|(key, value)| (Arc::from(key), value));
    Ok(Value::Map(Arc::new(entries.collect::<BTreeMap<_, _>>())))
}

/// Whether a version is within a constraint: alternatives by `||`, of comparisons by commas or blanks.
fn compare(constraint: &str, text: &str) -> Result<bool, TemplateError> {
    let (version, _) = parsed(text)?;
    let mut any = false;
    for alternative in constraint.split("||") {
        any |= all(alternative, &version)?;
    }
    Ok(any)
}

/// The operators of a comparison, longer ones first.
const OPERATORS: [&str; 12] = ["!=", ">=", "=>", "<=", "=<", "~>", ">", "<", "~", "^", "==", "="];

fn all(alternative: &str, version: &Version) -> Result<bool, TemplateError> {
    if let Some((from, to)) = alternative.split_once(" - ") {
        return Ok(within(">=", from, version)? && within("<=", to, version)?);
    }
    // An operator may stand apart from its version.
    let (mut all, mut operator) = (true, "");
    for word in alternative.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
        let own = OPERATORS.iter().find(|own| word.starts_with(**own)).copied().unwrap_or_default();
        let rest = &word[own.len()..];
        let used = if own.is_empty() { std::mem::take(&mut operator) } else { own };
        if rest.is_empty() {
            operator = used;
            continue;
        }
        all &= within(used, rest, version)?;
    }
    Ok(all)
}

fn within(operator: &str, text: &str, version: &Version) -> Result<bool, TemplateError> {
    let (bound, written) = parsed(text)?;
    // A version before a release is within a constraint only if that names one too.
    if !version.pre.is_empty() && bound.pre.is_empty() && operator != "!=" {
        return Ok(false);
    }
    let order = version.cmp_precedence(&bound);
    let same = match written {
        0 => true,
        1 => version.major == bound.major,
        2 => (version.major, version.minor) == (bound.major, bound.minor),
        _ => order == Ordering::Equal,
    };
    let minor = version.major == bound.major && (written < 2 || version.minor == bound.minor);
    let caret = match (bound.major, bound.minor) {
        (0, 0) if written > 2 => order == Ordering::Equal,
        (0, minor) if written > 1 => version.major == 0 && version.minor == minor,
        (major, _) => version.major == major,
    };
    Ok(match operator {
        "" | "=" | "==" => same,
        "!=" => !same,
        ">" => order == Ordering::Greater && !(written < 3 && same),
        "<" => order == Ordering::Less,
        ">=" | "=>" => order != Ordering::Less,
        "<=" | "=<" => order != Ordering::Greater || written < 3 && same,
        "~" | "~>" => written == 0 || order != Ordering::Less && minor,
        _ => written == 0 || order != Ordering::Less && caret,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_sprig_compares_them() {
        let table = [
            (">=1.2.0", "1.2.3", true),
            (">= 1.2, < 2", "1.9.9", true),
            ("^1.2.3", "1.9.0", true),
            ("^1.2.3", "2.0.0", false),
            ("^0.2.3", "0.3.0", false),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("~1", "1.9.0", true),
            ("1.2.x", "1.2.7", true),
            ("1.2", "v1.2.7", true),
            ("*", "4.5.6", true),
            ("1 - 2.5", "2.5.9", true),
            ("<1 || >=3", "3.0.1", true),
            ("!=1.2.3", "1.2.3", false),
            (">=1.0.0", "1.1.0-beta", false),
            (">=1.0.0-0", "1.1.0-beta", true),
            (">1.2", "1.2.9", false),
        ];
        for (constraint, version, expected) in table {
            assert_eq!(compare(constraint, version).unwrap(), expected, "{constraint} {version}");
        }
        for (constraint, version) in [("x.y", "1"), (">=a", "1.0"), (">=1", "one"), ("1.2.3.4", "1")] {
            assert!(compare(constraint, version).is_err(), "{constraint} {version}");
        }
    }
}
