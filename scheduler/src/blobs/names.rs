//! What blobs there are, and what they name.

use super::{BlobError, Blobs, DIRECTORY_LIMIT};
use acre_model::{
    digest::Digest,
    time::Timestamp,
    tree::{Directory, Node},
};
use bytes::BytesMut;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

/// With which the encoded form of a directory that is not empty begins: the first field, as bytes (protobuf encoding,
/// "Message Structure").
const OF_DIRECTORY: u8 = 0x0a;
/// With which the records of the farm begin, and its reports.
const OF_JSON: u8 = b'{';

impl Blobs {
    /// Every blob, with the time at which it was put last.
    pub async fn all(&self) -> Result<Vec<(Digest, Timestamp)>, BlobError> {
        let listed = self.store.list(Some(&Path::from("blobs")));
        let found = listed.map_err(BlobError::from).try_filter_map(|meta| async move {
            let hex = meta.location.filename().unwrap_or_default();
            let millis = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or_default();
            Ok(format!("sha256:{hex}").parse().ok().map(|digest| (digest, Timestamp::from_millis(millis))))
        });
        found.try_collect().await
    }

    /// The digests that stand in a blob, if it may be a directory, a record or a report. None in one that is not there.
    pub async fn names(&self, digest: &Digest) -> Result<Vec<Digest>, BlobError> {
        let found = match self.store.get(&Self::path(digest)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        if found.meta.size > DIRECTORY_LIMIT {
            return Ok(Vec::new());
        }
        let (mut content, mut bytes) = (found.into_stream(), BytesMut::new());
        while let Some(piece) = content.next().await {
            bytes.extend_from_slice(&piece?);
            // Of all other files only the beginning is read.
            if !matches!(bytes.first(), Some(&(OF_DIRECTORY | OF_JSON)) | None) {
                return Ok(Vec::new());
            }
        }
        Ok(match bytes.first() {
            Some(&OF_DIRECTORY) => acre_proto::tree::decode_directory(&bytes).map_or_else(|_| Vec::new(), of_directory),
            Some(&OF_JSON) => digests_in(&bytes),
            _ => Vec::new(),
        })
    }
}

fn of_directory(directory: Directory) -> Vec<Digest> {
    let named = directory.entries().iter().filter_map(|entry| match &entry.node {
        Node::File { digest, .. } | Node::Directory { digest, .. } => Some(*digest),
        Node::Symlink { .. } => None,
    });
    named.collect()
}

/// Everything in a text that reads as a digest.
pub fn digests_in(text: &[u8]) -> Vec<Digest> {
    const BEGIN: &[u8] = b"sha256:";
    const LENGTH: usize = BEGIN.len() + 64;
    let begins = text.windows(BEGIN.len()).enumerate().filter(|(_, window)| *window == BEGIN).map(|(at, _)| at);
    let whole = begins.filter_map(|at| std::str::from_utf8(text.get(at..at + LENGTH)?).ok()?.parse().ok());
    whole.collect()
}
