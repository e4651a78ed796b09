//! Hints that what the engine serves may have changed, upon which everything is tried again: the table of emulators of
//! this machine's kernel was written to, or an emulator crashed under an attempt. (That the engine came back is one, too;
//! it starts everything anew.)
//!
//! An engine in a virtual machine has a table of its own, whose changes nobody tells; restarting the engine or the agent
//! has it tried again. Trying by the clock would start a dozen containers over and over, on thousands of machines, for a
//! table that is written once after a machine's start.

use super::binfmt::Binfmt;
use crate::roster::Level;
use acre_model::{
    attempt::{AttemptId, Progress},
    outcome::{Cause, Outcome},
};
use std::{collections::BTreeSet, future};
use tokio::sync::watch;

/// Hints, gathered from when it was made.
pub(super) struct Hints {
    binfmt: Binfmt,
    level: watch::Receiver<Level>,
    crashed: BTreeSet<AttemptId>,
}

impl Hints {
    /// Gathers hints, among them those in the level of the roster.
    pub(super) fn gather(level: watch::Receiver<Level>) -> Self {
        let crashed = crashed(&level.borrow());
        Self { binfmt: Binfmt::watch(), level, crashed }
    }

    /// Waits for the next hint. Several that came meanwhile are one.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            () = self.binfmt.changed() => "the kernel's table of emulators was written to",
            () = emulator_crashed(&mut self.level, &mut self.crashed) => "an emulator crashed",
        }
    }
}

/// Resolves when an attempt was ended by its emulator that is not among those `known`.
async fn emulator_crashed(level: &mut watch::Receiver<Level>, known: &mut BTreeSet<AttemptId>) {
    while level.changed().await.is_ok() {
        let now = crashed(&level.borrow_and_update());
        let is_new = !now.is_subset(known);
        *known = now;
        if is_new {
            return;
        }
    }
    // The agent stops.
    future::pending().await
}

fn crashed((attempts, _): &Level) -> BTreeSet<AttemptId> {
    let by_emulator = |progress: &Progress| match progress {
        Progress::Ended(ended) => matches!(ended.outcome, Outcome::Infrastructure { cause: Cause::Emulator, .. }),
        Progress::Preparing | Progress::Started { .. } => false,
    };
    let crashed = attempts.iter().filter(|state| by_emulator(&state.progress));
    crashed.map(|state| state.attempt.clone()).collect()
}
