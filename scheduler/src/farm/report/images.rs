//! The images of a run, with what they depend on: index → children → dependencies.

use super::{super::UnitState, Run, pushed};
use acre_model::{
    attempt::{UnitResult, UsedImage},
    digest::Digest,
    ids::{AgentId, UnitId},
    outcome::Outcome,
    plan::{Action, Build, Dependency, Role, Unit},
    platform::Platform,
    reference::Reference,
    report::{Git, Image, ImageName},
};
use acre_task::dockerfile::{self, Given};

/// One entry for each name that a succeeded build gave its image; where an index takes the name, one for the index, with
/// the images of the platforms below it.
pub(super) fn images(run: &Run, git: Option<&Git>) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    let mut indexes: Vec<(UnitId, usize)> = Vec::new();
    for unit in &run.plan.units {
        let Action::Build(build) = &unit.action else { continue };
        let UnitState::Ended { outcome: Outcome::Succeeded, agent, result, .. } =
            &run.record.units[unit.id.index()].state
        else {
            continue;
        };
        let built = Built { run, unit, build, result };
        for tag in build.tags.iter().map(|tag| tag.clone().with_default_tag()) {
            let Some(index) = built.index_of(&tag) else {
                images.push(built.image(&tag, git));
                continue;
            };
            let known = indexes.iter().find(|(id, _)| *id == index).map(|(_, place)| *place);
            let place = known.unwrap_or_else(|| {
                images.push(Image { children: kept(run, index), ..header(&tag, pushed(run, index), git) });
                indexes.push((index, images.len() - 1));
                images.len() - 1
            });
            images[place].children.push(built.child(&tag, agent.clone()));
        }
    }
    images
}

/// What an index keeps of an earlier run.
fn kept(run: &Run, index: UnitId) -> Vec<Image> {
    match run.plan.unit(index).map(|unit| &unit.action) {
        Some(Action::Index(index)) => index.kept.clone(),
        _ => Vec::new(),
    }
}

/// An index without its children.
fn header(tag: &Reference, digest: Option<Digest>, git: Option<&Git>) -> Image {
    Image {
        image: ImageName::new(tag, digest, None),
        runtime_dependency: None,
        buildtime_dependency: Vec::new(),
        git: git.cloned(),
        agent: None,
        way: None,
        children: Vec::new(),
    }
}

/// A build that has succeeded.
struct Built<'a> {
    run: &'a Run,
    unit: &'a Unit,
    build: &'a Build,
    result: &'a UnitResult,
}

impl Built<'_> {
    fn image(&self, tag: &Reference, git: Option<&Git>) -> Image {
        let dependencies = dependencies(self.build, &self.unit.platform, self.result);
        let of_role = |role: Role| dependencies.iter().filter(move |found| found.role == role);
        let named = |dependency: &Dependency| {
            let name =
                ImageName::new(&dependency.reference, used_digest(&self.result.used, &dependency.reference), None);
            ImageName { pinned: dependency.pinned, ..name }
        };
        Image {
            image: ImageName::new(tag, self.pushed(tag), Some(self.unit.platform.clone())),
            runtime_dependency: of_role(Role::Runtime).next().map(named),
            buildtime_dependency: of_role(Role::BuildTime).map(named).collect(),
            ..header(tag, None, git)
        }
    }

    /// The image as a child of an index: it has no tag of its own.
    fn child(&self, tag: &Reference, agent: Option<AgentId>) -> Image {
        let way = self.run.record.units[self.unit.id.index()].way;
        let mut child = Image { agent, way, ..self.image(tag, None) };
        child.image.tag = None;
        child
    }

    /// The index that takes the tag, for which this image was pushed.
    fn index_of(&self, tag: &Reference) -> Option<UnitId> {
        let has_own = |child: &UnitId| self.run.plan.unit(*child).is_some_and(|push| self.is_push_of(push, tag));
        let takes = |unit: &&Unit| match &unit.action {
            Action::Index(index) => index.children.iter().any(has_own),
            _ => false,
        };
        self.run.plan.units.iter().find(takes).map(|unit| unit.id)
    }

    /// The digest under which the unit's platform of `tag` was pushed.
    fn pushed(&self, tag: &Reference) -> Option<Digest> {
        let pushes = self.run.plan.units.iter().filter(|unit| self.is_push_of(unit, tag));
        pushes.filter_map(|unit| pushed(self.run, unit.id)).next()
    }

    fn is_push_of(&self, unit: &Unit, tag: &Reference) -> bool {
        match &unit.action {
            Action::Push(push) => {
                push.reference.clone().with_default_tag() == *tag && unit.platform == self.unit.platform
            }
            _ => false,
        }
    }
}

/// What the Dockerfile names: as read at submission, or else from its text as the agent found it.
fn dependencies(build: &Build, platform: &Platform, result: &UnitResult) -> Vec<Dependency> {
    match (&build.dependencies, &result.dockerfile) {
        (Some(dependencies), _) => dependencies.clone(),
        (None, Some(text)) => {
            let given = Given { target: build.target.as_deref(), arguments: &build.arguments, platform };
            dockerfile::dependencies(text.as_bytes(), &given).unwrap_or_default()
        }
        (None, None) => {
            let unknown = |used: &UsedImage| Dependency {
                role: Role::BuildTime,
                reference: used.reference.clone(),
                pinned: true,
            };
            result.used.iter().map(unknown).collect()
        }
    }
}

fn used_digest(used: &[UsedImage], reference: &Reference) -> Option<Digest> {
    let same = |a: &Reference, b: &Reference| {
        let (a, b) = (a.clone().with_default_tag(), b.clone().with_default_tag());
        a.full_repository() == b.full_repository() && a.registry() == b.registry() && a.tag() == b.tag()
    };
    used.iter().find(|image| same(&image.reference, reference)).and_then(|image| image.digest)
}
