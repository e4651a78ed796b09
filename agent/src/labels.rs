//! Labels: whose a thing on the engine is. Everything acre makes carries all that apply.

use crate::engine::Labels;
use acre_model::{attempt::AttemptId, ids::AgentId, session::GroupKey};

/// The farm's identity.
pub(crate) const FARM: &str = "acre.farm";
/// The agent's id.
pub(crate) const AGENT: &str = "acre.agent";
/// The run's id.
pub(crate) const RUN: &str = "acre.run";
/// The group: run, place in the plan, incarnation.
pub(crate) const GROUP: &str = "acre.group";
/// The number of a network that is lent to groups; networks outlive groups, and carry no group's label.
pub(crate) const NETWORK: &str = "acre.network";
/// The attempt: run, unit, number.
pub(crate) const ATTEMPT: &str = "acre.attempt";

/// Of what is made only to try whether a platform is served.
pub(crate) const TRIAL: &str = "acre.trial";

/// Labels of everything an agent has made.
pub(crate) fn of_agent(farm: &str, agent: &AgentId) -> Labels {
    [(FARM.to_owned(), farm.to_owned()), (AGENT.to_owned(), agent.to_string())].into()
}

/// Labels of everything in a group's sandbox.
pub(crate) fn of_group(farm: &str, agent: &AgentId, group: &GroupKey) -> Labels {
    let mut labels = of_agent(farm, agent);
    labels.insert(RUN.to_owned(), group.run.to_string());
    labels.insert(GROUP.to_owned(), group.to_string());
    labels
}

/// Labels of what an agent makes to try which platforms its engine serves.
pub(crate) fn of_trials(farm: &str, agent: &AgentId) -> Labels {
    let mut labels = of_agent(farm, agent);
    labels.insert(TRIAL.to_owned(), "1".to_owned());
    labels
}

/// Labels of an attempt's container.
pub(crate) fn of_attempt(sandbox: &Labels, attempt: &AttemptId) -> Labels {
    let mut labels = sandbox.clone();
    labels.insert(ATTEMPT.to_owned(), attempt.to_string());
    labels
}
