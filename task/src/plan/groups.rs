//! Which units must share an engine. By need, not by order: so independent builds spread over the fleet.

use super::{
    cross::{self, Still},
    edges::Reach,
};
use acre_model::{
    ids::GroupId,
    plan::{Action, Context, Group, Unit},
    platform::Platform,
    reference::Reference,
};
use std::collections::BTreeMap;

/// Joins what needs each other, and numbers the groups in plan order; every unit learns its group.
pub(super) fn groups(units: &mut [Unit], reach: &Reach, still: &Still) -> Vec<Group> {
    let mut sets = Sets::new(units.len());
    let makers = makers(units);
    let mut first_cmds: BTreeMap<&Platform, usize> = BTreeMap::new();
    for (index, unit) in units.iter().enumerate() {
        // Files and network.
        if let Action::Cmd(_) = unit.action {
            let first = *first_cmds.entry(&unit.platform).or_insert(index);
            sets.join(first, index);
        }
        for image in images(unit) {
            let made = makers.get(&(&unit.platform, image)).map_or(&[][..], Vec::as_slice);
            made.iter().filter(|maker| reach.is_before(**maker, index)).for_each(|maker| sets.join(*maker, index));
        }
        for other in (0..units.len()).filter(|other| needs(unit, &units[*other], &makers)) {
            if reach.is_before(other, index) {
                sets.join(other, index);
            }
        }
    }
    cross::join(units, &mut sets, still);
    let mut groups = numbered(units, sets);
    for group in &mut groups {
        group.cross = cross::is_cross(group.units.iter().map(|id| &units[id.index()]), still);
    }
    groups
}

/// Whether a unit must be where an earlier one was, whatever that made: a build for the workspace as a command left it,
/// and for any image where its Dockerfile cannot be read; a command with the engine's socket for every build; a push of
/// what no step builds for such a command, which may have made it.
fn needs(unit: &Unit, earlier: &Unit, makers: &Makers<'_>) -> bool {
    let needed = match (&unit.action, &earlier.action) {
        (Action::Build(build), Action::Cmd(_)) => matches!(build.context, Context::Workspace(_)),
        (Action::Build(build), Action::Build(_)) => build.dependencies.is_none(),
        (Action::Cmd(cmd), Action::Build(_)) => cmd.engine_socket,
        (Action::Push(push), Action::Cmd(cmd)) => {
            cmd.engine_socket && !makers.contains_key(&(&unit.platform, push.reference.clone().with_default_tag()))
        }
        _ => false,
    };
    needed && unit.platform == earlier.platform
}

/// The builds that make a reference on a platform.
type Makers<'a> = BTreeMap<(&'a Platform, Reference), Vec<usize>>;

fn makers(units: &[Unit]) -> Makers<'_> {
    let mut makers = Makers::new();
    for (index, unit) in units.iter().enumerate() {
        let Action::Build(build) = &unit.action else { continue };
        for tag in &build.tags {
            makers.entry((&unit.platform, tag.clone().with_default_tag())).or_default().push(index);
        }
    }
    makers
}

/// The images that a unit takes from the engine, with their tags.
fn images(unit: &Unit) -> Vec<Reference> {
    let named: Vec<Reference> = match &unit.action {
        Action::Build(build) => build.dependencies.iter().flatten().map(|found| found.reference.clone()).collect(),
        Action::Cmd(cmd) => cmd.image.parse().into_iter().collect(),
        Action::Push(push) => vec![push.reference.clone()],
        Action::Source(_) | Action::Index(_) => Vec::new(),
    };
    named.into_iter().map(Reference::with_default_tag).collect()
}

/// The sets as groups.
fn numbered(units: &mut [Unit], mut sets: Sets) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut numbers: BTreeMap<usize, u32> = BTreeMap::new();
    for (index, unit) in units.iter_mut().enumerate() {
        let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(sets.root(index)).or_insert(next);
        if number == next {
            groups.push(Group {
                platform: unit.platform.clone(),
                units: Vec::new(),
                network: false,
                cross: false,
                takes: Vec::new(),
            });
        }
        groups[number as usize].units.push(unit.id);
        unit.group = GroupId(number);
    }
    groups
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
pub(super) struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    pub(super) fn root(&mut self, mut item: usize) -> usize {
        while self.0[item] != item {
            self.0[item] = self.0[self.0[item]];
            item = self.0[item];
        }
        item
    }

    pub(super) fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}
