//! What images are called on the engine. It keeps one image under a name, and the builds of a step for several platforms
//! all give the same: there the name goes to the image of the engine's own platform, and the others are known to the run
//! by their ids.

use super::{Job, Works, names::HeldName};
use crate::{
    engine::{EngineError, Runtime},
    sandbox,
};
use acre_model::{digest::Digest, plan::Build, reference::Reference};
use std::sync::Arc;

/// What a build's image is called.
pub(super) struct Naming {
    /// By the builder, as it makes it.
    pub(super) exported: Vec<Reference>,
    /// Afterwards.
    given: Vec<Reference>,
}

impl Naming {
    /// What the image of this build is called here. Whatever else it is called, it has a name of the group's own: its
    /// others may go to another run's image at any time, and an image without any name could be taken for rubbish, and be
    /// swept away before it is used.
    pub(super) async fn of(job: &Job, build: &Build) -> Result<Self, EngineError> {
        let own = sandbox::of_built(&job.attempt.id).filter(|_| build.one_of_several || !build.tags.is_empty());
        own.iter().try_for_each(|name| job.attempt.sandbox.note_name(name))?;
        if !build.one_of_several {
            return Ok(Self { exported: build.tags.iter().cloned().chain(own).collect(), given: Vec::new() });
        }
        let is_native = job.works.parts.runtime.info().await?.native == job.attempt.unit.platform;
        let given = build.tags.iter().filter(|_| is_native).map(|tag| tag.clone().with_default_tag());
        Ok(Self { exported: own.into_iter().collect(), given: given.collect() })
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

/// Images of the run that a build is made from, under the names by which its Dockerfile knows them. The names get back
/// what they meant before, also where the build is broken off.
pub(super) struct Bases {
    works: Arc<Works>,
    lent: Vec<Lent>,
}

struct Lent {
    name: Reference,
    afterwards: Afterwards,
    _held: HeldName,
}

/// What a name means once the build is over.
enum Afterwards {
    /// What it means then.
    Same,
    /// This image again, which has the other name meanwhile: its group may end, and take its last name.
    Again(Digest, Option<Reference>),
    /// Nothing again.
    Nothing,
}

impl Bases {
    /// Has the names mean the images of the build's platform, for as long as it takes.
    pub(super) async fn lend(job: &Job, build: &Build) -> Result<Self, EngineError> {
        let mut bases = Self { works: job.works.clone(), lent: Vec::new() };
        for (name, image) in job.attempt.sandbox.images_for(&job.attempt.unit.platform) {
            if is_used(build, &name) {
                bases.lend_one(job, build, name, image).await?;
            }
        }
        Ok(bases)
    }

    async fn lend_one(&mut self, job: &Job, build: &Build, name: Reference, image: Digest) -> Result<(), EngineError> {
        let runtime = self.works.parts.runtime.clone();
        let held = self.works.names.hold(&name, image).await;
        let before = runtime.image(&name.to_string()).await?.map(|local| local.id);
        let is_own = build.tags.iter().any(|tag| tag.clone().with_default_tag() == name);
        let afterwards = match before {
            _ if is_own || before == Some(image) => Afterwards::Same,
            Some(before) => Afterwards::Again(before, self.keep(job, before).await?),
            None => Afterwards::Nothing,
        };
        if before != Some(image) {
            runtime.tag(&image.to_string(), &name).await?;
        }
        self.lent.push(Lent { name, afterwards, _held: held });
        Ok(())
    }

    /// Gives an image a name that it has while its own is lent.
    async fn keep(&self, job: &Job, image: Digest) -> Result<Option<Reference>, EngineError> {
        let kept = sandbox::of_kept(&job.attempt.id, self.lent.len());
        if let Some(kept) = &kept {
            job.attempt.sandbox.note_name(kept)?;
            self.works.parts.runtime.tag(&image.to_string(), kept).await?;
        }
        Ok(kept)
    }

    /// The names mean again what they meant before.
    pub(super) async fn give_back(mut self) {
        give_back(&*self.works.parts.runtime, std::mem::take(&mut self.lent)).await;
    }
}

impl Drop for Bases {
    fn drop(&mut self) {
        let (runtime, lent) = (self.works.parts.runtime.clone(), std::mem::take(&mut self.lent));
        if !lent.is_empty() {
            self.works.tasks.spawn("give back names", async move { give_back(&*runtime, lent).await });
        }
    }
}

async fn give_back(runtime: &dyn Runtime, lent: Vec<Lent>) {
    for Lent { name, afterwards, _held } in lent {
        let done = match afterwards {
            Afterwards::Same => Ok(()),
            Afterwards::Again(image, kept) => match runtime.tag(&image.to_string(), &name).await {
                Ok(()) => untag(runtime, kept).await,
                failed => failed,
            },
            Afterwards::Nothing => runtime.untag(&name).await,
        };
        if let Err(why) = done {
            tracing::warn!(%name, %why, "a name on the engine does not mean again what it meant before");
        }
    }
}

async fn untag(runtime: &dyn Runtime, name: Option<Reference>) -> Result<(), EngineError> {
    match name {
        Some(name) => runtime.untag(&name).await,
        None => Ok(()),
    }
}

/// Whether a build may use the image of this name. One whose Dockerfile was not known may use any.
fn is_used(build: &Build, name: &Reference) -> bool {
    build.dependencies.as_ref().is_none_or(|dependencies| {
        dependencies.iter().any(|dependency| dependency.reference.clone().with_default_tag() == *name)
    })
}
