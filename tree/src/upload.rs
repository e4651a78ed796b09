//! Sends a tree to the farm: asks what is missing, and sends only that.

mod missing;
mod send;

use crate::{packed::Packed, retry::Retry};
use acre_model::digest::Digest;
use acre_proto::{MESSAGE_LIMIT, v1::blobs_client::BlobsClient};
use missing::Missing;
use std::{io, path::PathBuf};
use tonic::{Code, Status, codec::CompressionEncoding, transport::Channel};

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of blobs sent by now, before compression.
    pub sent_bytes: u64,
    /// Bytes of all blobs that were missing.
    pub total_bytes: u64,
}

/// What an upload took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Bytes of blobs sent, before compression; what was sent twice because a connection broke counts twice.
    pub sent_bytes: u64,
    /// Blobs sent.
    pub sent_blobs: u64,
    /// Questions asked about what is missing.
    pub questions: u64,
}

/// Why a tree cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The farm did not take it.
    #[error("the farm did not take the source tree: {}", .0.message())]
    Farm(#[source] Box<Status>),
    /// A file is not any more what was packed.
    #[error("`{}` changed since it was packed; pack again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read; pack again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The farm says that a blob is missing which it was not asked about, or the tree has a hole.
    #[error("blob {0} is not part of the tree")]
    Foreign(Digest),
    /// The thread that read was ended.
    #[error("reading was given up, since the program is ending")]
    Ended,
}

impl From<Status> for UploadError {
    fn from(status: Status) -> Self {
        Self::Farm(Box::new(status))
    }
}

/// Sends what the farm misses of `tree` to `project`. `progress` is told first before anything is sent: how much will
/// be, also where that is nothing. When the connection breaks, it asks again and goes on with what
/// is still missing; it gives up after several attempts at which nothing new arrived.
pub async fn upload(
    client: &mut BlobsClient<Channel>,
    project: &str,
    tree: &Packed,
    mut progress: impl FnMut(Progress),
) -> Result<Uploaded, UploadError> {
    let mut client = client
        .clone()
        .send_compressed(CompressionEncoding::Zstd)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(MESSAGE_LIMIT);
    let (mut uploaded, mut retry, mut left) = (Uploaded::default(), Retry::default(), u64::MAX);
    loop {
        let missing = Missing::ask(&mut client, project, tree, &mut uploaded.questions).await;
        if let Ok(Missing { bytes: total_bytes, .. }) = missing {
            progress(Progress { sent_bytes: 0, total_bytes });
        }
        let failed = match missing {
            Ok(missing) if missing.is_empty() => return Ok(uploaded),
            Ok(missing) => {
                if missing.bytes < left {
                    left = missing.bytes;
                    retry.progressed();
                }
                send::send(&mut client, project, &missing, &mut uploaded, &mut progress).await
            }
            Err(error) => Err(error),
        };
        match failed {
            Ok(()) => return Ok(uploaded),
            Err(UploadError::Farm(status)) => retry.after(passing(*status)).await?,
            Err(error) => return Err(error),
        }
    }
}

/// The status as one that may pass, if what a directory names was dropped since it was asked about: asking again helps.
fn passing(status: Status) -> Status {
    match status.code() {
        Code::FailedPrecondition => Status::unavailable(status.message()),
        _ => status,
    }
}
