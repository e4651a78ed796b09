//! What is wanted and not asked for yet.

use super::FetchError;
use crate::{DIGESTS, cache::Pin};
use acre_model::digest::Digest;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// Gets the blob, or why there is none; or an error if those who asked were canceled.
pub(super) type Waiter = oneshot::Receiver<Result<Pin, FetchError>>;

/// Tells a [`Waiter`].
pub(super) type Reply = oneshot::Sender<Result<Pin, FetchError>>;

/// Wanted blobs, each with all who wait for it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    wanted: Mutex<Wanted>,
}

#[derive(Debug, Default)]
struct Wanted {
    order: VecDeque<Digest>,
    replies: HashMap<Digest, Vec<Reply>>,
}

impl Queue {
    /// Wants a blob.
    pub(super) fn want(&self, digest: Digest) -> Waiter {
        let (reply, waiter) = oneshot::channel();
        let wanted = &mut *self.lock();
        let replies = wanted.replies.entry(digest).or_default();
        if replies.is_empty() {
            wanted.order.push_back(digest);
        }
        replies.push(reply);
        waiter
    }

    /// Takes what has waited longest, as much as goes into one question; what nobody waits for any more is dropped.
    pub(super) fn take(&self) -> Vec<(Digest, Vec<Reply>)> {
        let wanted = &mut *self.lock();
        let mut taken = Vec::new();
        while taken.len() < DIGESTS
            && let Some(digest) = wanted.order.pop_front()
        {
            let mut replies = wanted.replies.remove(&digest).unwrap_or_default();
            replies.retain(|reply| !reply.is_closed());
            if !replies.is_empty() {
                taken.push((digest, replies));
            }
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        // Nothing in here can panic half-way.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_asked_for_once_for_all_and_only_while_someone_waits() {
        let (queue, [a, b, c]) = (Queue::default(), [1, 2, 3].map(|number| Digest::from_bytes([number; 32])));
        let (_one, _two, left, _three) = (queue.want(a), queue.want(c), queue.want(b), queue.want(a));
        drop(left);
        let taken: Vec<(Digest, usize)> =
            queue.take().into_iter().map(|(digest, replies)| (digest, replies.len())).collect();
        assert_eq!(taken, [(a, 2), (c, 1)]);
        assert!(queue.take().is_empty());
    }
}
