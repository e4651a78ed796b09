//! A file → the tasks that it says. All faults at once, each with its place.

use super::{CREDENTIAL, Document, LoginFrom, TASK, TIMER, VALUES, ValueFrom, definition::definition};
use crate::{
    address,
    check::fields::{Fields, Placed},
    diagnostic::{At, Diagnostics, Faults, Listing},
    yaml::{self, Node, Value},
};
use acre_model::{
    duration,
    ids::{SecretId, TaskName, TimerName},
    platform::Platform,
    stored_task::{BaseImageTrigger, StoredTask, TaskStatus, Timer, replaced},
    submission::{NamedText, Source},
    text::clip,
};
use std::{collections::BTreeMap, str::FromStr};

/// Most bytes of a value's place.
const LONGEST: usize = 4096;

/// The tasks that a file says, in its order; several are separated by `---`.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn read(file: &str, text: &str) -> Result<Vec<Document>, Diagnostics> {
    let listing = Listing::new(file, text);
    crate::check_size(&listing, text.len())?;
    let nodes = yaml::parse_all(text).map_err(|fault| crate::check::syntax(&listing, fault))?;
    let mut faults = Faults::new(&listing, Vec::new());
    let mut seen: BTreeMap<TaskName, u32> = BTreeMap::new();
    let mut documents = Vec::new();
    // Nothing stands between two `---`, or behind the last.
    for node in nodes.iter().filter(|node| !node.is_null()) {
        let Some(document) = task(node, &mut faults) else { continue };
        if let Some(line) = seen.insert(document.task.name.clone(), document.line) {
            let message = format!("the task `{}` is there twice, first in line {line}", document.task.name);
            faults.refuse(node.at, message);
        }
        documents.push(document);
    }
    if documents.is_empty() && !faults.any_error() {
        faults.error(At::FILE, "there is no task in it").help =
            Some("write `name: NAME`, and what its runs do".to_owned());
    }
    faults.finish()?;
    Ok(documents)
}

fn task<'a>(node: &'a Node, faults: &mut Faults<'a>) -> Option<Document> {
    let mut fields = Fields::new(node, "a task", faults)?;
    fields.refuse_keys(&TASK);
    fields.missing(node.at, "a task", "name");
    let name = parsed::<TaskName>(&mut fields, "name").unwrap_or_else(|| "unnamed".parse().expect("it is a name"));
    let mut document = Document {
        task: StoredTask::new(name),
        line: node.at.line,
        values: Vec::new(),
        secrets: Vec::new(),
        logins: Vec::new(),
        git_token: None,
    };
    source(&mut fields, node.at, &mut document.task);
    definition(&mut fields, &mut document);
    document.task.secret_sets = names_or_sources(&mut fields, "setSecret", &mut document.secrets);
    document.task.sets = pairs_of(&mut fields, "set");
    document.task.platforms = platforms(&mut fields);
    values(&mut fields, &mut document);
    credentials(&mut fields, &mut document);
    document.git_token = fields.text("gitAccessToken").and_then(|placed| value_from(&mut fields, &placed));
    settings(&mut fields, &mut document.task);
    triggers(&mut fields, &mut document.task);
    Some(document)
}

fn source(fields: &mut Fields<'_, '_>, at: At, task: &mut StoredTask) {
    let context = fields.text("context");
    if context.is_none() && fields.get("cmd").is_none() {
        fields.missing(at, "a task without `cmd`", "context");
    }
    let Some(Placed { at, value }) = context else { return };
    task.source = match value.as_str() {
        "/dev/null" => Source::None,
        text if address::is_address(text) => match address::parse(text) {
            Ok(_) => Source::Address(value),
            Err(why) => return fields.faults.refuse(at, format!("`context`: {why}")),
        },
        text => {
            let why = "a folder of this machine is not there when the task runs";
            fields.faults.error(at, format!("`context: {}`: {why}", clip(text))).help =
                Some("give an address, or /dev/null".to_owned());
            return;
        }
    };
}

fn settings(fields: &mut Fields<'_, '_>, task: &mut StoredTask) {
    task.status = status(fields).unwrap_or(task.status);
    task.registry = fields.text("registry").map(|registry| registry.value);
    if let Some(Placed { at, value }) = fields.text("timeout") {
        match duration::parse(&value) {
            Ok(millis) => task.timeout_ms = millis,
            Err(why) => fields.faults.refuse(at, format!("`timeout`: {why}")),
        }
    }
    task.pool = parsed(fields, "agentPool").unwrap_or_default();
    task.emulation = parsed(fields, "emulation").unwrap_or_default();
}

