//! `logs.proto`: frames, cursors, what a follower receives.

use super::Invalid;
use crate::v1::{self, follow_response};
use acre_model::{
    ids::UnitId,
    log::{Cursor, Followed, Frame, Stream},
};

impl From<Frame> for v1::Frame {
    fn from(frame: Frame) -> Self {
        let Frame { offset, at, stream, data } = frame;
        let stream = match stream {
            Stream::Stdout => v1::Stream::Stdout,
            Stream::Stderr => v1::Stream::Stderr,
            Stream::Notice => v1::Stream::Notice,
        };
        Self { offset, at: Some(at.into()), stream: stream.into(), data }
    }
}

impl TryFrom<v1::Frame> for Frame {
    type Error = Invalid;

    fn try_from(wire: v1::Frame) -> Result<Self, Invalid> {
        let stream = match wire.stream() {
            v1::Stream::Unspecified => return Err(Invalid::new("frame.stream", "must be stdout, stderr or notice")),
            v1::Stream::Stdout => Stream::Stdout,
            v1::Stream::Stderr => Stream::Stderr,
            v1::Stream::Notice => Stream::Notice,
        };
        if wire.data.is_empty() || wire.data.len() > Self::LIMIT {
            let why = format!("has {} bytes; 1 to {} are allowed", wire.data.len(), Self::LIMIT);
            return Err(Invalid::new("frame.data", why));
        }
        Ok(Self { offset: wire.offset, at: wire.at.unwrap_or_default().into(), stream, data: wire.data })
    }
}

impl From<Cursor> for v1::Cursor {
    fn from(cursor: Cursor) -> Self {
        Self { unit: cursor.unit.0, attempt: cursor.attempt, offset: cursor.offset }
    }
}

impl From<v1::Cursor> for Cursor {
    fn from(wire: v1::Cursor) -> Self {
        Self { unit: UnitId(wire.unit), attempt: wire.attempt, offset: wire.offset }
    }
}

impl From<Followed> for v1::FollowResponse {
    fn from(followed: Followed) -> Self {
        let kind = match followed {
            Followed::Frame { unit, attempt, frame } => {
                let frame = Some(frame.into());
                follow_response::Kind::Frame(follow_response::UnitFrame { unit: unit.0, attempt, frame })
            }
            Followed::Status { unit, text } => {
                follow_response::Kind::Status(follow_response::Status { unit: unit.0, text })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::FollowResponse> for Followed {
    type Error = Invalid;

    fn try_from(wire: v1::FollowResponse) -> Result<Self, Invalid> {
        match wire.kind.ok_or_else(|| Invalid::missing("kind"))? {
            follow_response::Kind::Frame(frame) => Ok(Self::Frame {
                unit: UnitId(frame.unit),
                attempt: frame.attempt,
                frame: frame.frame.ok_or_else(|| Invalid::missing("frame"))?.try_into()?,
            }),
            follow_response::Kind::Status(status) => Ok(Self::Status { unit: UnitId(status.unit), text: status.text }),
        }
    }
}
