//! `acre task`: tasks that a project keeps.

mod apply;
mod credential;
mod timer;

use super::{cancel, hand_in, logs, print, print_as, resolve, show};
use crate::{
    args::{
        CancelArgs, CreateArgs, Format, ListRunsArgs, LogsArgs, RunRef, ShowArgs, TaskCommand, TaskLogsArgs,
        TaskRunArgs, TaskShowArgs, UpdateArgs, UpdateRunArgs, WebhookArgs,
    },
    error::Error,
    exit_code::ExitCode,
    farm::{self, Expected, FarmClient, RunsWanted, TaskSecrets, Wish},
    now,
    render::{plain, stored_task as render, view::View, webhook::Webhook},
};
use acre_model::{ids::RunId, stored_task::StoredTask, text::clip};

/// Does what the command line says.
pub(super) async fn task(wish: &Wish, command: TaskCommand) -> Result<ExitCode, Error> {
    match command {
        TaskCommand::Create(args) => create(wish, *args).await,
        TaskCommand::Update(args) => update(wish, *args).await,
        TaskCommand::Apply(args) => apply::apply(wish, args).await,
        TaskCommand::List(args) => {
            let tasks = farm::connect(wish).await?.stored_tasks().await?;
            match args.format {
                Format::Yaml => print(&render::documents(&tasks))?,
                format => print_as(format, &tasks, || render::list(&tasks))?,
            }
            Ok(ExitCode::Success)
        }
        TaskCommand::Show(args) => {
            let task = farm::connect(wish).await?.task(&args.task.name).await?;
            print_task(args.format, &task, || render::show(&task))
        }
        TaskCommand::Delete(args) => delete(wish, args).await,
        TaskCommand::Run(args) => run(wish, *args).await,
        TaskCommand::ListRuns(args) => list_runs(wish, args).await,
        TaskCommand::ShowRun(args) => show::show(wish, ShowArgs { format: args.format, run: args.run_id }).await,
        TaskCommand::UpdateRun(args) => update_run(wish, args).await,
        TaskCommand::CancelRun(args) => {
            cancel::cancel(wish, CancelArgs { wait: false, format: args.format, run: args.run_id }).await
        }
        TaskCommand::Logs(args) => task_logs(wish, args).await,
        TaskCommand::Webhook(args) => webhook(wish, args).await,
        TaskCommand::Timer(command) => timer::timer(wish, command).await,
        TaskCommand::Credential(command) => credential::credential(wish, command).await,
    }
}

async fn create(wish: &Wish, args: CreateArgs) -> Result<ExitCode, Error> {
    let format = args.format;
    let (task, secrets) = args.check()?;
    let task = farm::connect(wish).await?.put_task(task, Expected::Absent, secrets).await?;
    print_task(format, &task, || render::list(std::slice::from_ref(&task)))
}

async fn update(wish: &Wish, args: UpdateArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect(wish).await?;
    let before = farm.task(&args.name).await?;
    let (task, secrets) = args.flags.changed(before)?;
    let task = put(&farm, task, secrets).await?;
    print_task(args.format, &task, || render::list(std::slice::from_ref(&task)))
}

/// People are told that it is gone, programs what it was. For people it is not read: one that is damaged goes, too.
async fn delete(wish: &Wish, args: TaskShowArgs) -> Result<ExitCode, Error> {
    let (farm, name) = (farm::connect(wish).await?, args.task.name);
    let before = match args.format {
        Format::Table => None,
        Format::Json | Format::Yaml => Some(farm.task(&name).await?),
    };
    farm.delete_task(&name).await?;
    let line = || format!("task {name} is deleted from project {}\n", wish.project);
    match before {
        Some(before) => print_task(args.format, &before, line),
        None => print(&line()).map(|()| ExitCode::Success),
    }
}

/// Prints a task; as YAML, what `apply` takes back.
fn print_task(format: Format, task: &StoredTask, table: impl FnOnce() -> String) -> Result<ExitCode, Error> {
    match format {
        Format::Yaml => print(&render::document(task))?,
        format => print_as(format, task, table)?,
    }
    Ok(ExitCode::Success)
}

/// Stores a task that was read before, unless somebody has changed it meanwhile.
async fn put(farm: &FarmClient, task: StoredTask, secrets: TaskSecrets) -> Result<StoredTask, Error> {
    let expected = Expected::Version(task.updated_at);
    farm.put_task(task, expected, secrets).await
}

async fn run(wish: &Wish, args: TaskRunArgs) -> Result<ExitCode, Error> {
    let (mut overrides, source, confidential) = args.check()?;
    let mut view = View::new(&args.follow);
    let farm = farm::connect(wish).await?;
    if let Some(source) = source {
        overrides.source = Some(hand_in::placed(&farm, &source, &mut view).await?);
    }
    let run = farm.run_task(&args.task.name, overrides, &confidential, hand_in::key()?).await?;
    view.line(&plain::stamped(now(), &plain::queued(&run.id)))?;
    hand_in::follow(&farm, run, &args.follow, view, |_, _| Ok(Vec::new())).await
}

/// The secret is what the command is for: it goes to standard output, and nowhere else.
async fn webhook(wish: &Wish, args: WebhookArgs) -> Result<ExitCode, Error> {
    let secret = farm::connect(wish).await?.hook(args.name.as_ref(), args.rotate).await?;
    let secret = String::from_utf8_lossy(secret.expose()).into_owned();
    let hook = Webhook::new(&wish.project, args.name.as_ref(), secret);
    print_as(args.format, &hook, || hook.table())?;
    Ok(ExitCode::Success)
}

async fn list_runs(wish: &Wish, args: ListRunsArgs) -> Result<ExitCode, Error> {
    let wanted = RunsWanted { task: args.name, image: args.image, status: args.run_status };
    let runs = farm::connect_running(wish).await?.some_runs(&wanted, args.top).await?;
    print_as(args.format, &runs, || render::runs(&runs, now()))?;
    Ok(ExitCode::Success)
}

/// What `--no-archive false` says is that it is kept.
async fn update_run(wish: &Wish, args: UpdateRunArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    let id = resolve(&farm, &args.run.run_id).await?;
    let run = farm.archive(&id, !args.no_archive).await?;
    print_as(args.run.format, &run, || render::archived(&run))?;
    Ok(ExitCode::Success)
}

async fn task_logs(wish: &Wish, args: TaskLogsArgs) -> Result<ExitCode, Error> {
    let run = match (args.name, args.image) {
        (None, None) => args.run_id,
        (task, image) => RunRef::Id(newest(wish, RunsWanted { task, image, status: None }).await?),
    };
    logs::logs(wish, LogsArgs { follow: true, step: None, offset: 0, run }).await
}

async fn newest(wish: &Wish, wanted: RunsWanted) -> Result<RunId, Error> {
    let runs = farm::connect_running(wish).await?.some_runs(&wanted, 1).await?;
    let none = || match wanted {
        RunsWanted { image: Some(image), .. } => format!("no run has built {}", clip(&image.to_string())),
        RunsWanted { task: Some(task), .. } => {
            format!("task {task} has no run yet; `acre task run -n {task}` makes one")
        }
        _ => "there is no run yet".to_owned(),
    };
    runs.into_iter().next().map(|run| run.id).ok_or_else(|| Error::Refused(none()))
}
