//! Tasks that projects keep, and their runs, for people: in the columns of `az acr task`.

use super::{run::elapsed, table::table, yaml};
use acre_model::{
    duration,
    platform::Platform,
    run::RunView,
    stored_task::{BaseImageTrigger, Definition, ImageBuild, StoredTask, TaskStatus, Timer},
    submission::Source,
    text::clip,
    time::Timestamp,
    trigger::CommitStatus,
};
use acre_task::document::{self, Value};

/// The table of `acre task list`.
pub fn list(tasks: &[StoredTask]) -> String {
    let row = |task: &StoredTask| {
        [task.name.to_string(), platforms(&task.platforms), task.status.to_string(), source(task), triggers(task)]
    };
    table(["NAME", "PLATFORM", "STATUS", "SOURCE REPOSITORY", "TRIGGERS"], tasks.iter().map(row))
}

/// `acre task show`.
pub fn show(task: &StoredTask) -> String {
    let mut text = list(std::slice::from_ref(task));
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{name:<10} {}\n", clip(&value)));
        }
    };
    line("Does", does(&task.definition));
    line("Registry", task.registry.clone().unwrap_or_default());
    line("Values", names(task.sets.iter().map(|(name, value)| format!("{name}={value}"))));
    line("Secrets", names(task.secret_sets.iter().cloned()));
    line("Logins", names(task.logins.iter().cloned()));
    line("Time limit", duration::show(task.timeout_ms));
    line("Pool", task.pool.to_string());
    line("Emulation", task.emulation.to_string());
    line("Branches", names(task.triggers.source.branches.iter().cloned()));
    line("Tags", names(task.triggers.source.tags.iter().cloned()));
    line("Paths", names(task.triggers.source.paths.iter().cloned()));
    let statuses = Some(task.triggers.source.commit_status).filter(|status| *status != CommitStatus::default());
    line("Statuses", statuses.map(|status| status.to_string()).unwrap_or_default());
    line("Polled", if task.triggers.source.poll { "yes".to_owned() } else { String::new() });
    line("Superseded", if task.triggers.source.cancel_superseded { "canceled".to_owned() } else { String::new() });
    line("Created", task.created_at.to_string());
    line("Changed", task.updated_at.to_string());
    if !task.triggers.timers.is_empty() {
        text.push_str(&timers(&task.triggers.timers));
    }
    text
}

fn does(definition: &Definition) -> String {
    match definition {
        Definition::File(None) => "the steps of its task file".to_owned(),
        Definition::File(Some(name)) => format!("the steps of {name}"),
        Definition::Text(text) => format!("the steps of {}, kept with it", text.name),
        Definition::Cmd(cmd) => format!("runs {cmd}"),
        Definition::Build(build) => builds(build),
    }
}

fn builds(build: &ImageBuild) -> String {
    let verb = if build.push { "builds and pushes" } else { "builds" };
    let of = build.dockerfile.as_deref().map(|file| format!(" by {file}")).unwrap_or_default();
    format!(
        "{verb} {}{of}",
        if build.images.is_empty() { "an image".to_owned() } else { names(build.images.iter().cloned()) }
    )
}

fn names(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn platforms(platforms: &[Platform]) -> String {
    if platforms.is_empty() { "linux/amd64".to_owned() } else { names(platforms.iter().map(Platform::to_string)) }
}

fn source(task: &StoredTask) -> String {
    match &task.source {
        Source::None => String::new(),
        Source::Tree(digest) => digest.to_string(),
        Source::Address(address) => clip(address),
    }
}

/// In ACR's words.
fn triggers(task: &StoredTask) -> String {
    let triggers = &task.triggers;
    let mut words = Vec::new();
    words.extend(triggers.source.commits.then_some("COMMIT"));
    words.extend(triggers.source.pull_requests.then_some("PULL_REQUEST"));
    words.extend((!triggers.source.tags.is_empty()).then_some("TAG"));
    words.extend((triggers.base_image != BaseImageTrigger::Disabled).then_some("BASE_IMAGE"));
    words.extend(triggers.timers.iter().any(|timer| timer.status == TaskStatus::Enabled).then_some("TIMER"));
    words.join(", ")
}

/// The table of `acre task timer list`: a line for each of the next instants of a timer.
pub fn timers(timers: &[Timer]) -> String {
    table(["TIMER", "SCHEDULE", "STATUS", "NEXT"], timers.iter().flat_map(timer_rows))
}

fn timer_rows(timer: &Timer) -> Vec<[String; 4]> {
    let mut next = timer.next.iter().map(|instant| clip(instant));
    let first = next.next().unwrap_or_default();
    let head = [timer.name.to_string(), clip(&timer.schedule), timer.status.to_string(), first];
    let further = next.map(|instant| [String::new(), String::new(), String::new(), instant]);
    std::iter::once(head).chain(further).collect()
}

/// The table of `acre task credential list`.
pub fn logins(logins: &[String]) -> String {
    table(["LOGIN SERVER"], logins.iter().map(|registry| [clip(registry)]))
}

/// A task as a file has it: what `acre task apply` takes back.
pub fn document(task: &StoredTask) -> String {
    let fields = document::fields(task).into_iter().map(|(key, value)| (key.to_owned(), value));
    yaml(&Value::Map(fields.collect()))
}

/// Tasks as one file.
pub fn documents(tasks: &[StoredTask]) -> String {
    tasks.iter().map(document).collect::<Vec<_>>().join("---\n")
}

/// Whether a run is kept.
pub fn archived(run: &RunView) -> String {
    let kept = if run.is_archive_enabled { "is kept, whatever its age" } else { "goes when it is old" };
    format!("run {} {kept}\n", run.id)
}

/// The table of `acre task list-runs`.
pub fn runs(runs: &[RunView], now: Timestamp) -> String {
    let row = |run: &RunView| {
        [
            run.id.to_string(),
            run.origin.task.as_ref().map(ToString::to_string).unwrap_or_default(),
            platforms(&run.platforms),
            run.status.to_string(),
            run.origin.cause.to_string(),
            run.started_at.map(|at| at.to_string()).unwrap_or_default(),
            elapsed(run.started_at, run.ended_at, now),
        ]
    };
    table(["RUN ID", "TASK", "PLATFORM", "STATUS", "TRIGGER", "STARTED", "DURATION"], runs.iter().map(row))
}
