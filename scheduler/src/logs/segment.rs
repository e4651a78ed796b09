//! Stored segments: frames as length-delimited protobuf (`logs.proto`, `Frame`), one object each, named
//! `logs/<run>/<unit>/<attempt>/<start>-<end>` with offsets of 20 digits, so that a listing is an index.

use super::LogError;
use acre_model::{
    ids::{RunId, UnitId},
    log::Frame,
};
use acre_proto::v1;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use prost::Message;
use std::sync::Arc;

/// The name of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) unit: UnitId,
    pub(super) attempt: u32,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Segment {
    fn path(&self, run: &RunId) -> Path {
        let Self { unit, attempt, start, end } = self;
        Path::from(format!("logs/{run}/{}/{attempt}/{start:020}-{end:020}", unit.0))
    }

    fn parse(path: &Path) -> Option<Self> {
        let parts: Vec<String> = path.parts().map(|part| part.as_ref().to_owned()).collect();
        let [_, _, unit, attempt, name] = parts.as_slice() else { return None };
        let (start, end) = name.split_once('-')?;
        Some(Self {
            unit: UnitId(unit.parse().ok()?),
            attempt: attempt.parse().ok()?,
            start: start.parse().ok()?,
            end: end.parse().ok()?,
        })
    }
}

/// Stores frames under their name.
pub(super) async fn store(
    store: &Arc<dyn ObjectStore>,
    run: &RunId,
    segment: &Segment,
    frames: &[Frame],
) -> object_store::Result<()> {
    let mut bytes = BytesMut::new();
    for frame in frames {
        // A BytesMut grows: encoding into it cannot run out of room.
        let encoded = v1::Frame::from(frame.clone()).encode_length_delimited(&mut bytes);
        encoded.expect("a growing buffer has room");
    }
    store.put(&segment.path(run), PutPayload::from(bytes.freeze())).await.map(drop)
}

/// The frames of a segment.
pub(super) async fn load(store: &Arc<dyn ObjectStore>, run: &RunId, segment: &Segment) -> Result<Vec<Frame>, LogError> {
    let path = segment.path(run);
    let found = store.get(&path).await.map_err(|error| LogError::Store(error.into()))?;
    let mut bytes: Bytes = found.bytes().await.map_err(|error| LogError::Store(error.into()))?;
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let frame = v1::Frame::decode_length_delimited(&mut bytes).ok().and_then(|frame| Frame::try_from(frame).ok());
        frames.push(frame.ok_or_else(|| LogError::Damaged(path.to_string()))?);
    }
    Ok(frames)
}

/// All segments of a run, ascending.
pub(super) async fn list(store: &Arc<dyn ObjectStore>, run: &RunId) -> object_store::Result<Vec<Segment>> {
    let prefix = Path::from(format!("logs/{run}"));
    let mut segments: Vec<Segment> = store
        .list(Some(&prefix))
        .try_filter_map(|found| async move { Ok(Segment::parse(&found.location)) })
        .try_collect()
        .await?;
    segments.sort_unstable();
    Ok(segments)
}

/// Removes all segments of a run.
pub(super) async fn remove_all(store: &Arc<dyn ObjectStore>, run: &RunId) -> object_store::Result<()> {
    let segments = list(store, run).await?;
    for segment in segments {
        match store.delete(&segment.path(run)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
