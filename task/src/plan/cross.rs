//! Builds of which nothing executes on the platforms that they are for: any Linux builder can do them.
//!
//! The platforms of one step that nobody else needs on an engine stay together: so the stages that they have in common,
//! which are pinned to the builder's platform, run once. An image that a later step uses on its platform is built there,
//! where that step is.
//!
//! A build for one platform counts too: it shares nothing, but may go elsewhere where the fleet has no agent for its
//! platform, and needs no emulator.

use super::groups::Sets;
use acre_model::{
    ids::{StepId, UnitId},
    plan::{Action, Context, Unit},
};
use std::collections::{BTreeMap, BTreeSet};

/// Builds of which nothing executes on their platforms.
pub(super) type Still = BTreeSet<UnitId>;

/// Joins the platforms of each step whose sets are nothing but such builds and what pushes their images.
pub(super) fn join(units: &[Unit], sets: &mut Sets, still: &Still) {
    let others: BTreeSet<usize> =
        (0..units.len()).filter(|index| !belongs(&units[*index], still)).map(|index| sets.root(index)).collect();
    let mut first: BTreeMap<&StepId, usize> = BTreeMap::new();
    for (index, unit) in units.iter().enumerate().filter(|(_, unit)| still.contains(&unit.id)) {
        if !others.contains(&sets.root(index)) {
            sets.join(*first.entry(&unit.step).or_insert(index), index);
        }
    }
}

/// Whether these units are a cross group.
pub(super) fn is_cross<'a>(mut units: impl Iterator<Item = &'a Unit> + Clone, still: &Still) -> bool {
    units.clone().any(|unit| still.contains(&unit.id)) && units.all(|unit| belongs(unit, still))
}

/// Whether a unit may be in a cross group. A build from the workspace wants to be where its files are.
fn belongs(unit: &Unit, still: &Still) -> bool {
    match &unit.action {
        Action::Build(build) => still.contains(&unit.id) && !matches!(build.context, Context::Workspace(_)),
        Action::Push(_) => true,
        Action::Source(_) | Action::Index(_) | Action::Cmd(_) => false,
    }
}
