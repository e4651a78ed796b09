//! A farm that is nothing but blobs in memory, with faults on demand.

use acre_model::{digest::Digest, tree::Node};
use acre_proto::{
    MESSAGE_LIMIT,
    tree::decode_directory,
    v1::{
        Chunk, FindMissingRequest, FindMissingResponse, GetRequest, GetResponse, PutRequest, PutResponse,
        blobs_client::BlobsClient,
        blobs_server::{Blobs, BlobsServer},
        chunk::Kind,
    },
};
use bytes::{Bytes, BytesMut};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{net::UnixListener, net::UnixStream, sync::Semaphore, task::AbortHandle};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Request, Response, Status, Streaming,
    codec::CompressionEncoding,
    transport::{Channel, Endpoint, Server, Uri},
};

/// What the farm holds, what it was asked, and which faults are still to come.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) blobs: HashMap<Digest, Bytes>,
    pub(crate) find_missing_calls: usize,
    pub(crate) digests_asked: usize,
    pub(crate) put_calls: usize,
    pub(crate) bytes_put: usize,
    /// Blobs that came although they were there.
    pub(crate) stored_again: usize,
    pub(crate) largest_message: usize,
    pub(crate) get_calls: Vec<usize>,
    /// What is sent in place of a blob's content.
    pub(crate) forged: HashMap<Digest, Bytes>,
    /// At how many bytes put a fault happens.
    pub(crate) faults: Vec<(usize, Fault)>,
    /// Connections that can be cut.
    connections: Vec<AbortHandle>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The farm says that it is away.
    Away,
    /// The connection is gone.
    Cut,
    /// A blob is lost that was there.
    Lose(Digest),
}

/// The farm and the way to it.
#[derive(Clone)]
pub(crate) struct Farm {
    state: Arc<Mutex<State>>,
    /// Answers to `Get` wait for one of these.
    pub(crate) gate: Arc<Semaphore>,
    socket: PathBuf,
    _folder: Arc<tempfile::TempDir>,
}

impl Farm {
    /// A farm that serves on a socket of its own.
    pub(crate) fn start() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let socket = folder.path().join("farm");
        let gate = Arc::new(Semaphore::new(1000));
        let farm = Self { state: Arc::default(), gate, socket: socket.clone(), _folder: folder };
        let listener = UnixListener::bind(socket).expect("a socket");
        let service = BlobsServer::new(farm.clone())
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(MESSAGE_LIMIT);
        let serving = Server::builder().add_service(service).serve_with_incoming(UnixListenerStream::new(listener));
        tokio::spawn(serving);
        farm
    }

    /// A client whose connections the farm can cut.
    pub(crate) fn client(&self) -> BlobsClient<Channel> {
        let (state, socket) = (Arc::clone(&self.state), self.socket.clone());
        let connector = tower::service_fn(move |_: Uri| {
            let (state, socket) = (Arc::clone(&state), socket.clone());
            async move {
                let mut server = UnixStream::connect(socket).await?;
                let (client, mut proxy) = tokio::io::duplex(64 * 1024);
                let copying = tokio::spawn(async move { tokio::io::copy_bidirectional(&mut proxy, &mut server).await });
                state.lock().expect("state").connections.push(copying.abort_handle());
                Ok::<_, std::io::Error>(TokioIo::new(client))
            }
        });
        BlobsClient::new(Endpoint::from_static("http://farm").connect_with_connector_lazy(connector))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("state")
    }

    /// Stores a blob, as if it had been put.
    pub(crate) fn store(&self, content: &[u8]) -> Digest {
        let digest = digest(content);
        self.state().blobs.insert(digest, Bytes::copy_from_slice(content));
        digest
    }
}

impl State {
    /// Takes note of what was put, and lets the next fault happen if it is its time.
    fn received(&mut self, request: &PutRequest) -> Result<(), Status> {
        let size = request.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>();
        self.bytes_put += size;
        self.largest_message = self.largest_message.max(size);
        match self.faults.first().copied() {
            Some((at, fault)) if self.bytes_put >= at => {
                self.faults.remove(0);
                match fault {
                    Fault::Away => Err(Status::unavailable("away")),
                    Fault::Lose(digest) => {
                        self.blobs.remove(&digest);
                        Ok(())
                    }
                    Fault::Cut => {
                        self.connections.drain(..).for_each(|connection| connection.abort());
                        Err(Status::cancelled("cut"))
                    }
                }
            }
            _ => Ok(()),
        }
    }

