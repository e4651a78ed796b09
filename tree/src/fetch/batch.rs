//! One question for many blobs, and its answer.

use super::{FetchError, queue::Reply};
use crate::cache::{Cache, Spool};
use acre_model::digest::Digest;
use acre_proto::v1::{Chunk, GetRequest, blobs_client::BlobsClient};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::mpsc;
use tonic::{Status, transport::Channel};

/// Messages received ahead of the disk.
const AHEAD: usize = 4;

/// Blobs that are asked for, with those who wait. A blob that was answered is not in it any more.
pub(super) struct Batch {
    cache: Arc<Cache>,
    order: Vec<Digest>,
    replies: HashMap<Digest, Vec<Reply>>,
    current: Option<Current>,
}

/// The blob whose pieces are coming.
struct Current {
    digest: Digest,
    /// Bytes that are still to come.
    left: u64,
    /// What it is written to; none when that failed, so that the rest of it only passes by.
    spool: Option<Spool>,
}

/// How an answer ended.
pub(super) enum Outcome {
    /// As the farm meant it to.
    Complete,
    /// With this status.
    Failed(Status),
    /// On this side, since it made no sense.
    Refused(&'static str),
}

impl Batch {
    pub(super) fn new(wanted: Vec<(Digest, Vec<Reply>)>, cache: Arc<Cache>) -> Self {
        let order = wanted.iter().map(|(digest, _)| *digest).collect();
        Self { cache, order, replies: wanted.into_iter().collect(), current: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.replies.len()
    }

    /// Tells those who wait for a blob that `message` names that it is missing; false if it names none.
    pub(super) fn fail_named(&mut self, message: &str) -> bool {
        let names = message.match_indices("sha256:").filter_map(|(at, _)| message.get(at..at + 71)?.parse().ok());
        let named: HashSet<Digest> = names.filter(|digest| self.replies.contains_key(digest)).collect();
        named.iter().for_each(|digest| self.fail(digest, &FetchError::Missing(*digest)));
        !named.is_empty()
    }

    /// Tells everyone that there will be nothing.
    pub(super) fn fail_all(&mut self, error: &FetchError) {
        for reply in self.replies.drain().flat_map(|(_, replies)| replies) {
            reply.send(Err(error.clone())).ok();
        }
    }

    fn fail(&mut self, digest: &Digest, error: &FetchError) {
        for reply in self.replies.remove(digest).into_iter().flatten() {
            reply.send(Err(error.clone())).ok();
        }
    }

    /// Answers what came into the cache since it was wanted, and says what is left to ask for.
    fn ask(&mut self) -> Vec<Digest> {
        self.current = None;
        for digest in &self.order {
            if let Some(pin) = self.cache.get(digest) {
                for reply in self.replies.remove(digest).into_iter().flatten() {
                    reply.send(Ok(pin.clone())).ok();
                }
            }
        }
        self.order.retain(|digest| self.replies.contains_key(digest));
        self.order.clone()
    }

    /// Takes a piece; the error says why the whole answer is wrong.
    fn take(&mut self, chunk: &Chunk) -> Result<(), &'static str> {
        let mut current = match self.current.take() {
            Some(current) if chunk.digest.is_empty() => current,
            Some(_) => return Err("a blob begins before the one before it ended"),
            None => self.begin(chunk)?,
        };
        let size = chunk.data.len() as u64;
        current.left = current.left.checked_sub(size).ok_or("a blob has more bytes than it was said to have")?;
        if let Some(mut spool) = current.spool.take() {
            match spool.write(&chunk.data) {
                Ok(()) => current.spool = Some(spool),
                Err(error) => self.fail(&current.digest, &error.into()),
            }
        }
        if chunk.last {
            self.end(current);
        } else {
            self.current = Some(current);
        }
        Ok(())
    }

    fn begin(&mut self, chunk: &Chunk) -> Result<Current, &'static str> {
        let digest = Digest::try_from(chunk.digest.as_slice()).map_err(|_| "a blob begins without its digest")?;
        if !self.replies.contains_key(&digest) {
            return Err("it has a blob that was not asked for");
        }
        let spool = self.cache.spool().map_err(|error| self.fail(&digest, &error.into())).ok();
        Ok(Current { digest, left: chunk.size, spool })
    }

    fn end(&mut self, current: Current) {
        let Some(spool) = current.spool else { return };
        match spool.keep_as(current.digest) {
            Ok(pin) => {
                for reply in self.replies.remove(&current.digest).into_iter().flatten() {
                    reply.send(Ok(pin.clone())).ok();
                }
            }
            Err(error) => self.fail(&current.digest, &error.into()),
        }
    }
}

/// Asks for a batch once. Gives back what of it is not answered; nothing if the thread that writes was ended.
pub(super) async fn run(mut client: BlobsClient<Channel>, project: &str, mut batch: Batch) -> (Option<Batch>, Outcome) {
    let asked = tokio::task::spawn_blocking(move || (batch.ask(), batch)).await;
    let Ok((digests, mut batch)) = asked else { return (None, Outcome::Complete) };
    if digests.is_empty() {
        return (Some(batch), Outcome::Complete);
    }
    let digests = digests.iter().map(|digest| digest.as_bytes().to_vec()).collect();
    let mut answer = match client.get(GetRequest { project: project.to_owned(), digests }).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return (Some(batch), Outcome::Failed(status)),
    };
    let (pieces, mut received) = mpsc::channel::<Vec<Chunk>>(AHEAD);
    // Hashing and writing happen on a thread of their own, which ends when the channel does.
    let writer = tokio::task::spawn_blocking(move || {
        let mut wrong = None;
        while let Some(chunks) = received.blocking_recv() {
            wrong = chunks.iter().find_map(|chunk| batch.take(chunk).err());
            if wrong.is_some() {
                break;
            }
        }
        (batch, wrong)
    });
    let mut outcome = loop {
        match answer.message().await {
            Ok(Some(message)) => {
                if pieces.send(message.chunks).await.is_err() {
                    break Outcome::Complete;
                }
            }
            Ok(None) => break Outcome::Complete,
            Err(status) => break Outcome::Failed(status),
        }
    };
    drop(pieces);
    let Ok((batch, wrong)) = writer.await else { return (None, outcome) };
    if let Some(wrong) = wrong {
        outcome = Outcome::Refused(wrong);
    }
    (Some(batch), outcome)
}
