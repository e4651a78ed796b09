//! What waits for what: ids unique, `when` resolved, no cycle (task language §4).

use super::{fields::Placed, step::Unordered};
use crate::{
    diagnostic::{At, Faults},
    task::Step,
};
use acre_model::{
    ids::StepId,
    plan::Condition,
    text::{clip, nearest},
};
use std::collections::BTreeMap;

/// The steps with their order; `None` where one is missing because of a fault, or the order has one.
pub(super) fn check(steps: Vec<Option<Unordered>>, faults: &mut Faults<'_>) -> Option<Vec<Step>> {
    let places = ids(&steps, faults);
    let resolved = |(index, step): (usize, &Option<Unordered>)| {
        step.as_ref().map_or_else(Vec::new, |step| resolve(step, index, &places, faults))
    };
    let after: Vec<Vec<usize>> = steps.iter().enumerate().map(resolved).collect();
    if let Some(cycle) = cycle(&after) {
        let name = |index: &usize| steps[*index].as_ref().and_then(|step| step.id.as_ref()).map_or("?", StepId::as_str);
        let names: Vec<&str> = cycle.iter().map(name).collect();
        let at = steps[cycle[0]].as_ref().map_or(At::FILE, |step| step.id_at);
        faults.refuse(at, format!("the steps wait for each other: {}", names.join(" → ")));
        return None;
    }
    let places: Vec<Option<At>> = steps.iter().map(|step| step.as_ref()?.condition_at).collect();
    let steps: Option<Vec<Step>> =
        steps.into_iter().zip(after).map(|(step, after)| step?.step.map(|step| Step { after, ..step })).collect();
    for (step, at) in steps.iter().flatten().zip(places) {
        if step.after.is_empty() && step.condition != Condition::default() {
            let key = if step.condition.exited_with.is_empty() { "exitedWithout" } else { "exitedWith" };
            let message = format!("step `{}` waits for no step whose exit code `{key}` could be about", step.id);
            faults.error(at.unwrap_or(step.at), message).help = Some("name one in `when`".to_owned());
        }
    }
    steps
}

/// The place of every id.
fn ids<'a>(steps: &'a [Option<Unordered>], faults: &mut Faults<'_>) -> BTreeMap<&'a str, usize> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let Some((id, at)) = step.as_ref().and_then(|step| Some((step.id.as_ref()?.as_str(), step.id_at))) else {
            continue;
        };
        if let Some(first) = places.insert(id, index) {
            let line = steps[first].as_ref().map_or(0, |step| faults.listing().origin(step.id_at.line));
            faults.refuse(at, format!("the id `{id}` is there twice, first in line {line}"));
        }
    }
    places
}

/// The places of the steps that a step waits for; ascending.
fn resolve(step: &Unordered, index: usize, places: &BTreeMap<&str, usize>, faults: &mut Faults<'_>) -> Vec<usize> {
    let Some(when) = &step.when else { return index.checked_sub(1).into_iter().collect() };
    let id = step.id.as_ref().map_or("?", StepId::as_str);
    let starts_at_once = when.iter().any(|placed| placed.value == "-");
    let mut after = Vec::new();
    for Placed { at, value } in when {
        if faults.is_full() {
            break;
        }
        match places.get(value.as_str()) {
            _ if value == "-" => {}
            _ if starts_at_once => {
                faults.error(
                    *at,
                    format!("step `{id}`: `-` means to start at once, and cannot stand beside `{}`", clip(value)),
                );
            }
            Some(place) if *place == index => faults.refuse(*at, format!("step `{id}` waits for itself")),
            Some(place) => after.push(*place),
            None => {
                let near = nearest(&clip(value), places.keys().copied().filter(|other| *other != id));
                let suggestion = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let message = format!("step `{id}` waits for `{}`, which is not a step{suggestion}", clip(value));
                let error = faults.error(*at, message);
                error.help = Some("`when` takes ids of steps of this file, or `-` to start at once".to_owned());
            }
        }
    }
    after.sort_unstable();
    after.dedup();
    after
}

/// A cycle as a path whose last place is its first.
fn cycle(after: &[Vec<usize>]) -> Option<Vec<usize>> {
    // 0: not seen, 1: on the path, 2: done. Depth first with an explicit path: at most 256 steps.
    let mut seen = vec![0_u8; after.len()];
    for start in 0..after.len() {
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((step, next)) = path.last_mut() {
            let step = *step;
            if *next == 0 && seen[step] == 2 {
                path.pop();
                continue;
            }
            seen[step] = 1;
            match after[step].get(*next) {
                None => {
                    seen[step] = 2;
                    path.pop();
                }
                Some(before) => {
                    *next += 1;
                    if seen[*before] == 1 {
                        let begin = path.iter().position(|(step, _)| step == before).unwrap_or(0);
                        let places = path[begin..].iter().map(|(step, _)| *step);
                        return Some(places.chain([*before]).collect());
                    }
                    if seen[*before] == 0 {
                        path.push((*before, 0));
                    }
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_found_by_their_path() {
        type Row<'a> = (&'a [&'a [usize]], Option<&'a [usize]>);
        let table: [Row<'_>; 5] = [
            (&[&[], &[0], &[0, 1]], None),
            (&[&[1], &[0]], Some(&[0, 1, 0])),
            (&[&[], &[2], &[3], &[1]], Some(&[1, 2, 3, 1])),
            (&[&[1, 2], &[2], &[]], None),
            (&[&[2], &[], &[1]], None),
        ];
        for (after, expected) in table {
            let after: Vec<Vec<usize>> = after.iter().map(|row| row.to_vec()).collect();
            assert_eq!(cycle(&after).as_deref(), expected, "{after:?}");
        }
    }
}
