//! Paths with `/` as Go's package `path` takes them apart, and URLs.

use super::{Outcome, Row, arg, fail, string, text};
use acre_model::text::clip;
use gotmpl::Value;
use std::{collections::BTreeMap, sync::Arc};

pub(super) const TABLE: &[Row] = &[
    ("base", 1..=1, |a| string(base(&arg(a, 0)))),
    ("dir", 1..=1, |a| string(dir(&arg(a, 0)))),
    ("clean", 1..=1, |a| string(clean(&arg(a, 0)))),
    ("ext", 1..=1, |a| string(ext(&arg(a, 0)))),
    ("isAbs", 1..=1, |a| Ok(Value::Bool(arg(a, 0).starts_with('/')))),
    ("osBase", 1..=1, |a| string(base(&arg(a, 0)))),
    ("osDir", 1..=1, |a| string(dir(&arg(a, 0)))),
    ("osClean", 1..=1, |a| string(clean(&arg(a, 0)))),
    ("osExt", 1..=1, |a| string(ext(&arg(a, 0)))),
    ("osIsAbs", 1..=1, |a| Ok(Value::Bool(arg(a, 0).starts_with('/')))),
    ("urlParse", 1..=1, |a| url_parse(&arg(a, 0))),
    ("urlJoin", 1..=1, |a| url_join(&a[0])),
];

fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    match path.trim_end_matches('/').rsplit('/').next() {
        None | Some("") => "/".to_owned(),
        Some(name) => name.to_owned(),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

fn ext(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rfind('.').map_or_else(String::new, |dot| name[dot..].to_owned())
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, joined) => format!("/{joined}"),
        (false, joined) if joined.is_empty() => ".".to_owned(),
        (false, joined) => joined,
    }
}

/// The parts that Sprig's `urlParse` gives.
const PARTS: [&str; 8] = ["scheme", "userinfo", "host", "hostname", "path", "query", "fragment", "opaque"];

fn url_parse(url: &str) -> Outcome {
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once("://").ok_or_else(|| fail(format!("`{}` is not a URL", clip(url))))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let values = [scheme, user, host, name, path, query, fragment, ""];
    let entries = PARTS.into_iter().zip(values).map(|(key, value)| (Arc::from(key), Value::String(value.into())));
    Ok(Value::Map(Arc::new(entries.collect::<BTreeMap<_, _>>())))
}

fn url_join(value: &Value) -> Outcome {
    let part = |key: &str| value.field(key).map(text).unwrap_or_default();
    let with = |mark: &str, part: String| if part.is_empty() { part } else { format!("{mark}{part}") };
    let user = part("userinfo");
    let user = if user.is_empty() { user } else { format!("{user}@") };
    let (query, fragment) = (with("?", part("query")), with("#", part("fragment")));
    string(format!("{}://{user}{}{}{query}{fragment}", part("scheme"), part("host"), part("path")))
}
