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
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

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
    let attempt = AttemptId { run: run.record.id.clone(), unit, number: record.attempts };
    Some(DesiredAttempt {
        trace: run.record.trace.map(|trace| trace.part(&attempt.to_string())),
        attempt,
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

/// What commands of other groups changed in the workspace before this group begins, in an order in which it can be put
/// over the source tree: what a group began with before what its own commands left.
fn changes(run: &Run, group: GroupId) -> Vec<(String, Workspace)> {
    let takes = &run.plan.groups[group.index()].takes;
    let mut left: Vec<Left> = takes.iter().filter_map(|unit| left(run, *unit)).collect();
    left.sort_by_key(|left| (left.at, left.unit));
    let mut order = Vec::with_capacity(left.len());
    let mut seen = BTreeSet::new();
    left.iter().for_each(|one| add_group(run, one.group, &left, &mut seen, &mut order));
    let mut last: BTreeMap<GroupId, Option<Digest>> = BTreeMap::new();
    let change = |one: &Left| {
        // What a group's commands leave lies in one workspace: a later one's changes begin where the earlier one's end.
        let before = last.insert(one.group, one.workspace.after).unwrap_or(one.workspace.before);
        (run.plan.units[one.unit.index()].name.clone(), Workspace { before, after: one.workspace.after })
    };
    order.into_iter().map(change).collect()
}

/// A workspace that a unit has left.
struct Left {
    unit: UnitId,
    group: GroupId,
    workspace: Workspace,
    /// By the clock of its agent, which is one for the whole group.
    at: Timestamp,
}

fn left(run: &Run, unit: UnitId) -> Option<Left> {
    let (planned, record) = (&run.plan.units[unit.index()], run.record.units.get(unit.index())?);
    match &record.state {
        UnitState::Ended { result, ended_at, .. } if record.lets_go_on(planned.rules.ignore_errors) => {
            Some(Left { unit, group: planned.group, workspace: result.workspace?, at: *ended_at })
        }
        _ => None,
    }
}

/// Adds what a group's units left, after all that the group took itself.
fn add_group<'a>(run: &Run, group: GroupId, left: &'a [Left], seen: &mut BTreeSet<GroupId>, order: &mut Vec<&'a Left>) {
    if !seen.insert(group) {
        return;
    }
    for taken in &run.plan.groups[group.index()].takes {
        add_group(run, run.plan.units[taken.index()].group, left, seen, order);
    }
    order.extend(left.iter().filter(|one| one.group == group));
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
