//! Push units: an image that this run built, or that the engine has, goes to its registry.
//!
//! Through the push gate where the engine can come to it: the farm's permit is asked right before the one request that
//! publishes, and the engine sees no login. Else the engine pushes by itself, after the permit.

use super::{Done, Failure, Job, build::listening, permit};
use crate::{
    engine::EngineError,
    gate::{By, Gate, Pushed, Stopped},
};
use acre_model::{attempt::UnitResult, plan::Push, reference::Reference};
use std::time::Duration;

/// Tries of one push, at most; a step's own `retries` come on top.
const TRIES: u32 = 3;
/// Waits between them, in milliseconds: doubling from the first to at most the second.
const WAIT_MS: (u64, u64) = (250, 5_000);

pub(super) async fn run(job: &Job, push: &Push) -> Done {
    let reference = push.reference.clone().with_default_tag();
    let mut wait = WAIT_MS.0;
    for number in 1.. {
        job.notice(&format!("Pushing image: {reference}, attempt {number}"))?;
        match once(job, push, &reference).await? {
            Ok(result) => {
                job.notice(&format!("Successfully pushed image: {reference}"))?;
                return Ok(result);
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

/// The outer error is the attempt's, the inner one the engine's.
type Tried = Result<Result<UnitResult, EngineError>, Failure>;

async fn once(job: &Job, push: &Push, reference: &Reference) -> Tried {
    if let Some(gate) = job.works.gate.open() {
        let by = if push.as_child { By::Digest } else { By::Tag };
        match through(job, gate, reference, by).await? {
            Err(Stopped::Unreached(why)) => {
                tracing::info!(%why, "the engine does not come to the push gate: from now on it pushes by itself");
                job.works.gate.shut();
            }
            Err(Stopped::Denied(failure)) => return Err(failure),
            Err(Stopped::Failed(error)) => return Ok(Err(error)),
            Ok(Pushed { digest, media_type, .. }) => {
                let pushed = UnitResult { pushed: Some(digest), media_type: Some(media_type), ..UnitResult::default() };
                return Ok(Ok(pushed));
            }
        }
    }
    by_itself(job, reference).await
}

/// The outer error is the log's.
async fn through(
    job: &Job,
    gate: &Gate,
    reference: &Reference,
    by: By,
) -> Result<Result<Pushed, Stopped<Failure>>, Failure> {
    let built = job.attempt.sandbox.image(reference, &job.attempt.unit.platform);
    let image = built.map_or_else(|| reference.to_string(), |image| image.to_string());
    let logins = job.attempt.sandbox.logins();
    let registry = reference.registry_or_hub();
    let push = crate::gate::Push {
        image: &image,
        target: reference,
        by,
        plain: job.works.config.plain_http.iter().any(|host| host == registry),
        logins: &logins,
    };
    let permit = async || {
        permit::ask(job).await?;
        Ok(job.started()?)
    };
    listening(job, |say| async move { gate.push(push, permit, &say).await }).await
}

async fn by_itself(job: &Job, reference: &Reference) -> Tried {
    permit::ask(job).await?;
    job.started()?;
    let runtime = &job.works.parts.runtime;
    // Another run on this engine may give the name to its own image: name and push are one.
    let _name = job.works.names.lock().await;
    if let Some(image) = job.attempt.sandbox.image(reference, &job.attempt.unit.platform)
        && let Err(error) = runtime.tag(&image.to_string(), reference).await
    {
        return Ok(Err(error));
    }
    let logins = job.attempt.sandbox.logins();
    let pushed = listening(job, |say| {
        let logins = &logins;
        async move { runtime.push(reference, logins, &say).await }
    });
    let result = |digest| UnitResult { pushed: Some(digest), ..UnitResult::default() };
    Ok(pushed.await?.map(result))
}
