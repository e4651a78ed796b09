//! Sends missing blobs in one stream.
//!
//! A thread reads, checks and packs, at most a few messages ahead of the connection, so that memory stays bounded
//! whatever the tree. No file goes out whole whose content is not what was packed: the last piece is sent only when the
//! digest is right.

use super::{Progress, UploadError, Uploaded, missing::Missing};
use crate::{MESSAGE, hash::Hasher, pack, packed::Content};
use acre_model::digest::Digest;
use acre_proto::v1::{Chunk, PutRequest, blobs_client::BlobsClient, chunk::Kind};
use bytes::Bytes;
use std::{io::Read, path::Path};
use tokio::sync::{mpsc, watch};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::transport::Channel;

/// Messages read ahead of the connection.
const AHEAD: usize = 4;

/// The most pieces in one message; of empty files many would fit.
const PIECES: usize = 4096;

/// Sends everything in `missing`.
pub(super) async fn send(
    client: &mut BlobsClient<Channel>,
    project: &str,
    missing: &Missing,
    uploaded: &mut Uploaded,
    progress: &mut impl FnMut(Progress),
) -> Result<(), UploadError> {
    let (messages, read) = mpsc::channel(AHEAD);
    let (files, directories) = (missing.files.clone(), missing.directories.clone());
    let first = PutRequest { project: project.to_owned(), chunks: Vec::new() };
    let reader = tokio::task::spawn_blocking(move || read_all(Packer::new(messages, first), &files, &directories));
    let (sent, mut taken) = watch::channel(Uploaded::default());
    let stream = ReceiverStream::new(read).map(move |message| {
        sent.send_modify(|sent| sent.add(&message));
        message
    });
    let total_bytes = missing.bytes;
    let answer = {
        let put = client.put(stream);
        tokio::pin!(put);
        loop {
            tokio::select! {
                answer = &mut put => break answer,
                Ok(()) = taken.changed() => {
                    progress(Progress { sent_bytes: taken.borrow_and_update().sent_bytes, total_bytes });
                }
            }
        }
    };
    let sent = *taken.borrow();
    uploaded.sent_bytes += sent.sent_bytes;
    uploaded.sent_blobs += sent.sent_blobs;
    progress(Progress { sent_bytes: sent.sent_bytes, total_bytes });
    // A file that changed ends the stream early, and the farm's answer says less about it than the reader does.
    reader.await.map_err(|_| UploadError::Ended)??;
    answer.map(drop).map_err(UploadError::from)
}

impl Uploaded {
    fn add(&mut self, message: &PutRequest) {
        self.sent_bytes += message.chunks.iter().map(|chunk| chunk.data.len() as u64).sum::<u64>();
        self.sent_blobs += message.chunks.iter().filter(|chunk| chunk.last).count() as u64;
    }
}

/// Hands over all blobs: files, then directories. Ends early, and in peace, when the connection takes no more.
fn read_all(
    mut packer: Packer,
    files: &[(Digest, Content)],
    directories: &[(Digest, Bytes)],
) -> Result<(), UploadError> {
    for (digest, content) in files {
        match read_file(&mut packer, *digest, content) {
            Ok(()) => {}
            Err(Stop::Closed) => return Ok(()),
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    for (digest, blob) in directories {
        let head = Head { digest: *digest, size: blob.len() as u64, kind: Kind::Directory };
        if packer.blob(head, blob.clone()).is_err() {
            return Ok(());
        }
    }
    packer.flush().ok();
    Ok(())
}

/// Why reading stops.
enum Stop {
    /// Nobody takes messages any more; the answer of the call says why.
    Closed,
    /// A file cannot be sent.
    Failed(UploadError),
}

fn read_file(packer: &mut Packer, digest: Digest, content: &Content) -> Result<(), Stop> {
    let path = content.place.path();
    let unreadable = |source| Stop::Failed(UploadError::Unreadable { path: path.to_path_buf(), source });
    let mut file = pack::open(&path).map_err(unreadable)?;
    let (mut hasher, mut left) = (Hasher::default(), content.size);
    let mut head = Some(Head { digest, size: content.size, kind: Kind::File });
    loop {
        let piece = read_piece(&mut file, left.min(MESSAGE as u64)).map_err(unreadable)?;
        hasher.update(&piece);
        left = left.saturating_sub(piece.len() as u64);
        let is_cut = piece.is_empty() && left > 0;
        if is_cut || left == 0 && hasher.clone().finish() != digest {
            return Err(changed(&path));
        }
        packer.piece(head.take(), Bytes::from(piece), left == 0)?;
        if left == 0 {
            return Ok(());
        }
    }
}

fn changed(path: &Path) -> Stop {
    Stop::Failed(UploadError::Changed { path: path.to_owned() })
}

/// The next bytes, as many as asked for unless the file ends.
fn read_piece(file: &mut impl Read, size: u64) -> std::io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(usize::try_from(size).unwrap_or(MESSAGE));
    file.take(size).read_to_end(&mut piece)?;
    Ok(piece)
}

/// What the first piece of a blob says.
struct Head {
    digest: Digest,
    size: u64,
    kind: Kind,
}

/// Puts pieces into messages of at most [`MESSAGE`] bytes of data, many small ones into one.
struct Packer {
    messages: mpsc::Sender<PutRequest>,
    message: PutRequest,
    size: usize,
}

impl Packer {
    /// A packer whose first message begins as `first`.
    fn new(messages: mpsc::Sender<PutRequest>, first: PutRequest) -> Self {
        Self { messages, message: first, size: 0 }
    }

    /// Adds a blob that is in memory.
    fn blob(&mut self, head: Head, mut blob: Bytes) -> Result<(), Stop> {
        let mut head = Some(head);
        loop {
            let piece = blob.split_to(blob.len().min(MESSAGE));
            self.piece(head.take(), piece, blob.is_empty())?;
            if blob.is_empty() {
                return Ok(());
            }
        }
    }

    /// Adds a piece of at most [`MESSAGE`] bytes.
    fn piece(&mut self, head: Option<Head>, data: Bytes, last: bool) -> Result<(), Stop> {
        if self.size + data.len() > MESSAGE || self.message.chunks.len() == PIECES {
            self.flush()?;
        }
        self.size += data.len();
        let chunk = match head {
            Some(Head { digest, size, kind }) => {
                Chunk { digest: digest.as_bytes().to_vec(), size, kind: kind.into(), data, last }
            }
            None => Chunk { digest: Vec::new(), size: 0, kind: Kind::Unspecified.into(), data, last },
        };
        self.message.chunks.push(chunk);
        Ok(())
    }

    /// Sends the message as it is, and begins another.
    fn flush(&mut self) -> Result<(), Stop> {
        self.size = 0;
        let next = PutRequest { project: String::new(), chunks: Vec::new() };
        let message = std::mem::replace(&mut self.message, next);
        self.messages.blocking_send(message).map_err(|_| Stop::Closed)
    }
}
