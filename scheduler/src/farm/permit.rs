//! Whether an attempt may do now what the world sees: publish a manifest, move a tag.

use super::{State, UnitState};
use acre_model::{
    attempt::{AttemptId, Fence},
    ids::AgentId,
};

/// Why an attempt may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Its run has ended, or never was.
    #[error("the run of attempt {0} is over")]
    Over(AttemptId),
    /// Its run is being ended.
    #[error("the run of attempt {0} is being ended")]
    Ending(AttemptId),
    /// Another attempt is in its place, or the unit has ended.
    #[error("attempt {attempt} is superseded; the last one is {last}")]
    Superseded {
        /// Which.
        attempt: AttemptId,
        /// The number of the unit's last attempt.
        last: u32,
    },
}

impl State {
    /// Whether this attempt, assigned so, holds.
    pub fn permit(&self, agent: &AgentId, attempt: &AttemptId, fence: Fence) -> Result<(), Denied> {
        let run = self.runs.get(&attempt.run).ok_or_else(|| Denied::Over(attempt.clone()))?;
        let record = run.record.units.get(attempt.unit.index()).ok_or_else(|| Denied::Over(attempt.clone()))?;
        let is_its_agents = matches!(&record.state, UnitState::Active { agent: owner, .. } if owner == agent);
        if !is_its_agents || record.attempts != attempt.number || run.fences.get(&attempt.unit) != Some(&fence) {
            return Err(Denied::Superseded { attempt: attempt.clone(), last: record.attempts });
        }
        if run.record.state.is_ending() && !run.spared()[attempt.unit.index()] {
            return Err(Denied::Ending(attempt.clone()));
        }
        Ok(())
    }
}
