//! What is to be done after an event, as values: first what is stored, then what is sent.

use super::Fact;
use acre_model::{
    attempt::Assignment,
    digest::Digest,
    ids::{AgentId, RunId, UnitId},
    report::Report,
    run::RunView,
    trace::RunTrace,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done after one or several events.
#[derive(Debug, Default)]
pub struct Effects {
    /// Runs whose record is to be stored.
    pub changed: BTreeSet<RunId>,
    /// Runs that look different to people, although nothing of them is to be stored.
    pub shown: BTreeSet<RunId>,
    /// Runs that ended: their report is to be stored, then their final record.
    pub ended: BTreeMap<RunId, Box<Final>>,
    /// Runs that were taken in.
    pub accepted: BTreeSet<RunId>,
    /// Runs whose first unit was assigned.
    pub started: BTreeSet<RunId>,
    /// Assignments that are to be stored, or removed (`None`).
    pub assignments: BTreeMap<(AgentId, RunId, UnitId), Option<Assignment>>,
    /// Records beside the farm's own that are to be stored, or removed (`None`), by their place in the store:
    /// idempotency keys, and what is sealed.
    pub beside: BTreeMap<String, Option<Bytes>>,
    /// Agents whose session has begun, changed or ended: what is announced of them is to be stored anew.
    pub agents: BTreeSet<AgentId>,
    /// Whether a commit is wanted even if there is nothing to store.
    pub to_prove: bool,
    /// Agents that are to be told what they should have.
    pub tell: BTreeSet<AgentId>,
    /// Runs whose source is resolved and whose task is to be compiled.
    pub compile: BTreeSet<RunId>,
    /// Agents that look different to people, or are gone, besides those that are told something.
    pub seen: BTreeSet<AgentId>,
    /// What has happened, for those who watch.
    pub facts: Vec<Fact>,
}

/// A run that ended.
#[derive(Clone, Debug)]
pub struct Final {
    /// Its last view, without the report's digest.
    pub view: RunView,
    /// Its report.
    pub report: Report,
    /// The trace it was part of.
    pub trace: Option<RunTrace>,
    /// Blobs that nobody needs any more.
    pub submission: Digest,
}

impl Effects {
    /// How many records change, at most: a run that ends is five of them, with what others are told of it.
    pub fn changes(&self) -> usize {
        let told = self.accepted.len() + self.started.len();
        let plain = self.changed.len() + self.assignments.len() + self.beside.len() + self.agents.len();
        plain + told + 5 * self.ended.len()
    }

    /// Adds the effects of a later event.
    pub fn merge(&mut self, later: Self) {
        let Self {
            changed,
            shown,
            ended,
            accepted,
            started,
            assignments,
            beside,
            agents,
            to_prove,
            tell,
            compile,
            seen,
            facts,
        } = later;
        for run in ended.keys() {
            self.changed.remove(run);
        }
        self.changed.extend(changed);
        self.shown.extend(shown);
        self.ended.extend(ended);
        self.accepted.extend(accepted);
        self.started.extend(started);
        self.assignments.extend(assignments);
        self.beside.extend(beside);
        self.agents.extend(agents);
        self.to_prove |= to_prove;
        self.tell.extend(tell);
        self.compile.extend(compile);
        self.seen.extend(seen);
        self.facts.extend(facts);
    }
}
