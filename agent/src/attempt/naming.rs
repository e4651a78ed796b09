//! What images are called on the engine. It keeps one image under a name, and the builds of a step for several platforms
//! all give the same: there the name goes to the image of the engine's own platform, and the others are known to the run
//! by their ids.

use super::{Job, names::HeldName};
use crate::{
    engine::{EngineError, Runtime},
    sandbox,
};
use acre_model::{digest::Digest, plan::Build, reference::Reference};

/// What a build's image is called.
pub(super) struct Naming {
    /// By the builder, as it makes it.
    pub(super) exported: Vec<Reference>,
    /// Afterwards.
    given: Vec<Reference>,
}

impl Naming {
    /// What the image of this build is called here.
    pub(super) async fn of(job: &Job, build: &Build) -> Result<Self, EngineError> {
        if !build.one_of_several {
            return Ok(Self { exported: build.tags.clone(), given: Vec::new() });
        }
        // An image without any name could be taken for rubbish, and be swept away before it is used.
        let own: Vec<Reference> = sandbox::of_built(&job.attempt.id).into_iter().collect();
        own.iter().try_for_each(|name| job.attempt.sandbox.note_name(name))?;
        let is_native = job.works.parts.runtime.info().await?.native == job.attempt.unit.platform;
        let given = build.tags.iter().filter(|_| is_native).map(|tag| tag.clone().with_default_tag());
        Ok(Self { exported: own, given: given.collect() })
    }

    /// Gives the image the names that it gets afterwards.
    pub(super) async fn give(&self, job: &Job, image: Digest) -> Result<(), EngineError> {
        for name in &self.given {
            let _held = job.works.names.hold(name, image).await;
            job.works.parts.runtime.tag(&image.to_string(), name).await?;
        }
        Ok(())
    }
}

/// Images of the run that a build is made from, under the names by which its Dockerfile knows them.
pub(super) struct Bases<'a> {
    runtime: &'a dyn Runtime,
    lent: Vec<Lent<'a>>,
}

struct Lent<'a> {
    name: Reference,
    image: Digest,
    /// What had the name before.
    before: Option<Digest>,
    /// Whether it has the name back afterwards.
    returns: bool,
    _held: HeldName<'a>,
}

impl<'a> Bases<'a> {
    /// Has the names mean the images of the build's platform, for as long as it takes.
    pub(super) async fn lend(job: &'a Job, build: &Build) -> Result<Self, EngineError> {
        let runtime = &*job.works.parts.runtime;
        let mut bases = Self { runtime, lent: Vec::new() };
        for (name, image) in job.attempt.sandbox.images_for(&job.attempt.unit.platform) {
            if !is_used(build, &name) {
                continue;
            }
            let held = job.works.names.hold(&name, image).await;
            let before = runtime.image(&name.to_string()).await?.map(|local| local.id);
            if before != Some(image) {
                runtime.tag(&image.to_string(), &name).await?;
            }
            let returns = !build.tags.iter().any(|tag| tag.clone().with_default_tag() == name);
            bases.lent.push(Lent { name, image, before, returns, _held: held });
        }
        Ok(bases)
    }

    /// The names mean again what they meant before.
    pub(super) async fn give_back(self) -> Result<(), EngineError> {
        for Lent { name, image, before, .. } in self.lent.iter().filter(|lent| lent.returns) {
            match before {
                Some(before) if before == image => {}
                Some(before) => self.runtime.tag(&before.to_string(), name).await?,
                None => self.runtime.untag(name).await?,
            }
        }
        Ok(())
    }
}

/// Whether a build may use the image of this name. One whose Dockerfile was not known may use any.
fn is_used(build: &Build, name: &Reference) -> bool {
    build.dependencies.as_ref().is_none_or(|dependencies| {
        dependencies.iter().any(|dependency| dependency.reference.clone().with_default_tag() == *name)
    })
}
