//! Which units must share an engine. By need, not by order: so independent builds spread over the fleet.

use super::edges::Reach;
use acre_model::{
    ids::GroupId,
    plan::{Action, Build, Context, Group, Unit},
    reference::Reference,
};
use std::collections::BTreeMap;

/// Joins what needs each other, and numbers the groups in plan order; every unit learns its group.
pub(super) fn groups(units: &mut [Unit], reach: &Reach) -> Vec<Group> {
    let mut sets = Sets::new(units.len());
    for second in 0..units.len() {
        for first in 0..units.len() {
            if first != second && units[first].platform == units[second].platform && needs(units, first, second, reach)
            {
                sets.join(first, second);
            }
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut numbers: BTreeMap<usize, u32> = BTreeMap::new();
    for (index, unit) in units.iter_mut().enumerate() {
        let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(sets.root(index)).or_insert(next);
        if number == next {
            groups.push(Group { platform: unit.platform.clone(), units: Vec::new(), network: false });
        }
        groups[number as usize].units.push(unit.id);
        unit.group = GroupId(number);
    }
    groups
}

/// Whether `second` must be where `first` is; both are on one platform.
fn needs(units: &[Unit], first: usize, second: usize, reach: &Reach) -> bool {
    let later = || reach.is_before(first, second);
    match (&units[first].action, &units[second].action) {
        // Files and network.
        (Action::Cmd(_), Action::Cmd(_)) => true,
        // The workspace as the command left it.
        (Action::Cmd(_), Action::Build(build)) => matches!(build.context, Context::Workspace(_)) && later(),
        (Action::Build(base), Action::Build(build)) => later() && may_build_on(build, base),
        (Action::Build(build), Action::Cmd(cmd)) => {
            later() && cmd.image.parse().is_ok_and(|image: Reference| makes(build, &image))
        }
        (Action::Build(build), Action::Push(push)) => later() && makes(build, &push.reference),
        _ => false,
    }
}

/// Whether a Dockerfile names what `base` makes, or cannot be read.
fn may_build_on(build: &Build, base: &Build) -> bool {
    let names = |dependencies: &Vec<acre_model::plan::Dependency>| {
        dependencies.iter().any(|dependency| makes(base, &dependency.reference))
    };
    build.dependencies.as_ref().is_none_or(names)
}

fn makes(build: &Build, reference: &Reference) -> bool {
    let reference = reference.clone().with_default_tag();
    build.tags.iter().any(|tag| tag.clone().with_default_tag() == reference)
}

fn cmds<'a>(units: &'a [Unit], group: &'a Group) -> impl Iterator<Item = (usize, bool)> + 'a {
    group.units.iter().filter_map(|id| match &units[id.index()].action {
        Action::Cmd(cmd) => Some((id.index(), cmd.detach)),
        _ => None,
    })
}

/// Whether two containers of the group can live at once: two commands without an order between them, or a detached
/// one and another that does not end before it.
pub(super) fn needs_network(units: &[Unit], group: &Group, reach: &Reach) -> bool {
    cmds(units, group).any(|(one, detached)| {
        cmds(units, group).any(|(other, _)| {
            let ordered = reach.is_before(one, other) || reach.is_before(other, one);
            one != other && (!ordered || detached && !reach.is_before(other, one))
        })
    })
}

/// The command of the group after which no other comes, those in the background aside; the last in the file where
/// there are several.
pub(super) fn last_cmd(units: &[Unit], group: &Group, reach: &Reach) -> Option<usize> {
    let awaited: Vec<usize> = cmds(units, group).filter(|(_, detached)| !detached).map(|(index, _)| index).collect();
    let is_last = |one: &&usize| awaited.iter().all(|other| !reach.is_before(**one, *other));
    awaited.iter().rfind(is_last).copied()
}

/// Disjoint sets (union by smaller number, paths halved).
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut item: usize) -> usize {
        while self.0[item] != item {
            self.0[item] = self.0[self.0[item]];
            item = self.0[item];
        }
        item
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}
