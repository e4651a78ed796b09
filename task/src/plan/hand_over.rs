//! Files that cross from one engine to another: which units hand over their workspaces, and which groups begin with
//! them.
//!
//! A group's workspace is filled once, when the first of its units needs it. So it begins with what commands elsewhere
//! left that all of these units wait for; what only some of them wait for comes too late, and is told.

use super::edges::Reach;
use acre_model::{
    ids::UnitId,
    plan::{Action, Context, Group, Unit},
};
use std::collections::BTreeSet;

/// A unit waits for a command elsewhere, and does not see the files that it leaves. By their places in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unseen {
    /// The unit.
    pub(super) unit: usize,
    /// The command.
    pub(super) left_by: usize,
    /// The unit of its group that does not wait for the command.
    pub(super) since: usize,
    /// The command comes after that unit: files do not come back.
    pub(super) comes_back: bool,
}

/// Has every group take what it begins with, and every command whose workspace is taken hand it over.
pub(super) fn hand_over(units: &mut [Unit], groups: &mut [Group], reach: &Reach) -> Vec<Unseen> {
    let mut unseen = Vec::new();
    let last: Vec<Vec<usize>> = groups.iter().map(|group| taken(units, group, reach, &mut unseen)).collect();
    let ids: Vec<Vec<UnitId>> = (0..groups.len()).map(|group| with_theirs(&last, units, group)).collect();
    for (group, ids) in groups.iter_mut().zip(ids) {
        group.takes = ids;
    }
    for index in last.into_iter().flatten() {
        units[index].hands_over = true;
    }
    unseen
}

/// Whether a unit mounts the workspace, or builds from it.
fn uses_workspace(unit: &Unit) -> bool {
    match &unit.action {
        Action::Cmd(_) => true,
        Action::Build(build) => matches!(build.context, Context::Workspace(_)),
        Action::Source(_) | Action::Push(_) | Action::Index(_) => false,
    }
}

/// Whether a unit leaves its workspace as something definite. What runs in the background goes on changing it: its files
/// go with the next command of its group that is waited for.
fn leaves_workspace(unit: &Unit) -> bool {
    matches!(&unit.action, Action::Cmd(cmd) if !cmd.detach)
}

/// The commands of other groups that all which uses the group's workspace waits for. Of those that come one after the
/// other in one group the last is enough.
fn taken(units: &[Unit], group: &Group, reach: &Reach, unseen: &mut Vec<Unseen>) -> Vec<usize> {
    let users: Vec<usize> =
        group.units.iter().map(|id| id.index()).filter(|index| uses_workspace(&units[*index])).collect();
    let Some(first) = users.first() else { return Vec::new() };
    let own = units[*first].group;
    let mut taken: Vec<usize> = Vec::new();
    for (index, unit) in units.iter().enumerate().filter(|(_, unit)| unit.group != own && leaves_workspace(unit)) {
        match users.iter().find(|user| !reach.is_before(index, **user)) {
            None => taken.push(index),
            Some(since) => {
                let waits = users.iter().filter(|user| units[**user].after.contains(&unit.id));
                let comes_back = reach.is_before(*since, index);
                unseen.extend(waits.map(|user| Unseen { unit: *user, left_by: index, since: *since, comes_back }));
            }
        }
    }
    let is_last = |one: &usize| {
        !taken.iter().any(|other| units[*other].group == units[*one].group && reach.is_before(*one, *other))
    };
    taken.iter().copied().filter(is_last).collect()
}

/// What a group takes, with what the groups of these began with themselves: a change is told by what lies before it.
fn with_theirs(last: &[Vec<usize>], units: &[Unit], group: usize) -> Vec<UnitId> {
    let mut all = BTreeSet::new();
    let mut seen = BTreeSet::from([group]);
    let mut open = vec![group];
    while let Some(group) = open.pop() {
        for index in &last[group] {
            all.insert(units[*index].id);
            let theirs = units[*index].group.index();
            if seen.insert(theirs) {
                open.push(theirs);
            }
        }
    }
    all.into_iter().collect()
}
