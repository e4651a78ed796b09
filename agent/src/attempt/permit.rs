//! The farm's word that an attempt still holds, right before what the world sees.

use super::{Failure, Job};
use acre_model::{
    attempt::Fence,
    outcome::{Cause, Outcome},
};
use acre_proto::v1::{PermitRequest, agents_client::AgentsClient};
use std::time::Duration;
use tonic::{Code, Status};

/// Waits between two questions while the farm does not answer, in milliseconds: doubling up to the second.
const WAIT_MS: (u64, u64) = (100, 2_000);

/// Resolves once the farm has said that the attempt may go on. While it is not heard, it is asked again; an attempt
/// that is cut off for too long is stopped from elsewhere.
pub(super) async fn ask(job: &Job) -> Result<(), Failure> {
    let mut wait = WAIT_MS.0;
    loop {
        job.works.contact.fresh().await;
        let Some(fence) = job.roster.fence(&job.attempt.id) else { return Err(Outcome::Canceled.into()) };
        match once(job, fence).await {
            Ok(()) => return Ok(()),
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::NotFound) => {
                tracing::info!(attempt = %job.attempt.id, why = status.message(), "not permitted");
                return Err(Outcome::Canceled.into());
            }
            Err(status) if matches!(status.code(), Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded) => {}
            Err(status) => {
                let message = format!("the farm does not permit it: {}", status.message());
                return Err(Outcome::Infrastructure { cause: Cause::AgentLost, message }.into());
            }
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
        wait = (wait * 2).min(WAIT_MS.1);
    }
}

async fn once(job: &Job, fence: Fence) -> Result<(), Status> {
    let mut client = AgentsClient::new(job.works.parts.farm.clone());
    let request = PermitRequest {
        agent: job.works.config.id.to_string(),
        attempt: Some((&job.attempt.id).into()),
        fence: fence.0,
    };
    client.permit(request).await.map(drop)
}
