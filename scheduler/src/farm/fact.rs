//! What has happened, for those who watch the farm. Nothing depends on it.

use super::{Run, UnitState};
use acre_model::{
    attempt::AttemptId,
    capability::Way,
    ids::{AgentId, UnitId},
    outcome::Outcome,
    platform::Platform,
    time::Timestamp,
    trace::RunTrace,
};

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A group got an agent.
    Placed {
        /// How that serves it, if something of a platform is in it.
        way: Option<Way>,
        /// How long it had waited for one, in milliseconds.
        waited_ms: u64,
    },
    /// The work of an attempt began.
    Began {
        /// After its assignment, in milliseconds.
        after_ms: u64,
    },
    /// An attempt is over.
    Over(Box<Over>),
}

/// An attempt that is over.
#[derive(Clone, Debug)]
pub struct Over {
    /// Which.
    pub attempt: AttemptId,
    /// The trace of its run.
    pub trace: Option<RunTrace>,
    /// Its unit's name.
    pub name: String,
    /// What its unit does, in one word.
    pub kind: &'static str,
    /// Its unit's platform.
    pub platform: Platform,
    /// How it was served, if something of a platform was in it.
    pub way: Option<Way>,
    /// Who had it.
    pub agent: AgentId,
    /// When it was assigned.
    pub assigned_at: Timestamp,
    /// When its work began.
    pub started_at: Option<Timestamp>,
    /// When it ended, or was seen to have.
    pub ended_at: Timestamp,
    /// How; `None`: it was given up, since all of its group begins anew.
    pub outcome: Option<Outcome>,
}

impl Fact {
    /// That the present attempt of a unit is over; nothing, if it has none.
    pub(super) fn over(run: &Run, unit: UnitId, ended_at: Timestamp, outcome: Option<&Outcome>) -> Option<Self> {
        let (planned, record) = (&run.plan.units[unit.index()], &run.record.units[unit.index()]);
        let UnitState::Active { agent, assigned_at, started_at } = &record.state else { return None };
        Some(Self::Over(Box::new(Over {
            attempt: AttemptId { run: run.record.id.clone(), unit, number: record.attempts },
            trace: run.record.trace,
            name: planned.name.clone(),
            kind: planned.action.kind(),
            platform: planned.platform.clone(),
            way: record.way,
            agent: agent.clone(),
            assigned_at: *assigned_at,
            started_at: *started_at,
            ended_at,
            outcome: outcome.cloned(),
        })))
    }
}