    /// Stores a blob that is complete; a directory only if all that it names is stored.
    fn finish(&mut self, part: Part) -> Result<(), Status> {
        let actual = digest(&part.data);
        if actual != part.digest || part.data.len() as u64 != part.size {
            return Err(Status::invalid_argument(format!("said to be {}, is {actual}", part.digest)));
        }
        if part.kind == Kind::Directory {
            for entry in decode_directory(&part.data)?.entries() {
                if let Node::File { digest, .. } | Node::Directory { digest, .. } = &entry.node
                    && !self.blobs.contains_key(digest)
                {
                    return Err(Status::failed_precondition(format!("{digest} is not stored")));
                }
            }
        }
        let before = self.blobs.insert(part.digest, part.data.freeze());
        self.stored_again += usize::from(before.is_some());
        Ok(())
    }
}

/// A blob that is coming.
struct Part {
    digest: Digest,
    size: u64,
    kind: Kind,
    data: BytesMut,
}

#[tonic::async_trait]
impl Blobs for Farm {
    async fn find_missing(
        &self,
        request: Request<FindMissingRequest>,
    ) -> Result<Response<FindMissingResponse>, Status> {
        let mut state = self.state();
        let mut digests = request.into_inner().digests;
        assert!(digests.len() <= 10_000, "{} digests at once", digests.len());
        state.find_missing_calls += 1;
        state.digests_asked += digests.len();
        digests.retain(|digest| !state.blobs.contains_key(&Digest::try_from(digest.as_slice()).expect("a digest")));
        Ok(Response::new(FindMissingResponse { digests }))
    }

    async fn put(&self, request: Request<Streaming<PutRequest>>) -> Result<Response<PutResponse>, Status> {
        self.state().put_calls += 1;
        let (mut stream, mut part, mut first) = (request.into_inner(), None::<Part>, true);
        while let Some(message) = stream.message().await? {
            assert_eq!(std::mem::take(&mut first), !message.project.is_empty(), "the project is in the first message");
            let mut state = self.state();
            state.received(&message)?;
            for Chunk { digest, size, kind, data, last } in &message.chunks {
                let mut current = part.take().unwrap_or_else(|| Part {
                    digest: Digest::try_from(digest.as_slice()).expect("a digest in the first piece"),
                    size: *size,
                    kind: Kind::try_from(*kind).expect("a kind"),
                    data: BytesMut::new(),
                });
                current.data.extend_from_slice(data);
                if *last { state.finish(current)? } else { part = Some(current) }
            }
        }
        if part.is_some() {
            return Err(Status::invalid_argument("the stream ends inside a blob"));
        }
        Ok(Response::new(PutResponse { stored: 0 }))
    }

    type GetStream = tokio_stream::Iter<std::vec::IntoIter<Result<GetResponse, Status>>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Self::GetStream>, Status> {
        let digests = request.into_inner().digests;
        self.state().get_calls.push(digests.len());
        self.gate.acquire().await.expect("a gate").forget();
        let (state, mut answers) = (self.state(), Vec::new());
        for wanted in digests {
            let digest = Digest::try_from(wanted.as_slice()).expect("a digest");
            let Some(blob) = state.forged.get(&digest).or_else(|| state.blobs.get(&digest)) else {
                answers.push(Err(Status::not_found(format!("blob {digest} is not stored"))));
                break;
            };
            answers.extend(pieces(digest, blob).into_iter().map(|chunk| Ok(GetResponse { chunks: vec![chunk] })));
        }
        Ok(Response::new(tokio_stream::iter(answers)))
    }
}

/// A blob in pieces small enough that there are several.
fn pieces(digest: Digest, blob: &Bytes) -> Vec<Chunk> {
    let starts = (0..=blob.len().saturating_sub(1)).step_by(100_000);
    starts
        .map(|start| {
            let end = (start + 100_000).min(blob.len());
            let (head, size) = if start == 0 { (digest.as_bytes().to_vec(), blob.len() as u64) } else { (vec![], 0) };
            let data = blob.slice(start..end);
            Chunk { digest: head, size, kind: Kind::File.into(), data, last: end == blob.len() }
        })
        .collect()
}

pub(crate) fn digest(content: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(content).into())
}

/// All blobs that a tree names.
pub(crate) fn reachable(state: &State, root: Digest) -> HashSet<Digest> {
    let (mut seen, mut stack) = (HashSet::new(), vec![(root, true)]);
    while let Some((digest, is_directory)) = stack.pop() {
        let blob = state.blobs.get(&digest).unwrap_or_else(|| panic!("{digest} is stored"));
        if seen.insert(digest) && is_directory {
            for entry in decode_directory(blob).expect("a directory").entries() {
                match &entry.node {
                    Node::File { digest, .. } => stack.push((*digest, false)),
                    Node::Directory { digest, .. } => stack.push((*digest, true)),
                    Node::Symlink { .. } => {}
                }
            }
        }
    }
    seen
}
