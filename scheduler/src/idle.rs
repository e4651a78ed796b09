//! Stopping a farm that nobody uses.

use crate::{
    board::Board,
    driver::{Handle, Stop},
    stored_tasks::StoredTasks,
};
use acre_model::stored_task::{StoredTask, TaskStatus};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What tells whether anybody uses the farm.
pub struct Idle {
    /// Runs, and what clients ask.
    pub board: Arc<Board>,
    /// Stops it.
    pub driver: Handle,
    /// What starts by itself.
    pub stored_tasks: StoredTasks,
}

impl Idle {
    /// Tells the farm to stop once it has had nothing to do, and been asked nothing, for `idle_ms` milliseconds. A farm
    /// with a schedule is not idle: it waits for it.
    pub async fn stop_when_idle(self, idle_ms: u64, farm_stops: watch::Sender<bool>) {
        let mut asked = self.board.asked();
        loop {
            asked.mark_unchanged();
            let quiet = tokio::time::timeout(Duration::from_millis(idle_ms), asked.changed()).await.is_err();
            if quiet && self.board.runs().is_empty() && !self.waits_for_schedule().await {
                tracing::info!(idle_ms, "idle; the farm stops");
                drop(self.driver.stop(Stop::WhenDone).await);
                farm_stops.send_replace(true);
                return;
            }
        }
    }

    async fn waits_for_schedule(&self) -> bool {
        let is_on = |status| status == TaskStatus::Enabled;
        let has =
            |task: &StoredTask| is_on(task.status) && task.triggers.timers.iter().any(|timer| is_on(timer.status));
        // If that cannot be told, it is better to go on.
        self.stored_tasks.all().await.map_or(true, |tasks| tasks.iter().any(has))
    }
}
