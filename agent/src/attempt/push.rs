//! Push units: an image that this run built, or that the engine has, goes to its registry.

use super::{Done, Failure, Job, build::listening, permit};
use crate::engine::EngineError;
use acre_model::{attempt::UnitResult, digest::Digest, plan::Push, reference::Reference};
use std::time::Duration;

/// Tries of one push, at most; a step's own `retries` come on top.
const TRIES: u32 = 3;
/// Waits between them, in milliseconds: doubling from the first to at most the second.
const WAIT_MS: (u64, u64) = (250, 5_000);

pub(super) async fn run(job: &Job, push: &Push) -> Done {
    let reference = push.reference.clone().with_default_tag();
    let mut wait = WAIT_MS.0;
    for number in 1.. {
        permit::ask(job).await?;
        job.started()?;
        job.notice(&format!("Pushing image: {reference}, attempt {number}"))?;
        match once(job, &reference).await? {
            Ok(digest) => {
                job.notice(&format!("Successfully pushed image: {reference}"))?;
                return Ok(UnitResult { pushed: Some(digest), ..UnitResult::default() });
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

/// The outer error is the log's, the inner one the engine's.
async fn once(job: &Job, reference: &Reference) -> Result<Result<Digest, EngineError>, Failure> {
    let runtime = &job.works.parts.runtime;
    // Another run on this engine may give the name to its own image: name and push are one.
    let _name = job.works.names.lock().await;
    if let Some(image) = job.attempt.sandbox.image(reference, &job.attempt.unit.platform)
        && let Err(error) = runtime.tag(&image.to_string(), reference).await
    {
        return Ok(Err(error));
    }
    let logins = job.attempt.sandbox.logins();
    listening(job, |say| {
        let logins = &logins;
        async move { runtime.push(reference, logins, &say).await }
    })
    .await
}
