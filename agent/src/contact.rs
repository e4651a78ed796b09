//! Whether the farm is heard: measured on a monotonic clock, by what it acknowledges.

use crate::config::Isolation;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// When the farm was heard last.
#[derive(Clone)]
pub(crate) struct Contact {
    heard: Arc<watch::Sender<Option<Instant>>>,
    isolation: Isolation,
}

impl Contact {
    /// No contact yet.
    pub(crate) fn new(isolation: Isolation) -> Self {
        Self { heard: Arc::new(watch::Sender::new(None)), isolation }
    }

    /// The farm was heard.
    pub(crate) fn heard(&self) {
        self.heard.send_replace(Some(Instant::now()));
    }

    /// Whether the farm was heard lately.
    pub(crate) fn is_fresh(&self) -> bool {
        let quiet = Duration::from_millis(self.isolation.quiet_after_ms);
        self.heard.borrow().is_some_and(|at| at.elapsed() < quiet)
    }

    /// Resolves once the farm was heard lately: only then may something be started or pushed.
    pub(crate) async fn fresh(&self) {
        let quiet = Duration::from_millis(self.isolation.quiet_after_ms);
        let mut heard = self.heard.subscribe();
        let lately = |heard: &Option<Instant>| heard.is_some_and(|at| at.elapsed() < quiet);
        // The sender lives in `self`: it cannot be gone.
        drop(heard.wait_for(lately).await);
    }

    /// Resolves once the farm was silent for so long that what runs must stop.
    pub(crate) async fn lost(&self) {
        let limit = Duration::from_millis(self.isolation.stop_after_ms);
        let mut heard = self.heard.subscribe();
        loop {
            let last = *heard.borrow_and_update();
            let silent = async {
                match last {
                    Some(at) => tokio::time::sleep_until(at + limit).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = heard.changed() => {}
                () = silent => return,
            }
        }
    }
}
