//! Which of several feasible agents takes a group: the one with the smallest key.

use super::{Candidate, Want};
use acre_model::{capability::Mode, ids::AgentId};
use std::cmp::Reverse;

/// Not the agent it failed on; native before emulated; most room; id.
pub(super) fn key<'a, K>(
    agent: &Candidate<'a>,
    busy: u32,
    want: &Want<'_, K>,
) -> (bool, Mode, Reverse<u32>, &'a AgentId) {
    let avoided = want.avoid == Some(agent.id);
    let mode = want.requirement.platform.as_ref().and_then(|platform| agent.capability.mode(platform));
    let room = agent.capability.slots.saturating_sub(busy);
    (avoided, mode.unwrap_or(Mode::Native), Reverse(room), agent.id)
}
