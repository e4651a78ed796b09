//! A plan that builds some platforms of its images anew, and leaves the others in their indexes as an earlier run built
//! them. Pure.
//!
//! Of a step that is done on several platforms, those that are left out go, unless something that stays needs them: a
//! build or a command that waits for them. What is pushed without its platform's unit is kept by the index.

use acre_model::{
    ids::{GroupId, UnitId},
    plan::{Action, Context, Group, Plan, Unit},
    platform::Platform,
    reference::Reference,
    report::Image,
    submission::Narrowing,
};
use std::collections::BTreeSet;

/// The plan without the platforms that are left out; `None`: one of its indexes would lose an image by that.
pub fn narrow(plan: &Plan, narrowing: &Narrowing) -> Option<Plan> {
    let gone = gone(plan, &narrowing.platforms);
    let mut narrowed = plan.clone();
    for unit in &mut narrowed.units {
        if let Action::Index(index) = &mut unit.action {
            for child in index.children.iter().filter(|child| gone[child.index()]) {
                let platform = &plan.unit(*child)?.platform;
                index.kept.push(kept(&narrowing.kept, &index.reference, platform)?.clone());
            }
        }
    }
    Some(without(narrowed, &gone))
}

/// The image of a platform that an earlier run left in the repository of a reference.
fn kept<'a>(kept: &'a [Image], reference: &Reference, platform: &Platform) -> Option<&'a Image> {
    let (registry, repository) = (reference.registry_or_hub(), reference.full_repository());
    kept.iter().find(|Image { image, .. }| {
        let is_there = image.registry == registry && image.repository == repository && image.digest.is_some();
        is_there && image.platform.as_ref() == Some(platform)
    })
}

/// For every unit, whether it goes.
fn gone(plan: &Plan, platforms: &BTreeSet<Platform>) -> Vec<bool> {
    let is_wanted = |unit: &Unit| platforms.contains(&unit.platform);
    let several: BTreeSet<_> =
        plan.units.iter().filter(|unit| is_wanted(unit)).map(|unit| (&unit.step, unit.action.kind())).collect();
    let is_left_out = |unit: &Unit| {
        let has_platform = !matches!(unit.action, Action::Index(_) | Action::Source(_));
        has_platform && !is_wanted(unit) && several.contains(&(&unit.step, unit.action.kind()))
    };
    let mut gone: Vec<bool> = plan.units.iter().map(is_left_out).collect();
    let needs_files = |unit: &&Unit| matches!(unit.action, Action::Build(_) | Action::Cmd(_));
    let mut open: Vec<&Unit> = plan.units.iter().filter(|unit| !gone[unit.id.index()]).filter(needs_files).collect();
    while let Some(unit) = open.pop() {
        for before in unit.after.iter().filter_map(|id| plan.unit(*id)).filter(needs_files) {
            if std::mem::replace(&mut gone[before.id.index()], false) {
                open.push(before);
            }
        }
    }
    gone
}

/// The plan without these units; what waited for one waits for what that had waited for.
fn without(plan: Plan, gone: &[bool]) -> Plan {
    let after: Vec<Vec<UnitId>> = plan.units.iter().map(|unit| waits(&plan, gone, unit)).collect();
    let units = Places::new(gone);
    let mut groups = plan.groups;
    groups.iter_mut().for_each(|group| units.keep_in(&mut group.units));
    let emptied: Vec<bool> = groups.iter().map(|group| group.units.is_empty()).collect();
    let places = Places::new(&emptied);
    Plan {
        units: plan
            .units
            .into_iter()
            .zip(after)
            .filter_map(|(unit, after)| moved(unit, after, &units, &places))
            .collect(),
        groups: groups.into_iter().filter(|group| !group.units.is_empty()).map(|group| taking(group, &units)).collect(),
        ..plan
    }
}

/// What stays of what a unit waits for, and of what that waits for where it goes.
fn waits(plan: &Plan, gone: &[bool], unit: &Unit) -> Vec<UnitId> {
    let (mut stays, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), unit.after.clone());
    while let Some(id) = open.pop() {
        match plan.unit(id) {
            Some(before) if gone[id.index()] => {
                if seen.insert(id) {
                    open.extend(&before.after);
                }
            }
            _ => drop(stays.insert(id)),
        }
    }
    stays.into_iter().collect()
}

fn taking(mut group: Group, units: &Places) -> Group {
    units.keep_in(&mut group.takes);
    group
}

fn moved(mut unit: Unit, after: Vec<UnitId>, units: &Places, groups: &Places) -> Option<Unit> {
    unit.id = units.unit(unit.id)?;
    unit.group = GroupId(groups.0[unit.group.index()]?);
    unit.after = after.into_iter().filter_map(|id| units.unit(id)).collect();
    match &mut unit.action {
        Action::Index(index) => units.keep_in(&mut index.children),
        Action::Build(build) => {
            if let Context::Fetched { source, .. } = &mut build.context {
                *source = units.unit(*source)?;
            }
        }
        Action::Source(_) | Action::Push(_) | Action::Cmd(_) => {}
    }
    Some(unit)
}

/// Where what stays comes to lie.
struct Places(Vec<Option<u32>>);

impl Places {
    fn new(gone: &[bool]) -> Self {
        let mut next = 0;
        let place = |gone: &bool| {
            let place = next;
            next += u32::from(!gone);
            (!gone).then_some(place)
        };
        Self(gone.iter().map(place).collect())
    }

    fn unit(&self, id: UnitId) -> Option<UnitId> {
        self.0.get(id.index()).copied().flatten().map(UnitId)
    }

    fn keep_in(&self, ids: &mut Vec<UnitId>) {
        *ids = ids.iter().filter_map(|id| self.unit(*id)).collect();
    }
}
