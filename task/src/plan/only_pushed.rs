//! Builds whose images nothing of the run takes but pushes of one repository: an engine that can send such an image there as
//! it builds it need not store it.
//!
//! The pushes come right after the build: what is sent before a test has passed would lie in the registry for
//! nothing if it fails.

use super::edges::Reach;
use acre_model::{
    plan::{Action, Build, Unit},
    reference::Reference,
};
use std::collections::BTreeSet;

/// Lets such builds know.
pub(super) fn mark(units: &mut [Unit], reach: &Reach) {
    let only_pushed: Vec<bool> = (0..units.len()).map(|index| is_only_pushed(units, index, reach)).collect();
    for (unit, only_pushed) in units.iter_mut().zip(only_pushed) {
        if let Action::Build(build) = &mut unit.action {
            build.only_pushed = only_pushed;
        }
    }
}

/// What a unit takes of a build's images.
enum Taken {
    Nothing,
    /// It pushes one under this name, as soon as that is built.
    Pushed(Reference),
    /// It needs one on the engine, or a name of one there.
    Stored,
}

fn is_only_pushed(units: &[Unit], index: usize, reach: &Reach) -> bool {
    let Action::Build(build) = &units[index].action else { return false };
    let tags = tags(build);
    let mut pushed = BTreeSet::new();
    for other in (0..units.len()).filter(|other| *other != index) {
        match taken(units, (index, &tags), other, reach) {
            Taken::Nothing => {}
            Taken::Pushed(reference) => drop(pushed.insert(reference)),
            Taken::Stored => return false,
        }
    }
    let repositories: BTreeSet<String> = tags.iter().map(Reference::name).collect();
    repositories.len() == 1 && pushed == tags
}

fn tags(build: &Build) -> BTreeSet<Reference> {
    build.tags.iter().map(|tag| tag.clone().with_default_tag()).collect()
}

/// What the unit `other` takes of the images that the build `index` calls `tags`.
fn taken(units: &[Unit], (index, tags): (usize, &BTreeSet<Reference>), other: usize, reach: &Reach) -> Taken {
    let unit = &units[other];
    let is_own = |reference: &Reference| tags.contains(&reference.clone().with_default_tag());
    let same_platform = unit.platform == units[index].platform;
    let is_stored = match &unit.action {
        Action::Push(push) if same_platform && is_own(&push.reference) => {
            return match comes_right_after(unit, index, reach) {
                true => Taken::Pushed(push.reference.clone().with_default_tag()),
                false => Taken::Stored,
            };
        }
        Action::Push(_) | Action::Index(_) | Action::Source(_) => false,
        Action::Cmd(cmd) => {
            let is_named = cmd.image.parse::<Reference>().is_ok_and(|image| is_own(&image));
            is_named || cmd.engine_socket && !reach.is_before(other, index)
        }
        Action::Build(build) => match &build.dependencies {
            Some(dependencies) => {
                let is_named = dependencies.iter().any(|dependency| is_own(&dependency.reference));
                is_named || same_platform && build.tags.iter().any(is_own)
            }
            None => same_platform && !reach.is_before(other, index),
        },
    };
    if is_stored { Taken::Stored } else { Taken::Nothing }
}

/// Whether a push waits for nothing but the build, and what that has waited for.
fn comes_right_after(push: &Unit, build: usize, reach: &Reach) -> bool {
    let waits = |other: usize| other == build || reach.is_before(other, build);
    let is_after = push.after.iter().any(|id| id.index() == build);
    is_after && push.after.iter().all(|id| waits(id.index()))
}
