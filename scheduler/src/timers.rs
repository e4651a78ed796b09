//! Schedules: looks at the clock when one is due, and starts its task.
//!
//! What a timer's last run was for is stored after the run, which is handed in under the instant as its key: whoever
//! comes between the two starts the same run again, and gets the one there is.

use crate::{
    driver::Handle,
    farm::{Mono, Now},
    parts::Clock,
    store::{self, Change, Store, StoreError, keys},
    stored_tasks::{StoredTasks, TaskError, TimerRecord, schedule},
    triggers::schedule::Due,
};
use acre_model::{
    origin::Start,
    stored_task::{Overrides, StoredTask, TaskStatus, Timer},
    time::Timestamp,
};
use std::sync::Arc;

/// Wall clocks are put right now and then: no sleep is longer than this, in milliseconds.
const LONGEST_SLEEP: u64 = 60_000;
/// How long a store that fails is left alone, in milliseconds.
const RETRY: u64 = 5_000;

/// Starts tasks by the clock.
pub struct Timers {
    /// Where tasks and timers are.
    pub store: Arc<dyn Store>,
    /// Who writes there.
    pub driver: Handle,
    /// What is started.
    pub stored_tasks: StoredTasks,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl Timers {
    /// Works until it is dropped.
    pub async fn run(self) {
        let mut changes = self.stored_tasks.changes();
        loop {
            changes.mark_unchanged();
            let next = self.round().await.unwrap_or_else(|why| {
                tracing::warn!(%why, "schedules were not looked at");
                Some(self.clock.now().wall.plus_millis(RETRY))
            });
            let sleep = async {
                match next {
                    Some(at) => self.clock.sleep_until(waking(self.clock.now(), at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Starts what is due; returns when the next one is, if there is one.
    async fn round(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next = None;
        for task in self.stored_tasks.all().await? {
            let timers = task.triggers.timers.iter().filter(|timer| timer.status == TaskStatus::Enabled);
            for timer in timers.filter(|_| task.status == TaskStatus::Enabled) {
                match self.look_at(&task, timer).await {
                    Ok(at) => next = [next, at].into_iter().flatten().min(),
                    Err(TaskError::Store(why)) => return Err(why),
                    Err(why) => {
                        tracing::warn!(project = %task.project, task = %task.name, timer = %timer.name, %why, "not started");
                        next = [next, Some(self.clock.now().wall.plus_millis(RETRY))].into_iter().flatten().min();
                    }
                }
            }
        }
        Ok(next)
    }

    /// Starts the task if its timer is due; returns when that is next.
    async fn look_at(&self, task: &StoredTask, timer: &Timer) -> Result<Option<Timestamp>, TaskError> {
        let Ok(schedule) = schedule(&timer.schedule) else { return Ok(None) };
        let key = keys::timer(&task.project, &task.name, &timer.name);
        let stored = self.store.get(&key).await?.and_then(|stored| store::decode::<TimerRecord>(&stored.value).ok());
        let last = stored.map_or(task.updated_at, |record| record.last);
        let (instant, missed) = match schedule.due(last, self.clock.now().wall) {
            Due::At(next) => return Ok(next),
            Due::Now { instant, missed } => (instant, missed),
        };
        if let Some(missed) = missed {
            tracing::warn!(task = %task.name, timer = %timer.name, %missed, %instant, "instants were missed; one run makes up for them");
        }
        self.start(task, timer, instant).await?;
        let record = store::encode(&TimerRecord { last: instant });
        self.driver.record(Change::Put(key, record)).await?;
        Ok(schedule.next(instant))
    }

    /// What cannot be started for its own fault is not tried again.
    async fn start(&self, task: &StoredTask, timer: &Timer, instant: Timestamp) -> Result<(), TaskError> {
        let key = format!("timer/{}/{}/{}", task.name, timer.name, instant.as_millis());
        let start = Start::Timer { timer: timer.name.clone(), at: instant };
        match self.stored_tasks.start(task, start, Overrides::default(), key).await {
            Err(why) if why.may_pass() => Err(why),
            Err(why) => {
                tracing::warn!(project = %task.project, task = %task.name, timer = %timer.name, %why, "not started");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}

/// When to wake for an instant of the wall clock.
fn waking(now: Now, at: Timestamp) -> Mono {
    now.mono.plus_millis(at.as_millis().saturating_sub(now.wall.as_millis()).min(LONGEST_SLEEP))
}

#[cfg(test)]
mod tests;
