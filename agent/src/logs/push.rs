//! Sending logs to the farm: each from the offset that the farm wants, until it has acknowledged all.

use super::Spools;
use acre_model::attempt::{AttemptId, Fence};
use acre_proto::v1::{self, agents_client::AgentsClient, log_push};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Channel};

/// Messages on their way; each has at most 64 KiB.
const QUEUE: usize = 32;

/// Sends what the spools have and will have. Ends with the connection.
pub(crate) async fn push(
    mut client: AgentsClient<Channel>,
    spools: Arc<Spools>,
    fence_of: impl Fn(&AttemptId) -> Option<Fence> + Send,
) -> Result<(), Status> {
    let (messages, receiver) = mpsc::channel(QUEUE);
    let mut changed = spools.changed();
    let mut acks = client.push_logs(ReceiverStream::new(receiver)).await?.into_inner();
    // Where each log is sent on from; `None` until the farm has said.
    let mut sent: BTreeMap<AttemptId, Option<u64>> = BTreeMap::new();
    loop {
        changed.mark_unchanged();
        let has_more = send_some(&spools, &mut sent, &messages, &fence_of).await?;
        tokio::select! {
            ack = acks.message() => match ack? {
                Some(ack) => acknowledged(&spools, &mut sent, ack)?,
                None => return Err(Status::unavailable("the farm ended the stream of logs")),
            },
            _ = changed.changed(), if !has_more => {}
            () = std::future::ready(()), if has_more => {}
        }
    }
}

/// Sends the next piece of each log. Tells whether there is more to send at once.
async fn send_some(
    spools: &Spools,
    sent: &mut BTreeMap<AttemptId, Option<u64>>,
    messages: &mpsc::Sender<v1::LogPush>,
    fence_of: &(impl Fn(&AttemptId) -> Option<Fence> + Send),
) -> Result<bool, Status> {
    let mut has_more = false;
    for (attempt, spool) in spools.all() {
        let Some(state) = sent.get_mut(&attempt) else {
            sent.insert(attempt.clone(), None);
            let fence = fence_of(&attempt).map_or(0, |fence| fence.0);
            let open = v1::LogOpen { attempt: Some((&attempt).into()), fence };
            say(messages, log_push::Kind::Open(open)).await?;
            continue;
        };
        if let Some(text) = spool.take_status() {
            say(messages, log_push::Kind::Status(v1::LogStatus { attempt: Some((&attempt).into()), text })).await?;
        }
        let Some(offset) = state else { continue };
        if *offset >= spool.end() {
            continue;
        }
        let frames = spool.read(*offset).map_err(|error| Status::internal(error.to_string()))?;
        for frame in frames {
            *offset = frame.end();
            let frame = v1::LogFrame { attempt: Some((&attempt).into()), frame: Some(frame.into()) };
            say(messages, log_push::Kind::Frame(frame)).await?;
        }
        has_more |= *offset < spool.end();
    }
    Ok(has_more)
}

async fn say(messages: &mpsc::Sender<v1::LogPush>, kind: log_push::Kind) -> Result<(), Status> {
    let message = v1::LogPush { kind: Some(kind) };
    messages.send(message).await.map_err(|_| Status::unavailable("the farm ended the stream of logs"))
}

/// The first acknowledgement of a log says where to begin, the others what is stored.
fn acknowledged(spools: &Spools, sent: &mut BTreeMap<AttemptId, Option<u64>>, ack: v1::LogAck) -> Result<(), Status> {
    let attempt: AttemptId = ack.attempt.unwrap_or_default().try_into()?;
    let Some((_, spool)) = spools.all().into_iter().find(|(open, _)| *open == attempt) else { return Ok(()) };
    let offset = if ack.refused { u64::MAX } else { ack.offset };
    spool.acknowledge(offset);
    let state = sent.entry(attempt.clone()).or_default();
    if state.is_none() {
        *state = Some(offset);
    }
    if spool.is_done() {
        sent.remove(&attempt);
        spools.tidy(&attempt);
    }
    Ok(())
}
