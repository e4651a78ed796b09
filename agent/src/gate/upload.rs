//! A blob on its way from the engine to the real registry: it streams on, a piece at a time.

use super::upstream::{Fault, Upstream};
use acre_model::digest::Digest;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, future::ready};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use reqwest::{Body, Url};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::Mutex;

/// Where the registry takes a blob on.
#[derive(Default)]
pub(super) struct Upload {
    /// `None`: nowhere yet, or not any more; then it begins anew.
    to: Mutex<Option<Url>>,
    sent: AtomicU64,
}

/// What the engine sends of a blob.
pub(super) struct Piece {
    body: Incoming,
    /// If it said so.
    length: Option<u64>,
}

/// The engine's end, seen while its bytes stream on.
#[derive(Default)]
struct Seen {
    bytes: AtomicU64,
    is_broken: AtomicBool,
}

impl Piece {
    pub(super) const fn new(body: Incoming, length: Option<u64>) -> Self {
        Self { body, length }
    }

    /// Takes its bytes, and lets them go.
    pub(super) async fn drain(self) {
        let mut pieces = BodyDataStream::new(self.body);
        while pieces.next().await.is_some_and(|piece| piece.is_ok()) {}
    }

    /// Its bytes. Where the engine breaks off, the stream ends all the same: a registry that is cut off in mid-body
    /// keeps its debris.
    fn stream(self, seen: Arc<Seen>) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static {
        BodyDataStream::new(self.body).scan(seen, |seen, piece| {
            match &piece {
                Ok(bytes) => drop(seen.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed)),
                Err(_) => seen.is_broken.store(true, Ordering::Relaxed),
            }
            ready(piece.ok().map(Ok))
        })
    }
}

impl Upload {
    /// One that the registry has given a place.
    pub(super) fn at(to: Url) -> Self {
        Self { to: Mutex::new(Some(to)), sent: AtomicU64::new(0) }
    }

    /// Bytes that the registry has.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends a part on.
    pub(super) async fn part(&self, upstream: &Upstream, piece: Piece) -> Result<(), Fault> {
        let mut to = self.to.lock().await;
        let place = self.place(&mut to, upstream).await?;
        let seen = Arc::<Seen>::default();
        let sent = upstream.part(place.clone(), Body::wrap_stream(piece.stream(seen.clone()))).await;
        match sent {
            Ok(next) if !seen.is_broken.load(Ordering::Relaxed) => {
                self.sent.fetch_add(seen.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
                *to = Some(next);
                Ok(())
            }
            Ok(next) => {
                upstream.cancel(next).await;
                Ok(())
            }
            Err(fault) => {
                upstream.cancel(place).await;
                Err(fault)
            }
        }
    }

    /// Sends what is left, and ends the blob.
    pub(super) async fn finish(&self, upstream: &Upstream, digest: Digest, piece: Piece) -> Result<(), Fault> {
        let mut to = self.to.lock().await;
        // A body without a length is a part: some registries want to know the length of what ends a blob.
        let rest = match piece.length {
            Some(0) => None,
            Some(length) => Some((piece, length)),
            None => {
                drop(to);
                self.part(upstream, piece).await?;
                to = self.to.lock().await;
                None
            }
        };
        let place = self.place(&mut to, upstream).await?;
        let rest = rest.map(|(piece, length)| (Body::wrap_stream(piece.stream(Arc::default())), length));
        let finished = upstream.finish(place.clone(), digest, rest).await;
        if finished.is_err() {
            upstream.cancel(place).await;
        }
        finished
    }

    /// Takes the place, so that what fails begins anew.
    async fn place(&self, to: &mut Option<Url>, upstream: &Upstream) -> Result<Url, Fault> {
        match to.take() {
            Some(place) => Ok(place),
            None => {
                self.sent.store(0, Ordering::Relaxed);
                upstream.begin().await
            }
        }
    }

    /// It is not wanted any more.
    pub(super) async fn cancel(&self, upstream: &Upstream) {
        if let Some(place) = self.to.lock().await.take() {
            upstream.cancel(place).await;
        }
    }
}
