//! Push units: an image that this run built, or that the engine has, goes to its registry.
//!
//! Of what a build has exported ([`super::export`]) nothing but the manifest is left to send, after the permit.
//!
//! Through the push gate where the engine can come to it: the farm's permit is asked right before the one request that
//! publishes, the engine sees no login, and the child of an index needs no tag. Else the engine pushes by itself, after
//! the permit, and the child of an index goes under a tag that belongs to its run alone.

use super::{Done, Failure, Job, build::listening, permit};
use crate::{
    engine::{EngineError, Logins},
    gate::{self, By, Gate, Manifest, Pushed, Stopped, Target},
    registry::Manifests,
};
use acre_model::{
    attempt::UnitResult, digest::Digest, ids::RunId, outcome::Outcome, plan::Push, platform::Platform,
    reference::Reference,
};
use acre_web::Web;
use std::time::Duration;

/// Tries of one push, at most; a step's own `retries` come on top.
const TRIES: u32 = 3;
/// Waits between them, in milliseconds: doubling from the first to at most the second.
const WAIT_MS: (u64, u64) = (250, 5_000);

pub(super) async fn run(job: &Job, push: &Push) -> Done {
    let image = image(job, push)?;
    let shown = &image.reference;
    let mut wait = WAIT_MS.0;
    for number in 1.. {
        job.notice(&format!("Pushing image: {shown}, attempt {number}"))?;
        match once(job, &image).await?.map_err(|error| image.lost(error)) {
            Ok(result) => {
                job.notice(&format!("Successfully pushed image: {shown}"))?;
                return Ok(result);
            }
            Err(error) if error.may_pass() && number < TRIES => {
                job.notice(&format!("Failed to push image: {shown}: {error}; trying again in {wait} ms"))?;
                tokio::time::sleep(Duration::from_millis(wait)).await;
                wait = (wait * 2).min(WAIT_MS.1);
            }
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last try returns")
}

/// What is pushed, and whereto.
struct Image {
    /// What the user wants it to be called.
    reference: Reference,
    /// Its id; `None`: whatever the engine has under the reference.
    id: Option<Digest>,
    /// An index takes the tag.
    is_child: bool,
}

impl Image {
    /// Under what it is published.
    const fn by(&self) -> By {
        if self.is_child { By::Digest } else { By::Tag }
    }

    /// That the engine does not have what the run has built is nobody's wish: it is built anew.
    fn lost(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::NoImage(name) if self.id.is_some() => {
                EngineError::BrokenOff(format!("it does not have image {name} any more"))
            }
            error => error,
        }
    }

    fn target<'a>(&'a self, job: &Job, logins: &'a Logins) -> Target<'a> {
        Target { reference: &self.reference, plain: job.plain(&self.reference), logins }
    }
}

fn image(job: &Job, push: &Push) -> Result<Image, Failure> {
    let reference = push.reference.clone().with_default_tag();
    let platform = &job.attempt.unit.platform;
    let id = job.attempt.sandbox.image(&reference, platform);
    // Under the plain name the engine may have another platform's.
    if push.as_child && id.is_none() {
        let message = format!("{reference} was not built for {platform}");
        return Err(Outcome::Failed { exit_code: None, message }.into());
    }
    Ok(Image { reference, id, is_child: push.as_child })
}

/// The outer error is the attempt's, the inner one the engine's.
type Tried = Result<Result<UnitResult, EngineError>, Failure>;

async fn once(job: &Job, image: &Image) -> Tried {
    if let Some(manifest) = image.id.and_then(|id| job.attempt.sandbox.kept(&image.reference, id)) {
        return of_kept(job, image, &manifest).await;
    }
    if let Some(gate) = job.works.gate.open() {
        match through(job, gate, image).await? {
            Ok(pushed) => return Ok(Ok(result(pushed))),
            Err(Stopped::Denied(failure)) => return Err(failure),
            Err(Stopped::Failed(error)) => return Ok(Err(error)),
            Err(Stopped::Unreached(why)) => {
                tracing::info!(%why, "the engine does not come to the push gate: from now on it pushes by itself");
                job.works.gate.shut();
            }
        }
    }
    by_itself(job, image).await
}

/// A build has sent all but the manifest.
async fn of_kept(job: &Job, image: &Image, manifest: &Manifest) -> Tried {
    job.works.contact.fresh().await;
    job.started()?;
    permit::ask(job).await?;
    let logins = job.logins();
    let published = job.works.gate.gate().publish(image.target(job, &logins), image.by(), manifest).await;
    if let Ok(Pushed { digest, size, .. }) = &published {
        let tag = image.reference.tag().unwrap_or("latest");
        job.notice(&format!("{tag}: digest: {digest} size: {size}"))?;
    }
    Ok(published.map(result))
}

fn result(pushed: Pushed) -> UnitResult {
    UnitResult { pushed: Some(pushed.digest), media_type: Some(pushed.media_type), ..UnitResult::default() }
}

/// The outer error is the log's.
async fn through(job: &Job, gate: &Gate, image: &Image) -> Result<Result<Pushed, Stopped<Failure>>, Failure> {
    let name = image.id.map_or_else(|| image.reference.to_string(), |id| id.to_string());
    let logins = job.logins();
    let push = gate::Push {
        image: &name,
        target: image.target(job, &logins),
        by: image.by(),
        note: &|name| job.attempt.sandbox.note_name(name),
    };
    // The work begins now, also for who measures it; what the world sees comes with the permit.
    job.works.contact.fresh().await;
    job.started()?;
    let permit = async || permit::ask(job).await;
    listening(job, |say| async move { gate.push(push, permit, &say).await }).await
}

async fn by_itself(job: &Job, image: &Image) -> Tried {
    permit::ask(job).await?;
    job.started()?;
    let (runtime, platform) = (&job.works.parts.runtime, &job.attempt.unit.platform);
    let reference = if image.is_child { child(job, image, platform)? } else { image.reference.clone() };
    // Another run on this engine may give the name to its own image: name and push are one.
    let _held = match image.id {
        Some(id) => {
            let held = job.works.names.hold(&reference, id).await;
            if let Err(error) = runtime.tag(&id.to_string(), &reference).await {
                return Ok(Err(error));
            }
            Some(held)
        }
        None => None,
    };
    let logins = job.logins();
    let pushing = listening(job, |say| {
        let (logins, reference) = (&logins, &reference);
        async move { runtime.push(reference, logins, &say).await }
    });
    let digest = match pushing.await? {
        Ok(digest) => digest,
        Err(error) => return Ok(Err(error)),
    };
    let media_type = if image.is_child { media_type(job, &reference, digest).await } else { None };
    Ok(Ok(UnitResult { pushed: Some(digest), media_type, ..UnitResult::default() }))
}

/// What the child of an index is called where it needs a name.
fn child(job: &Job, image: &Image, platform: &Platform) -> Result<Reference, Failure> {
    let tagged = format!("{}:{}", image.reference.name(), child_tag(&job.attempt.id.run, platform));
    let reference: Reference = tagged.parse().map_err(|why: acre_model::reference::BadReference| {
        Failure::from(Outcome::Failed { exit_code: None, message: why.to_string() })
    })?;
    job.attempt.sandbox.note_name(&reference)?;
    Ok(reference)
}

/// The tag of a child that needs one: the run's own.
pub(super) fn child_tag(run: &RunId, platform: &Platform) -> String {
    format!("acre-{run}-{}", platform.dashed())
}

/// The media type of what was pushed, as far as the registry tells it.
async fn media_type(job: &Job, reference: &Reference, digest: Digest) -> Option<String> {
    let (web, logins) = (Web::new(job.works.config.plain_http.clone()), job.logins());
    let manifest = Manifests::open(&web, reference, &logins).await.ok()?.get(digest).await;
    manifest.map(|manifest| manifest.media_type).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_a_child_is_its_runs_own() {
        let run = RunId::new(1_800_000_000, 0, 0);
        for (platform, end) in [("linux/386", "linux-386"), ("linux/arm", "linux-arm-v7")] {
            assert_eq!(child_tag(&run, &platform.parse().unwrap()), format!("acre-{run}-{end}"));
        }
    }
}
