//! What is still done in a run whose end is decided: `always` steps and, where a step has failed, whatever leads to an
//! index that may be published with the platforms there are.

use super::{Run, RunState, UnitState, run::Rest};
use acre_model::{
    ids::UnitId,
    plan::{Action, Unit},
    session::Child,
};

/// Whether a unit publishes an index with the platforms there are.
pub(super) const fn is_partial(unit: &Unit) -> bool {
    matches!(&unit.action, Action::Index(index) if index.allow_partial)
}

impl Run {
    /// For every unit, whether it is still done although the run's end is decided.
    pub(super) fn spared(&self) -> Vec<bool> {
        let units = &self.plan.units;
        let mut leads = vec![false; units.len()];
        if matches!(self.record.state, RunState::Ending { rest: Rest::Partial, .. }) {
            let mut open: Vec<UnitId> = units.iter().filter(|unit| is_partial(unit)).map(|unit| unit.id).collect();
            while let Some(id) = open.pop() {
                if !std::mem::replace(&mut leads[id.index()], true) {
                    open.extend(&units[id.index()].after);
                }
            }
        }
        units.iter().zip(leads).map(|(unit, leads)| leads || unit.rules.always).collect()
    }

    /// Whether a unit waits for one that has ended and lets nothing go on. An index that may be partial does not wait
    /// for success, and an `always` step of a run that ends does not, either.
    pub(super) fn is_cut_off(&self, unit: &Unit) -> bool {
        let ends_it = |before: &UnitId| {
            let record = &self.record.units[before.index()];
            record.is_ended() && !record.lets_go_on(self.plan.units[before.index()].rules.ignore_errors)
        };
        !unit.rules.always && !is_partial(unit) && unit.after.iter().any(ends_it)
    }

    /// The images that an index should name, as far as they were pushed, and those that it keeps.
    pub(super) fn children(&self, unit: &Unit) -> Vec<Child> {
        let Action::Index(index) = &unit.action else { return Vec::new() };
        let pushed = |id: UnitId| match &self.record.units.get(id.index())?.state {
            UnitState::Ended { outcome, result, .. } if outcome.succeeded() => result.pushed,
            _ => None,
        };
        let child = |id: &UnitId| Some(Child { platform: self.plan.unit(*id)?.platform.clone(), digest: pushed(*id) });
        let kept = index
            .kept
            .iter()
            .filter_map(|kept| Some(Child { platform: kept.image.platform.clone()?, digest: kept.image.digest }));
        index.children.iter().filter_map(child).chain(kept).collect()
    }
}
