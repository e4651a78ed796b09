//! Somebody who is told things over HTTP, and answers as a test wants it.

use super::LIMIT;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};
use tokio_util::task::AbortOnDropHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) method: Method,
    /// As it was written, with what is encoded in it.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Heard {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A status, further headers, a text.
type Answer = (u16, Vec<(&'static str, String)>, String);

#[derive(Clone)]
struct Door {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    heard: mpsc::UnboundedSender<Heard>,
    /// Who wants to be answered takes one.
    patience: Arc<Semaphore>,
}

/// Somebody who is told things.
pub(super) struct Receiver {
    pub(super) address: String,
    door: Door,
    heard: mpsc::UnboundedReceiver<Heard>,
    _serving: AbortOnDropHandle<()>,
}

impl Receiver {
    /// Answers 201 unless told otherwise.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, heard) = mpsc::unbounded_channel();
        let patience = Arc::new(Semaphore::new(1000));
        let door = Door { answers: Arc::default(), heard: tell, patience };
        let router = Router::new().fallback(take).with_state(door.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, door, heard, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers the next requests so, in this order.
    pub(super) fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.door.answers.lock().unwrap().extend(answers);
    }

    /// Takes requests from now on and answers none.
    pub(super) fn falls_silent(&self) {
        self.door.patience.forget_permits(1000);
    }

    /// Answers again, also those who wait.
    pub(super) fn speaks(&self) {
        self.door.patience.add_permits(1000);
    }

    /// The next request; it must come.
    pub(super) async fn hears(&mut self) -> Heard {
        tokio::time::timeout(LIMIT, self.heard.recv()).await.expect("a request comes").unwrap()
    }

    /// Demands that no request has come.
    pub(super) fn has_heard_nothing(&mut self) {
        if let Ok(heard) = self.heard.try_recv() {
            panic!("{heard:?}");
        }
    }
}

async fn take(State(door): State<Door>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<String> {
    let path = uri.path().to_owned();
    drop(door.heard.send(Heard { method, path, headers, body: body.to_vec() }));
    let patience = door.patience.acquire().await.unwrap();
    patience.forget();
    door.patience.add_permits(1);
    let (status, headers, text) = door.answers.lock().unwrap().pop_front().unwrap_or((201, Vec::new(), String::new()));
    let answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
    headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value)).body(text).unwrap()
}

/// An answer of this status and nothing else.
pub(super) fn plain(status: u16) -> Answer {
    (status, Vec::new(), String::new())
}
