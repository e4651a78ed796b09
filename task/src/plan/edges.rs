//! What waits for what, between steps and between units.

use super::sources::Fetched;
use crate::task::Step;
use acre_model::{
    ids::{StepId, UnitId},
    plan::{Action, Unit},
};
use std::collections::BTreeMap;

/// For every step, whether it waits for each other one, directly or not. The order has no cycle.
pub(super) fn transitive(steps: &[Step]) -> Vec<Vec<bool>> {
    let mut waits = vec![vec![false; steps.len()]; steps.len()];
    for (index, row) in waits.iter_mut().enumerate() {
        let mut open = steps[index].after.clone();
        while let Some(before) = open.pop() {
            if !row[before] {
                row[before] = true;
                open.extend_from_slice(&steps[before].after);
            }
        }
    }
    waits
}

/// Puts the edges into the units: b@P waits for a@P if there is one, else for all units of a; roots for what the run fetches first.
/// `waits` says which step waits for which, directly or not.
pub(super) fn connect(steps: &[Step], waits: &[Vec<bool>], fetched: &Fetched, units: &mut [Unit]) {
    let mut of_step: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let names: Vec<StepId> = units.iter().map(|unit| unit.step.clone()).collect();
    for (index, name) in names.iter().enumerate().skip(fetched.units().len()) {
        of_step.entry(name.as_str()).or_default().push(index);
    }
    let empty = Vec::new();
    for step in steps {
        for &index in of_step.get(step.id.as_str()).unwrap_or(&empty) {
            let mut after = std::mem::take(&mut units[index].after);
            // An index waits for its children alone, which wait for the rest.
            if !matches!(units[index].action, Action::Index(_)) {
                for &before in &step.after {
                    let own = of_step.get(steps[before].id.as_str()).unwrap_or(&empty);
                    after.extend(waited_for(units, own, index));
                }
                if step.after.is_empty() {
                    after.extend(fetched.first());
                }
            }
            after.sort_unstable();
            after.dedup();
            units[index].after = after;
        }
    }
    let of_step: Vec<&[usize]> =
        steps.iter().map(|step| of_step.get(step.id.as_str()).map_or(&[][..], Vec::as_slice)).collect();
    for (index, missing) in missing(steps, waits, &of_step, units) {
        let after = &mut units[index].after;
        after.extend(missing);
        after.sort_unstable();
        after.dedup();
    }
}

/// What units wait for through a step that has no unit on their platform: the order of steps holds there too. (Where
/// images for two platforms are tested on one, the push for the other one waits for the test and for its own build.)
fn missing(steps: &[Step], waits: &[Vec<bool>], of_step: &[&[usize]], units: &[Unit]) -> Vec<(usize, Vec<UnitId>)> {
    let reach = Reach::new(units);
    let mut all = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        for &index in of_step[place] {
            let is_index = matches!(units[index].action, Action::Index(_));
            if is_index || step.after.iter().all(|before| is_on(units, of_step[*before], index)) {
                continue;
            }
            let through = (0..steps.len()).filter(|other| waits[place][*other] && !step.after.contains(other));
            let missing: Vec<UnitId> = through
                .flat_map(|other| waited_for(units, of_step[other], index))
                .filter(|id| !reach.is_before(id.index(), index))
                .collect();
            let is_last = |id: &&UnitId| missing.iter().all(|other| !reach.is_before(id.index(), other.index()));
            let last: Vec<UnitId> = missing.iter().filter(is_last).copied().collect();
            if !last.is_empty() {
                all.push((index, last));
            }
        }
    }
    all
}

/// Whether a step has a unit on the platform of the unit `of`, which therefore waits for no other of it.
fn is_on(units: &[Unit], step: &[usize], of: usize) -> bool {
    let is_on =
        |unit: &Unit| matches!(unit.action, Action::Build(_) | Action::Cmd(_)) && unit.platform == units[of].platform;
    step.iter().any(|index| is_on(&units[*index]))
}

/// Which units of a step the unit `of` waits for. A push under an index has happened when the index is there.
fn waited_for(units: &[Unit], step: &[usize], of: usize) -> Vec<UnitId> {
    let child = |unit: &Unit| matches!(&unit.action, Action::Push(push) if push.as_child);
    let ends: Vec<&Unit> = step.iter().map(|index| &units[*index]).filter(|unit| !child(unit)).collect();
    let by_platform = matches!(ends.first().map(|unit| &unit.action), Some(Action::Build(_) | Action::Cmd(_)));
    let same: Vec<UnitId> =
        ends.iter().filter(|unit| unit.platform == units[of].platform).map(|unit| unit.id).collect();
    if by_platform && !same.is_empty() { same } else { ends.iter().map(|unit| unit.id).collect() }
}

/// For every unit, the units that must end before it starts: one bit each.
pub(super) struct Reach {
    before: Vec<Vec<u64>>,
}

impl Reach {
    /// Follows the edges of `units`, which have no cycle.
    pub(super) fn new(units: &[Unit]) -> Self {
        let words = units.len().div_ceil(64);
        let mut before: Vec<Option<Vec<u64>>> = vec![None; units.len()];
        for start in 0..units.len() {
            let mut open = vec![start];
            while let Some(&unit) = open.last() {
                let unseen = units[unit].after.iter().map(|id| id.index()).find(|other| before[*other].is_none());
                match unseen {
                    _ if before[unit].is_some() => drop(open.pop()),
                    Some(other) => open.push(other),
                    None => {
                        let mut row = vec![0; words];
                        for other in units[unit].after.iter().map(|id| id.index()) {
                            row[other / 64] |= 1 << (other % 64);
                            let theirs = before[other].iter().flatten();
                            row.iter_mut().zip(theirs).for_each(|(own, theirs)| *own |= theirs);
                        }
                        before[unit] = Some(row);
                        open.pop();
                    }
                }
            }
        }
        Self { before: before.into_iter().map(Option::unwrap_or_default).collect() }
    }

    /// Whether `first` must end before `second` starts.
    pub(super) fn is_before(&self, first: usize, second: usize) -> bool {
        self.before[second][first / 64] >> (first % 64) & 1 == 1
    }
}
