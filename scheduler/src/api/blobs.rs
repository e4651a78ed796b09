//! `Blobs`: find missing, put, get.

use super::{Services, errors::status};
use crate::blobs::{Kind, Putting};
use acre_model::digest::Digest;
use acre_proto::{
    convert::field,
    v1::{self, blobs_server::Blobs, chunk},
};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Digests in one request, at most.
const DIGESTS: usize = 10_000;
/// Data of one message, in bytes: many small blobs together, or a piece of a large one.
const MESSAGE: usize = 512 * 1024;
/// Messages on their way to one reader.
const QUEUE: usize = 4;

#[tonic::async_trait]
impl Blobs for Services {
    async fn find_missing(
        &self,
        request: Request<v1::FindMissingRequest>,
    ) -> Result<Response<v1::FindMissingResponse>, Status> {
        self.board.note_asked();
        let digests = digests(&request.into_inner().digests)?;
        let missing = self.blobs.missing(digests).await.map_err(status)?;
        let digests = missing.iter().map(|digest| digest.as_bytes().to_vec()).collect();
        Ok(Response::new(v1::FindMissingResponse { digests }))
    }

    async fn put(&self, request: Request<Streaming<v1::PutRequest>>) -> Result<Response<v1::PutResponse>, Status> {
        let mut messages = request.into_inner();
        let mut open: Option<Putting> = None;
        let mut stored = 0;
        while let Some(message) = messages.message().await? {
            self.board.note_asked();
            for chunk in message.chunks {
                let is_last = chunk.last;
                let putting = match open.take() {
                    Some(putting) => putting,
                    None => self.begin(&chunk)?,
                };
                open = take(putting, chunk).await?;
                stored += u64::from(is_last);
            }
        }
        match open {
            None => Ok(Response::new(v1::PutResponse { stored })),
            Some(_) => Err(Status::invalid_argument("chunks: the stream ends inside a blob")),
        }
    }

    type GetStream = BoxStream<'static, Result<v1::GetResponse, Status>>;

    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<Self::GetStream>, Status> {
        let digests = digests(&request.into_inner().digests)?;
        let (messages, receiver) = mpsc::channel(QUEUE);
        let blobs = self.blobs.clone();
        self.tasks.spawn("get blobs", async move {
            if let Err(error) = send_all(&blobs, digests, &messages).await {
                drop(messages.send(Err(error)).await);
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }
}

impl Services {
    fn begin(&self, chunk: &v1::Chunk) -> Result<Putting, Status> {
        let digest = field("chunks.digest", Digest::try_from(chunk.digest.as_ref()))?;
        let kind = match chunk.kind() {
            chunk::Kind::Directory => Kind::Directory,
            chunk::Kind::File | chunk::Kind::Unspecified => Kind::File,
        };
        Ok(self.blobs.begin(digest, kind))
    }
}

/// Takes a piece; the blob goes on unless it was the last.
async fn take(mut putting: Putting, chunk: v1::Chunk) -> Result<Option<Putting>, Status> {
    putting.write(&chunk.data).await.map_err(status)?;
    if !chunk.last {
        return Ok(Some(putting));
    }
    putting.finish().await.map_err(status)?;
    Ok(None)
}

fn digests(wire: &[Vec<u8>]) -> Result<Vec<Digest>, Status> {
    if wire.len() > DIGESTS {
        return Err(Status::invalid_argument(format!("digests: {} in one request; limit {DIGESTS}", wire.len())));
    }
    let digests: Result<Vec<Digest>, _> =
        wire.iter().map(|bytes| field("digests", Digest::try_from(bytes.as_slice()))).collect();
    Ok(digests?)
}

/// Sends blobs in order, small ones together. A reader that has gone ends it.
async fn send_all(
    blobs: &crate::blobs::Blobs,
    digests: Vec<Digest>,
    messages: &mpsc::Sender<Result<v1::GetResponse, Status>>,
) -> Result<(), Status> {
    let mut message = v1::GetResponse::default();
    let mut waiting = 0;
    for digest in digests {
        let (size, mut content) = blobs.get(&digest).await.map_err(status)?;
        let mut chunk = v1::Chunk { digest: digest.as_bytes().to_vec(), size, ..Default::default() };
        while let Some(piece) = content.next().await {
            let mut piece = piece.map_err(status)?;
            while !piece.is_empty() {
                chunk.data = take_front(&mut piece, MESSAGE);
                waiting += chunk.data.len();
                message.chunks.push(std::mem::take(&mut chunk));
                if waiting >= MESSAGE {
                    waiting = 0;
                    if messages.send(Ok(std::mem::take(&mut message))).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
        // An empty last piece: where a blob ends is known only here.
        message.chunks.push(v1::Chunk { last: true, ..chunk });
    }
    if !message.chunks.is_empty() {
        drop(messages.send(Ok(message)).await);
    }
    Ok(())
}

fn take_front(bytes: &mut Bytes, limit: usize) -> Bytes {
    bytes.split_to(bytes.len().min(limit))
}