fn triggers(fields: &mut Fields<'_, '_>, task: &mut StoredTask) {
    let is_said = |fields: &mut Fields<'_, '_>, key: &str| fields.get(key).is_some();
    let is_git = address::is_git(&task.source);
    let commit_status = parsed(fields, "commitStatus").unwrap_or_default();
    let source = &mut task.triggers.source;
    source.commit_status = commit_status;
    source.cancel_superseded = fields.switch("cancelSuperseded");
    source.poll = fields.switch("pollSource");
    let commits = "commitTriggerEnabled";
    source.commits = if is_said(fields, commits) { fields.switch(commits) } else { is_git };
    source.pull_requests = fields.switch("pullRequestTriggerEnabled");
    source.branches = texts(fields, "branches");
    source.paths = texts(fields, "path");
    source.tags = texts(fields, "tagTrigger");
    let enabled = "baseImageTriggerEnabled";
    let is_off = is_said(fields, enabled) && !fields.switch(enabled);
    let of = base_images(fields);
    task.triggers.base_image = if is_off { BaseImageTrigger::Disabled } else { of };
    timers(fields, task);
}

fn base_images(fields: &mut Fields<'_, '_>) -> BaseImageTrigger {
    let Some(Placed { at, value }) = fields.text("baseImageTriggerType") else { return BaseImageTrigger::default() };
    match value.to_ascii_lowercase().as_str() {
        "runtime" => BaseImageTrigger::Runtime,
        "all" => BaseImageTrigger::All,
        _ => {
            let message = format!("`baseImageTriggerType` is Runtime or All, not `{}`", clip(&value));
            fields.faults.refuse(at, message);
            BaseImageTrigger::default()
        }
    }
}

fn status(fields: &mut Fields<'_, '_>) -> Option<TaskStatus> {
    let Placed { at, value } = fields.text("status")?;
    match value.to_ascii_lowercase().as_str() {
        "enabled" => Some(TaskStatus::Enabled),
        "disabled" => Some(TaskStatus::Disabled),
        _ => {
            fields.faults.refuse(at, format!("`status` is Enabled or Disabled, not `{}`", clip(&value)));
            None
        }
    }
}

/// Each as the flag has it, `NAME:CRON` or `CRON`, or as a map.
fn timers(fields: &mut Fields<'_, '_>, task: &mut StoredTask) {
    for (index, node) in fields.nodes("schedule").iter().enumerate() {
        let timer = match (&node.value, node.text()) {
            (Value::Map(_), _) => timer_map(node, fields),
            (_, Some(text)) => timer_text(index, node.at, text, fields),
            _ => {
                fields.faults.refuse(node.at, format!("a schedule is `NAME:CRON` or a map, not {}", node.kind()));
                None
            }
        };
        task.triggers.timers.extend(timer);
    }
}

fn timer_text(index: usize, at: At, text: &str, fields: &mut Fields<'_, '_>) -> Option<Timer> {
    let (name, schedule) = match text.split_once(':') {
        Some((name, schedule)) => (name.to_owned(), schedule),
        // As ACR names it: by its place.
        None => (format!("t{}", index + 1), text),
    };
    match name.parse::<TimerName>() {
        Ok(name) => Some(Timer::new(name, schedule.trim().to_owned())),
        Err(why) => {
            fields.faults.refuse(at, format!("`schedule`: {why}"));
            None
        }
    }
}

fn timer_map<'a>(node: &'a Node, fields: &mut Fields<'a, '_>) -> Option<Timer> {
    let mut inner = Fields::new(node, "a schedule", fields.faults)?;
    inner.refuse_keys(&TIMER);
    inner.missing(node.at, "a schedule", "timerName");
    inner.missing(node.at, "a schedule", "schedule");
    let status = status(&mut inner).unwrap_or_default();
    let (name, schedule) = (parsed(&mut inner, "timerName"), inner.text("schedule"));
    Some(Timer { status, ..Timer::new(name?, schedule?.value.trim().to_owned()) })
}

/// Each a file, or a map of a name and a text.
fn values(fields: &mut Fields<'_, '_>, document: &mut Document) {
    for (place, node) in fields.nodes("values").iter().enumerate() {
        match node.text() {
            Some(file) => document.values.push((place, file.to_owned())),
            None => document.task.values.extend(named_text(node, fields)),
        }
    }
}

fn named_text<'a>(node: &'a Node, fields: &mut Fields<'a, '_>) -> Option<NamedText> {
    let mut inner = Fields::new(node, "an item of `values` that is no file", fields.faults)?;
    inner.refuse_keys(&VALUES);
    inner.missing(node.at, "an item of `values`", "name");
    inner.missing(node.at, "an item of `values`", "text");
    let (name, text) = (inner.text("name"), inner.text("text"));
    Some(NamedText { name: name?.value, text: text?.value })
}

/// Each the name of a registry whose login stays, or a map.
fn credentials(fields: &mut Fields<'_, '_>, document: &mut Document) {
    for node in fields.nodes("credential") {
        match node.text() {
            Some(registry) => document.task.logins.push(registry.to_owned()),
            None => {
                let login = credential(node, fields);
                document.task.logins.extend(login.iter().map(|login| login.registry.clone()));
                document.logins.extend(login);
            }
        }
    }
}

