//! `acre task timer`: the schedules of a task.

use super::{print_as, put};
use crate::{
    args::{TimerArgs, TimerCommand, TimerNamed},
    error::Error,
    exit_code::ExitCode,
    farm::{self, TaskSecrets, Wish},
    render::stored_task as render,
};
use acre_model::{
    ids::TimerName,
    stored_task::{StoredTask, TaskStatus, Timer},
};

/// Adds, changes, removes or lists.
pub(super) async fn timer(wish: &Wish, command: TimerCommand) -> Result<ExitCode, Error> {
    let (named, change): (TimerNamed, Change) = match command {
        TimerCommand::Add(args) => (args.timer.clone(), Change::Add(args)),
        TimerCommand::Update(args) => (args.timer.clone(), Change::Update(args)),
        TimerCommand::Remove(named) => (named, Change::Remove),
        TimerCommand::List(args) => {
            let timers = farm::connect(wish).await?.task(&args.task.name).await?.triggers.timers;
            print_as(args.format, &timers, || render::timers(&timers))?;
            return Ok(ExitCode::Success);
        }
    };
    let farm = farm::connect(wish).await?;
    let mut task = farm.task(&named.task.name).await?;
    change.make(&mut task, &named.timer_name)?;
    let timers = put(&farm, task, TaskSecrets::default()).await?.triggers.timers;
    print_as(named.format, &timers, || render::timers(&timers))?;
    Ok(ExitCode::Success)
}

enum Change {
    Add(TimerArgs),
    Update(TimerArgs),
    Remove,
}

impl Change {
    fn make(self, task: &mut StoredTask, name: &TimerName) -> Result<(), Error> {
        let timers = &mut task.triggers.timers;
        let place = timers.iter().position(|timer| timer.name == *name);
        match (self, place) {
            (Self::Add(args), None) => {
                let missing = || Error::Usage("--schedule is missing, as in --schedule \"0 21 * * *\"".to_owned());
                let status = args.status().map_or(TaskStatus::Enabled, Into::into);
                let timer = Timer::new(name.clone(), args.schedule.ok_or_else(missing)?);
                timers.push(Timer { status, ..timer });
            }
            (Self::Add(_), Some(_)) => {
                let task = &task.name;
                return Err(Error::Refused(format!(
                    "task {task} has a timer `{name}` already; `timer update` changes it"
                )));
            }
            (Self::Update(args), Some(place)) => {
                let timer = &mut timers[place];
                timer.status = args.status().map_or(timer.status, Into::into);
                timer.schedule = args.schedule.unwrap_or_else(|| timer.schedule.clone());
            }
            (Self::Remove, Some(place)) => drop(timers.remove(place)),
            (Self::Update(_) | Self::Remove, None) => {
                return Err(Error::Refused(format!("task {} has no timer `{name}`", task.name)));
            }
        }
        Ok(())
    }
}
