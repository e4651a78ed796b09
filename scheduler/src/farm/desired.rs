//! What an agent should have and do, as a level: everything, each time.

use super::{Run, State, UnitState};
use acre_model::{
    attempt::{AttemptId, Workspace},
    digest::Digest,
    ids::{AgentId, GroupId, UnitId},
    outcome::Outcome,
    plan::{Action, Build, Context},
    platform::Platform,
    reference::Reference,
    session::{Desired, DesiredAttempt, DesiredGroup, GroupKey, Intent, Opened, UnitSpec},
};
use std::collections::BTreeSet;

impl State {
    /// Everything `agent` should have. Attempts whose assignment is not committed yet are left out.
    pub fn desired(&self, agent: &AgentId) -> Desired {
        let grace_ms = self.patience.stop_grace_ms;
        let placed = self.index.placed_on(agent);
        let groups = placed.filter_map(|(run, group)| Some(desired_group(self.runs.get(run)?, *group, grace_ms)));
        Desired { groups: groups.collect() }
    }
}

fn desired_group(run: &Run, group: GroupId, grace_ms: u64) -> DesiredGroup {
    let planned = &run.plan.groups[group.index()];
    let spared = run.spared();
    let attempts = run.units_of(group).filter_map(|unit| desired_attempt(run, unit, spared[unit.index()], grace_ms));
    DesiredGroup {
        key: GroupKey { run: run.record.id.clone(), group, incarnation: run.record.groups[group.index()].incarnation },
        project: run.record.project.clone(),
        platform: planned.platform.clone(),
        network: planned.network,
        tree: run.record.resolved.as_ref().and_then(|source| source.tree),
        source_key: format!("{}\n{}", run.record.project, run.record.source_shown),
        fetched: fetched(run, group),
        networks: run.plan.networks.clone(),
        volumes: run.plan.volumes.clone(),
        confidential: Opened::default(),
        changes: changes(run, group),
        images: images(run, group),
        attempts: attempts.collect(),
    }
}

fn desired_attempt(run: &Run, unit: UnitId, spared: bool, grace_ms: u64) -> Option<DesiredAttempt> {
    let record = &run.record.units[unit.index()];
    let fence = *run.fences.get(&unit)?;
    if !record.is_active() {
        return None;
    }
    let planned = &run.plan.units[unit.index()];
    let stopped = run.record.state.is_ending() && !spared;
    Some(DesiredAttempt {
        attempt: AttemptId { run: run.record.id.clone(), unit, number: record.attempts },
        fence,
        unit: UnitSpec { children: run.children(planned), ..UnitSpec::from(planned) },
        intent: if stopped { Intent::Stop { grace_ms } } else { Intent::Run },
    })
}

/// The trees that source units have fetched and that builds of the group take their files from.
fn fetched(run: &Run, group: GroupId) -> Vec<(UnitId, Digest)> {
    let mut wanted = BTreeSet::new();
    for unit in run.units_of(group) {
        if let Action::Build(Build { context: Context::Fetched { source, .. }, .. }) =
            &run.plan.units[unit.index()].action
        {
            wanted.insert(*source);
        }
    }
    let tree = |source: UnitId| match &run.record.units.get(source.index())?.state {
        UnitState::Ended { outcome: Outcome::Succeeded, result, .. } => Some((source, result.source.as_ref()?.tree?)),
        _ => None,
    };
    wanted.into_iter().filter_map(tree).collect()
}

/// What commands of other groups changed in the workspace before this group begins.
fn changes(run: &Run, group: GroupId) -> Vec<(String, Workspace)> {
    let left = |unit: &UnitId| match &run.record.units.get(unit.index())?.state {
        UnitState::Ended { outcome: Outcome::Succeeded, result, .. } => {
            Some((run.plan.units[unit.index()].name.clone(), result.workspace?))
        }
        _ => None,
    };
    run.plan.groups[group.index()].takes.iter().filter_map(left).collect()
}

/// The images that the group's builds have left on its engine, by the names they were given.
fn images(run: &Run, group: GroupId) -> Vec<(Reference, Platform, Digest)> {
    let mut images = Vec::new();
    for unit in run.units_of(group) {
        let planned = &run.plan.units[unit.index()];
        let Action::Build(build) = &planned.action else { continue };
        if let UnitState::Ended { outcome: Outcome::Succeeded, result, .. } = &run.record.units[unit.index()].state
            && let Some(image) = result.image
        {
            images
                .extend(build.tags.iter().map(|tag| (tag.clone().with_default_tag(), planned.platform.clone(), image)));
        }
    }
    images
}
