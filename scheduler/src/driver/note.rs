//! One line of the scheduler's log for each decision, once it is committed.

use crate::farm::Effects;
use acre_model::attempt::Assignment;

/// Notes what was decided. What units did is in their runs' own logs.
pub(super) fn note(effects: &Effects) {
    for run in &effects.accepted {
        tracing::info!(%run, "run accepted");
    }
    for Assignment { attempt, agent, .. } in effects.assignments.values().flatten() {
        tracing::info!(%attempt, %agent, "unit placed");
    }
    for last in effects.ended.values() {
        let (run, project, status) = (&last.view.id, &last.view.project, last.view.status);
        tracing::info!(%run, %project, %status, "run ended");
    }
}
