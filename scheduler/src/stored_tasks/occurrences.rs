//! When the timers of a task start it next: worked out for an answer, never stored.

use super::schedule;
use acre_model::{
    stored_task::{StoredTask, TaskStatus},
    time::Timestamp,
};

impl super::StoredTasks {
    /// The task with the next instants of those of its timers that start it.
    pub fn with_next(&self, mut task: StoredTask) -> StoredTask {
        add_next(&mut task, self.clock.now().wall);
        task
    }
}

fn add_next(task: &mut StoredTask, now: Timestamp) {
    let is_enabled = task.status == TaskStatus::Enabled;
    for timer in &mut task.triggers.timers {
        let schedule = schedule(&timer.schedule).ok().filter(|_| is_enabled && timer.status == TaskStatus::Enabled);
        timer.next = schedule.map(|schedule| schedule.next_five_shown(now)).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::stored_task::{Timer, Triggers};

    #[test]
    fn only_timers_that_start_their_task_have_next_instants() {
        // 2026-11-28, a Saturday.
        let now = Timestamp::from_millis(1_795_824_000_000);
        let table = [
            ("0 21 * * *", true, true, "2026-11-28T21:00:00Z"),
            ("30 2 * * 1-5 Europe/Berlin", true, true, "2026-11-30T02:30:00+01:00"),
            ("0 0 1 JUL * America/New_York", true, true, "2027-07-01T00:00:00-04:00"),
            ("0 21 * * *", false, true, ""),
            ("0 21 * * *", true, false, ""),
            ("not a schedule", true, true, ""),
        ];
        for (text, task_runs, timer_runs, expected) in table {
            let status = |runs| if runs { TaskStatus::Enabled } else { TaskStatus::Disabled };
            let timer = Timer::new("t".parse().unwrap(), text.to_owned());
            let timers = vec![Timer { status: status(timer_runs), ..timer }];
            let triggers = Triggers { timers, ..Triggers::default() };
            let mut task = StoredTask { status: status(task_runs), triggers, ..StoredTask::new("a".parse().unwrap()) };
            add_next(&mut task, now);
            let next = &task.triggers.timers[0].next;
            assert_eq!(next.first().map_or("", String::as_str), expected, "{text}");
            assert_eq!(next.len(), if expected.is_empty() { 0 } else { 5 }, "{text}");
        }
    }
}
