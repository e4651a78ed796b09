//! Answers of the Engine API: JSON, an error with a `message`, a stream of JSON lines.

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(crate) type Answer = Response<Body>;

/// Why a call is refused, in the words of the API.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

/// The result of a call.
pub(crate) type Asked<T> = Result<T, Refusal>;

pub(crate) fn refusal(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal { status, message: message.into() }
}

pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
    refusal(StatusCode::NOT_FOUND, message)
}

pub(crate) fn bad(message: impl Into<String>) -> Refusal {
    refusal(StatusCode::BAD_REQUEST, message)
}

/// A failure of the engine itself.
pub(crate) fn broken(why: impl std::fmt::Display) -> Refusal {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, why.to_string())
}

impl From<Refusal> for Answer {
    fn from(Refusal { status, message }: Refusal) -> Self {
        with(status, &json!({ "message": message }))
    }
}

pub(crate) fn with(status: StatusCode, value: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

pub(crate) fn ok(value: &Value) -> Answer {
    with(StatusCode::OK, value)
}

pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default().boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// Where a long call says what it does.
pub(crate) type Saying = mpsc::Sender<Value>;

/// An answer of JSON lines, which ends with the last sender.
pub(crate) fn lines() -> (Saying, Answer) {
    let (say, said) = mpsc::channel(64);
    let frames = ReceiverStream::new(said).map(|line: Value| Ok(Frame::data(Bytes::from(format!("{line}\r\n")))));
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    (say, answer)
}

/// An answer of bytes as they come.
pub(crate) fn bytes(said: mpsc::Receiver<Bytes>) -> Answer {
    Response::new(StreamBody::new(ReceiverStream::new(said).map(|piece| Ok(Frame::data(piece)))).boxed_unsync())
}

/// The end of a long call that failed: the last of its lines.
pub(crate) fn failed(message: &str) -> Value {
    json!({ "errorDetail": { "message": message }, "error": message })
}
