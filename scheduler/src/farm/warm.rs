//! Which agent built what last: its caches are warm.

use super::RunRecord;
use acre_model::{
    ids::{AgentId, ProjectName},
    platform::Platform,
};
use std::collections::BTreeMap;

/// Builds that are remembered; the ones that are longest ago are forgotten.
const LIMIT: usize = 4096;

/// What a cache is of: a task of a project, its source, and the platform that is built for.
type Built = (ProjectName, String, String, Platform);

/// The agents that built something last. Not stored: a cache that is cold costs time and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warm {
    agents: BTreeMap<Built, (AgentId, u64)>,
    by_age: BTreeMap<u64, Built>,
    count: u64,
}

fn built(run: &RunRecord, platform: &Platform) -> Built {
    (run.project.clone(), run.source_shown.clone(), run.task_shown.clone(), platform.clone())
}

impl Warm {
    /// The agent that built for `platform` in an earlier run of the same task.
    pub(super) fn agent(&self, run: &RunRecord, platform: &Platform) -> Option<&AgentId> {
        self.agents.get(&built(run, platform)).map(|(agent, _)| agent)
    }

    /// An agent has built for `platform`.
    pub(super) fn remember(&mut self, run: &RunRecord, platform: &Platform, agent: &AgentId) {
        let built = built(run, platform);
        self.count += 1;
        self.by_age.insert(self.count, built.clone());
        if let Some((_, earlier)) = self.agents.insert(built, (agent.clone(), self.count)) {
            self.by_age.remove(&earlier);
        }
        if self.agents.len() > LIMIT
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.agents.remove(&oldest);
        }
    }
}
