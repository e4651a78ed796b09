//! A server for tests: it answers what it is told to, and remembers what it was asked.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::AbortOnDropHandle;

/// Path (without its query), status, further headers, body.
pub type Page = (&'static str, &'static str, &'static str, Vec<u8>);

/// From the head of a request, and the server's own address, to the bytes of the answer.
type Answer = dyn Fn(&str, &str) -> Vec<u8> + Send + Sync;

/// A server on this machine, for as long as it lives.
pub struct Served {
    /// `host:port`.
    pub address: String,
    heard: Arc<Mutex<String>>,
    _serving: AbortOnDropHandle<()>,
}

impl Served {
    /// Has these pages, and no other.
    pub async fn with(pages: impl IntoIterator<Item = Page>) -> Self {
        let pages = pages.into_iter().collect();
        Self::answering(move |request, _| page(&pages, request)).await
    }

    /// Takes connections and says nothing.
    pub async fn silent() -> Self {
        Self::start(None).await
    }

    /// Answers each request (its head, lower case but for values, and the server's own address) with these bytes.
    pub async fn answering(answer: impl Fn(&str, &str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(Some(Arc::new(answer))).await
    }

    async fn start(answer: Option<Arc<Answer>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap().to_string(), Arc::<Mutex<String>>::default());
        let (hears, own) = (heard.clone(), address.clone());
        let serving = tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                match answer.clone() {
                    Some(answer) => drop(tokio::spawn(serve(client, answer, own.clone(), hears.clone()))),
                    None => silent.push(client),
                }
            }
        });
        Self { address, heard, _serving: AbortOnDropHandle::new(serving) }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(mut client: TcpStream, answer: Arc<Answer>, own: String, heard: Arc<Mutex<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    heard.lock().unwrap().push_str(&head);
    client.write_all(&answer(&head, &own)).await.ok();
}

fn page(pages: &Vec<Page>, head: &str) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap().split('?').next().unwrap();
    let found = pages.iter().find(|(known, ..)| *known == path);
    let (_, status, headers, body) = found.cloned().unwrap_or(("", "404 Not Found", "", Vec::new()));
    response(status, headers, &body)
}

/// An answer as it goes over the wire.
pub fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}