fn credential<'a>(node: &'a Node, fields: &mut Fields<'a, '_>) -> Option<LoginFrom> {
    let mut inner = Fields::new(node, "a credential", fields.faults)?;
    inner.refuse_keys(&CREDENTIAL);
    CREDENTIAL.known.iter().for_each(|key| inner.missing(node.at, "a credential", key));
    let (registry, username, password) = (inner.text("loginServer"), inner.text("username"), inner.text("password"));
    let password = value_from(&mut inner, &password?);
    Some(LoginFrom { registry: registry?.value, username: username?.value, password: password? })
}

fn platforms(fields: &mut Fields<'_, '_>) -> Vec<Platform> {
    let mut platforms: Vec<Platform> = Vec::new();
    for Placed { at, value } in fields.texts("platform") {
        for part in value.split(',') {
            match part.trim().parse::<Platform>() {
                Ok(platform) if platforms.contains(&platform) => {}
                Ok(platform) => platforms.push(platform),
                Err(why) => fields.faults.refuse(at, why.to_string()),
            }
        }
    }
    platforms
}

pub(super) fn texts(fields: &mut Fields<'_, '_>, key: &str) -> Vec<String> {
    fields.texts(key).into_iter().map(|text| text.value).collect()
}

/// A map, or a list of `KEY=VALUE`; of one name that is there twice, the last.
pub(super) fn pairs_of(fields: &mut Fields<'_, '_>, key: &str) -> Vec<(String, String)> {
    let Some(entry) = fields.get(key) else { return Vec::new() };
    let mut pairs: Vec<(String, String)> = Vec::new();
    if let Value::Map(entries) = &entry.value.value {
        for entry in entries {
            match entry.value.text() {
                Some(text) if !entry.value.is_null() => pairs.push((entry.key.to_string(), text.to_owned())),
                _ => fields.faults.refuse(entry.value.at, format!("`{}` must have a text", clip(&entry.key))),
            }
        }
        return pairs;
    }
    for Placed { at, value } in fields.texts(key) {
        match value.split_once('=') {
            Some((name, value)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
                pairs = replaced(&pairs, vec![(name.to_owned(), value.to_owned())]);
            }
            _ => fields.faults.refuse(at, format!("`{}` is not KEY=VALUE", clip(&value))),
        }
    }
    pairs
}

/// A list of names, or a map of names and where their values come from; nothing there: the value stays as it is.
pub(super) fn names_or_sources(
    fields: &mut Fields<'_, '_>,
    key: &str,
    secrets: &mut Vec<(SecretId, ValueFrom)>,
) -> Vec<String> {
    let Some(entry) = fields.get(key) else { return Vec::new() };
    let Value::Map(entries) = &entry.value.value else {
        let names = fields.texts(key);
        return names.into_iter().filter_map(|Placed { at, value }| id_of(fields, at, &value).map(|_| value)).collect();
    };
    let mut names = Vec::new();
    for entry in entries {
        let Some(id) = id_of(fields, entry.at, &entry.key) else { continue };
        names.push(entry.key.to_string());
        if !entry.value.is_null() {
            let written = Placed { at: entry.value.at, value: entry.value.text().unwrap_or_default().to_owned() };
            secrets.extend(value_from(fields, &written).map(|from| (id, from)));
        }
    }
    names
}

fn id_of(fields: &mut Fields<'_, '_>, at: At, name: &str) -> Option<SecretId> {
    match SecretId::of_set(name) {
        // What stands here may be a value that somebody wrote by mistake.
        Ok(id) if !name.is_empty() => Some(id),
        _ => refuse_hidden(fields, at, "the name of a secret is 1 to 123 of A-Z, a-z, 0-9, _ . and -"),
    }
}

/// `env:NAME` or `file:PATH`. What else stands there is not shown: it may be a value.
fn value_from(fields: &mut Fields<'_, '_>, written: &Placed<String>) -> Option<ValueFrom> {
    let is_plain = |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
    match written.value.split_once(':').filter(|(_, place)| is_plain(place)) {
        Some(("env", name)) if !name.contains(['=', ' ']) => Some(ValueFrom::Env(name.to_owned())),
        Some(("file", path)) => Some(ValueFrom::File(path.to_owned())),
        _ => refuse_hidden(
            fields,
            written.at,
            "a value is not written here; write where it comes from, env:NAME or file:PATH",
        ),
    }
}

/// Refuses what stands at a place without showing the line.
fn refuse_hidden<T>(fields: &mut Fields<'_, '_>, at: At, why: &str) -> Option<T> {
    fields.faults.refuse(At::FILE, format!("line {}, column {}: {why}", at.line, at.column));
    None
}

/// A text that is parsed.
fn parsed<T: FromStr<Err: std::fmt::Display>>(fields: &mut Fields<'_, '_>, key: &str) -> Option<T> {
    let Placed { at, value } = fields.text(key)?;
    value.parse().map_err(|why: T::Err| fields.faults.refuse(at, format!("`{key}`: {why}"))).ok()
}
