//! Stopping a farm that nobody uses.

use crate::{
    board::Board,
    driver::{Handle, Stop},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Tells the farm to stop once it has had nothing to do, and been asked nothing, for `idle_ms` milliseconds.
pub async fn stop_when_idle(idle_ms: u64, board: Arc<Board>, driver: Handle, farm_stops: watch::Sender<bool>) {
    let mut asked = board.asked();
    loop {
        asked.mark_unchanged();
        let quiet = tokio::time::timeout(Duration::from_millis(idle_ms), asked.changed()).await.is_err();
        if quiet && board.runs().is_empty() {
            tracing::info!(idle_ms, "idle; the farm stops");
            drop(driver.stop(Stop::WhenDone).await);
            farm_stops.send_replace(true);
            return;
        }
    }
}
