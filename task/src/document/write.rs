//! A task → the keys that say it. What is as it is unless said stays unsaid.

use super::Value;
use crate::address::is_git;
use acre_model::{
    duration,
    ids::PoolName,
    stored_task::{BaseImageTrigger, Definition, ImageBuild, StoredTask, TaskStatus, Timer, Triggers},
    submission::{Emulation, NamedText, Source},
    trigger::CommitStatus,
};
use std::collections::BTreeSet;

/// The keys of a task with what stands behind them, in order. The last is always there.
pub fn fields(task: &StoredTask) -> Vec<(&'static str, Value)> {
    let mut fields: Vec<(&'static str, Value)> = Vec::new();
    let mut say = |key: &'static str, value: Option<Value>| fields.extend(value.map(|value| (key, value)));
    say("name", Some(task.name.as_str().into()));
    say("status", (task.status == TaskStatus::Disabled).then(|| task.status.to_string().into()));
    say("context", Some(context(&task.source)));
    definition(task, &mut say);
    let platforms: Vec<String> = task.platforms.iter().map(ToString::to_string).collect();
    say("platform", some_of(&platforms));
    say("registry", task.registry.clone().map(Value::from));
    say("set", pairs(&task.sets));
    say("setSecret", some_of(&task.secret_sets));
    let values = |text: &NamedText| {
        let NamedText { name, text } = text;
        Value::Map(vec![("name".to_owned(), name.as_str().into()), ("text".to_owned(), text.as_str().into())])
    };
    say("values", list(task.values.iter().map(values)));
    say("credential", some_of(&task.logins));
    say("timeout", (task.timeout_ms != StoredTask::TIMEOUT_MS).then(|| duration::exact(task.timeout_ms).into()));
    say("agentPool", (task.pool != PoolName::default()).then(|| task.pool.to_string().into()));
    say("emulation", (task.emulation != Emulation::default()).then(|| task.emulation.to_string().into()));
    triggers(&task.triggers, is_git(&task.source), &mut say);
    fields
}

fn context(source: &Source) -> Value {
    match source {
        Source::None => "/dev/null".into(),
        Source::Tree(digest) => digest.to_string().into(),
        Source::Address(address) => address.as_str().into(),
    }
}

type Say<'a> = dyn FnMut(&'static str, Option<Value>) + 'a;

fn definition(task: &StoredTask, say: &mut Say<'_>) {
    match &task.definition {
        Definition::File(file) => say("file", file.clone().map(Value::from)),
        Definition::Text(text) => say("fileText", Some(text.text.as_str().into())),
        Definition::Cmd(cmd) => say("cmd", Some(cmd.as_str().into())),
        Definition::Build(build) => image_build(build, say),
    }
}

fn image_build(build: &ImageBuild, say: &mut Say<'_>) {
    let ImageBuild { images, dockerfile, target, arguments, secret_arguments, no_cache, push } = build;
    // Something must say that an image is built.
    let is_said = !images.is_empty() || target.is_some() || !arguments.is_empty() || !secret_arguments.is_empty();
    let file = dockerfile.clone().or_else(|| (!is_said).then(|| "Dockerfile".to_owned()));
    say("file", file.map(Value::from));
    say("image", some_of(images));
    say("target", target.clone().map(Value::from));
    say("arg", pairs(arguments));
    say("secretArg", some_of(secret_arguments));
    say("noPush", (!push).then_some(Value::Flag(true)));
    say("noCache", no_cache.then_some(Value::Flag(true)));
}

fn triggers(triggers: &Triggers, is_git: bool, say: &mut Say<'_>) {
    let Triggers { source, base_image, timers } = triggers;
    say("commitTriggerEnabled", (source.commits != is_git).then_some(Value::Flag(source.commits)));
    say("pullRequestTriggerEnabled", source.pull_requests.then_some(Value::Flag(true)));
    say("branches", some_of(&source.branches));
    say("path", some_of(&source.paths));
    say("tagTrigger", some_of(&source.tags));
    let is_said = source.commit_status != CommitStatus::default();
    say("commitStatus", is_said.then(|| source.commit_status.to_string().into()));
    say("cancelSuperseded", source.cancel_superseded.then_some(Value::Flag(true)));
    say("pollSource", source.poll.then_some(Value::Flag(true)));
    match base_image {
        BaseImageTrigger::Disabled => say("baseImageTriggerEnabled", Some(Value::Flag(false))),
        BaseImageTrigger::Runtime => {}
        BaseImageTrigger::All => say("baseImageTriggerType", Some(base_image.to_string().into())),
    }
    say("schedule", list(timers.iter().map(timer)));
}

fn timer(timer: &Timer) -> Value {
    let Timer { name, schedule, status, next: _ } = timer;
    match status {
        TaskStatus::Enabled => format!("{name}:{schedule}").into(),
        TaskStatus::Disabled => Value::Map(vec![
            ("timerName".to_owned(), name.to_string().into()),
            ("schedule".to_owned(), schedule.as_str().into()),
            ("status".to_owned(), status.to_string().into()),
        ]),
    }
}

fn some_of(texts: &[String]) -> Option<Value> {
    (!texts.is_empty()).then(|| texts.into())
}

fn list(items: impl Iterator<Item = Value>) -> Option<Value> {
    let items: Vec<Value> = items.collect();
    (!items.is_empty()).then_some(Value::List(items))
}

/// A map, unless a name is there twice.
fn pairs(pairs: &[(String, String)]) -> Option<Value> {
    let names: BTreeSet<&String> = pairs.iter().map(|(name, _)| name).collect();
    match pairs {
        [] => None,
        // YAML knows this key as something else.
        _ if names.len() < pairs.len() || names.iter().any(|name| *name == "<<") => {
            list(pairs.iter().map(|(name, value)| format!("{name}={value}").into()))
        }
        _ => Some(Value::Map(pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect())),
    }
}
