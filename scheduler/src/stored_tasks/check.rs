//! What a task may say. Every fault at once, each with its field and what would be right.

use crate::{
    polling::list_of,
    secrets::TaskSecrets,
    triggers::{
        filter::{BadFilter, Filter},
        schedule::{BadSchedule, Schedule},
    },
};
use acre_model::{
    ids::SecretId,
    plan::Fetch,
    reference::Reference,
    stored_task::{Definition, ImageBuild, SourceTrigger, StoredTask},
    submission::Source,
    text::clip,
    trigger::{EventKind, SourceFilter},
};
use acre_task::address;
use std::collections::BTreeSet;

/// Most timers of a task.
const TIMERS: usize = 64;
/// Most bytes of a record, so that it fits the store with room.
const SIZE: usize = 256 << 10;

/// Checks what can be known without its source.
pub(super) fn check(task: &StoredTask) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    match &task.source {
        Source::None => {}
        Source::Tree(_) => faults.push(
            "context: a folder of one machine is not there when the task runs; give an address, or /dev/null"
                .to_owned(),
        ),
        Source::Address(text) => faults.extend(address_fault(text)),
    }
    if let (Source::None, Definition::File(_) | Definition::Build(_)) = (&task.source, &task.definition) {
        faults.push("context: /dev/null has no files; give an address, or a command with --cmd".to_owned());
    }
    if let Definition::Build(build) = &task.definition {
        check_build(build, &mut faults);
    }
    let mut names = BTreeSet::new();
    let twice = task.triggers.timers.iter().filter(|timer| !names.insert(&timer.name));
    faults.extend(twice.map(|timer| format!("timers: `{}` is there twice", timer.name)));
    if task.triggers.timers.len() > TIMERS {
        faults.push(format!("timers: {}; limit {TIMERS}", task.triggers.timers.len()));
    }
    for timer in &task.triggers.timers {
        let fault = |why: BadSchedule| {
            let place = why.column(&timer.schedule).map(|column| format!(", column {column}")).unwrap_or_default();
            format!("timer `{}`{place}: {why}", timer.name)
        };
        faults.extend(schedule(&timer.schedule).err().map(fault));
    }
    faults.extend(source_filter(task).err().map(|why| format!("trigger: {why}")));
    if task.triggers.source.poll && list_of(&task.source).is_none() {
        let message =
            "poll-source: only a git repository with an https address is asked; or let its webhooks tell of it";
        faults.push(message.to_owned());
    }
    let size = crate::store::encode(task).len();
    if size > SIZE {
        faults.push(format!("the task has {} KiB; limit {} KiB", size.div_ceil(1024), SIZE >> 10));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Reads five fields, and behind them a time zone.
pub(crate) fn schedule(text: &str) -> Result<Schedule, BadSchedule> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.split_last() {
        // What is no name may be a sixth field, of which the schedule itself says what is wrong.
        Some((zone, fields)) if fields.len() == 5 && zone.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Schedule::parse(&fields.join(" "), Some(zone))
        }
        _ => Schedule::parse(text, None),
    }
}

/// Which events of its source start the task; `None`: none.
pub(crate) fn source_filter(task: &StoredTask) -> Result<Option<Filter>, BadFilter> {
    let SourceTrigger { commits, pull_requests, tags, branches, paths, .. } = &task.triggers.source;
    let kinds =
        [(*commits, EventKind::Commit), (*pull_requests, EventKind::PullRequest), (!tags.is_empty(), EventKind::Tag)];
    let kinds: BTreeSet<EventKind> = kinds.into_iter().filter_map(|(wanted, kind)| wanted.then_some(kind)).collect();
    if kinds.is_empty() {
        return Ok(None);
    }
    let branches = if branches.is_empty() { own_branch(task).into_iter().collect() } else { branches.clone() };
    let (ignored, paths): (Vec<&String>, Vec<&String>) = paths.iter().partition(|path| path.starts_with('!'));
    let filter = SourceFilter {
        kinds,
        branches,
        tags: tags.clone(),
        paths: paths.into_iter().cloned().collect(),
        ignored_paths: ignored.into_iter().map(|path| path[1..].to_owned()).collect(),
        // Whoever may fork would decide what runs, and what it is told.
        forks: false,
    };
    Filter::new(&filter).map(Some)
}

/// The branch in the address of the source.
fn own_branch(task: &StoredTask) -> Option<String> {
    let Source::Address(text) = &task.source else { return None };
    match address::parse(text) {
        Ok(Fetch::Git(git)) => git.reference,
        _ => None,
    }
}

/// The record is shown to everybody of the project: an address in it holds no secret.
fn address_fault(text: &str) -> Option<String> {
    match address::parse(text) {
        Err(why) => Some(format!("context: {why}")),
        Ok(_) if address::shown(text) != text => Some(format!(
            "context: `{}` has a login in it; give the address without, and the token with --git-access-token",
            clip(&address::shown(text))
        )),
        Ok(_) => None,
    }
}

fn check_build(build: &ImageBuild, faults: &mut Vec<String>) {
    for image in build.images.iter().filter(|image| !image.contains("{{")) {
        faults.extend(image.parse::<Reference>().err().map(|why| format!("image: {why}")));
    }
    if build.push && build.images.is_empty() {
        faults.push("image: a build that is pushed has a name; give one with --image, or --no-push".to_owned());
    }
}

/// Every secret that the task names has a value.
pub(super) fn check_secrets(task: &StoredTask, secrets: &TaskSecrets) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    for name in secret_names(task) {
        match SecretId::of_set(name) {
            Ok(id) if secrets.confidential.secrets.contains_key(&id) => {}
            Ok(_) => faults.push(format!("secret `{}` has no value; give it again", clip(name))),
            Err(why) => faults.push(why.to_string()),
        }
    }
    let has_login = |registry: &&String| secrets.confidential.logins.iter().any(|login| login.registry == **registry);
    let missing = task.logins.iter().filter(|registry| !has_login(registry));
    faults.extend(missing.map(|registry| format!("logins: no login to `{}` was given", clip(registry))));
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The names under which the task's secrets are given.
pub(crate) fn secret_names(task: &StoredTask) -> impl Iterator<Item = &String> {
    let arguments = match &task.definition {
        Definition::Build(build) => build.secret_arguments.as_slice(),
        Definition::File(_) | Definition::Text(_) | Definition::Cmd(_) => &[],
    };
    task.secret_sets.iter().chain(arguments)
}
