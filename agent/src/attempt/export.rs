//! Builds whose image nothing of the run takes but its pushes: the engine sends it to their repository as it builds it,
//! through the push gate, and does not store it. The manifest, which publishes, waits for the push units.
//!
//! What does not get there is a matter of the pushes: the image is stored then, as if nobody had tried.

use super::{Failure, Job, build::listening, tries::Deadline};
use crate::{
    engine::{BuildRequest, Built, EngineError, Logins, Output},
    gate::{Exporting, Stopped, Target},
};
use std::time::Duration;

/// The part of a step's time, one in so many, that is kept for storing an image which does not get to its registry in the
/// rest.
const TO_STORE: u64 = 5;

/// Builds so, where that will do and the engine can. `None`: the image is to be stored; if it has been built, `request`
/// takes it from the builder's cache from now on.
pub(super) async fn run(job: &Job, request: &mut BuildRequest, deadline: Deadline) -> Result<Option<Built>, Failure> {
    let (Some(target), Some(gate)) = (request.build.tags.first(), job.works.gate.open()) else { return Ok(None) };
    if !request.build.only_pushed || !job.works.parts.builder.exports().await? {
        return Ok(None);
    }
    let target = Target { reference: target, plain: job.plain(target), logins: &request.logins };
    let late = deadline.at.checked_sub(Duration::from_millis(deadline.limit_ms / TO_STORE)).unwrap_or(deadline.at);
    let exported = listening(job, |say| {
        let request = &*request;
        async move { gate.export(target, &say, tokio::time::sleep_until(late), |to| build(job, request, to)).await }
    });
    match exported.await? {
        Ok((built, manifest)) => {
            job.attempt.sandbox.keep(target.reference, &manifest)?;
            return Ok(Some(built));
        }
        Err(Stopped::Unreached(why)) => {
            tracing::info!(%why, "the engine does not come to the push gate: from now on it pushes by itself");
            job.works.gate.shut();
        }
        Err(Stopped::Failed(why @ EngineError::NotExported(_))) => {
            job.notice(&format!("{why}; it goes to the engine instead"))?;
        }
        Err(Stopped::Failed(error)) => return Err(error.into()),
        Err(Stopped::Denied(never)) => match never {},
    }
    // What was built without the cache is the newest in it.
    request.build.no_cache = false;
    Ok(None)
}

async fn build(job: &Job, request: &BuildRequest, to: Exporting) -> Result<Built, EngineError> {
    let Exporting { repository, login, say } = to;
    let logins = request.logins.iter().map(|(registry, login)| (registry.to_owned(), login.clone()));
    let logins: Logins = logins.chain([login]).collect();
    let request = BuildRequest { output: Output::Repository(repository), logins, ..request.clone() };
    job.works.parts.builder.build(&request, &say).await
}
