//! Push units: an image that this run built, or that the engine has, goes to its registry.

use super::{Done, Failure, Job, build::listening, permit};
use crate::{engine::EngineError, registry::Manifests, source::web::Web};
use acre_model::{
    attempt::UnitResult, digest::Digest, ids::RunId, outcome::Outcome, plan::Push, platform::Platform,
    reference::Reference,
};
use std::time::Duration;

/// Tries of one push, at most; a step's own `retries` come on top.
const TRIES: u32 = 3;
/// Waits between them, in milliseconds: doubling from the first to at most the second.
const WAIT_MS: (u64, u64) = (250, 5_000);

pub(super) async fn run(job: &Job, push: &Push) -> Done {
    let target = target(job, push)?;
    let reference = &target.reference;
    let mut wait = WAIT_MS.0;
    for number in 1.. {
        permit::ask(job).await?;
        job.started()?;
        job.notice(&format!("Pushing image: {reference}, attempt {number}"))?;
        match once(job, &target).await? {
            Ok(digest) => {
                job.notice(&format!("Successfully pushed image: {reference}"))?;
                let media_type = if push.as_child { media_type(job, reference, digest).await } else { None };
                return Ok(UnitResult { pushed: Some(digest), media_type, ..UnitResult::default() });
            }
            Err(error) if error.may_pass() && number < TRIES => {
                job.notice(&format!("Failed to push image: {reference}: {error}; trying again in {wait} ms"))?;
                tokio::time::sleep(Duration::from_millis(wait)).await;
                wait = (wait * 2).min(WAIT_MS.1);
            }
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last try returns")
}

/// What is pushed, and as what.
struct Target {
    /// What the registry is to have.
    reference: Reference,
    /// The image; `None`: whatever the engine has under the reference.
    image: Option<Digest>,
}

/// The one place that decides how the child of an index goes to its registry: under a tag that belongs to the run alone.
fn target(job: &Job, push: &Push) -> Result<Target, Failure> {
    let reference = push.reference.clone().with_default_tag();
    let (sandbox, platform) = (&job.attempt.sandbox, &job.attempt.unit.platform);
    let image = sandbox.image(&reference, platform);
    if !push.as_child {
        return Ok(Target { reference, image });
    }
    // Under the plain name the engine may have another platform's.
    let Some(image) = image else {
        let message = format!("{reference} was not built for {platform}");
        return Err(Outcome::Failed { exit_code: None, message }.into());
    };
    let tagged = format!("{}:{}", reference.name(), child_tag(&job.attempt.id.run, platform));
    let reference: Reference = tagged.parse().map_err(|why: acre_model::reference::BadReference| {
        Failure::from(Outcome::Failed { exit_code: None, message: why.to_string() })
    })?;
    sandbox.note_name(&reference)?;
    Ok(Target { reference, image: Some(image) })
}

/// The tag of a child that needs one: the run's own.
pub(super) fn child_tag(run: &RunId, platform: &Platform) -> String {
    format!("acre-{run}-{}", platform.dashed())
}

/// The outer error is the log's, the inner one the engine's.
async fn once(job: &Job, target: &Target) -> Result<Result<Digest, EngineError>, Failure> {
    let (runtime, reference) = (&job.works.parts.runtime, &target.reference);
    // Another run on this engine may give the name to its own image: name and push are one.
    let _held = match target.image {
        Some(image) => {
            let held = job.works.names.hold(reference, image).await;
            if let Err(error) = runtime.tag(&image.to_string(), reference).await {
                return Ok(Err(error));
            }
            Some(held)
        }
        None => None,
    };
    let logins = job.attempt.sandbox.logins();
    listening(job, |say| {
        let logins = &logins;
        async move { runtime.push(reference, logins, &say).await }
    })
    .await
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
