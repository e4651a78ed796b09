//! A registry that fails as a script says, in front of a true one.

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, StatusCode, body::Bytes, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::task::AbortOnDropHandle;

/// What a script answers in place of the registry.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `HERE` in a value is the registry's own address.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn error(status: u16, message: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"X","message":"{message}"}}]}}"#);
        Self { status, headers: Vec::new(), body }
    }
}

/// A request, as a script sees it: its number among those of its method and kind, from 1.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) authorization: &'a str,
    pub(crate) number: usize,
}

type Script = dyn Fn(&Asked<'_>) -> Option<Answer> + Send + Sync;

/// The registry, which lives as long as this.
pub(crate) struct Scripted {
    /// `host:port`.
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

struct Registry {
    behind: String,
    script: Box<Script>,
    seen: Arc<Mutex<Vec<String>>>,
    http: reqwest::Client,
}

impl Scripted {
    /// One in front of the registry at `behind`; where the script answers nothing, that does.
    pub(crate) async fn before(
        behind: &str,
        script: impl Fn(&Asked<'_>) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let http = reqwest_client();
        let registry =
            Arc::new(Registry { behind: behind.to_owned(), script: Box::new(script), seen: seen.clone(), http });
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let registry = registry.clone();
                let service = service_fn(move |request| {
                    let registry = registry.clone();
                    async move { Ok::<_, Infallible>(registry.answer(request).await) }
                });
                let server = hyper::server::conn::http1::Builder::new();
                connections.spawn(server.serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { address, seen, _serving: AbortOnDropHandle::new(serving) }
    }

    /// What was asked: `METHOD /path?query`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Registry {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(format!("{} {path}?{query}", head.method));
            let kind = |line: &String| line.starts_with(head.method.as_str()) && kind(line) == kind(&path);
            seen.iter().filter(|line| kind(line)).count()
        };
        let authorization = head.headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
        let host = head.headers.get(header::HOST).map_or("", |value| value.to_str().unwrap());
        let asked = Asked { method: &head.method, path: &path, query: &query, authorization, number };
        // A blob that the client breaks off is no request.
        let Ok(body) = body.collect().await else { return Response::default() };
        if let Some(Answer { status, headers, body }) = (self.script)(&asked) {
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value.replace("HERE", host));
            }
            return answer.body(Full::from(body)).unwrap();
        }
        let mut onward = self.http.request(head.method, format!("http://{}{}", self.behind, head.uri));
        for (name, value) in &head.headers {
            if *name != header::TRANSFER_ENCODING && *name != header::CONTENT_LENGTH && *name != header::AUTHORIZATION {
                onward = onward.header(name, value);
            }
        }
        let behind = onward.body(body.to_bytes()).send().await.unwrap();
        let mut answer = Response::builder().status(behind.status());
        for (name, value) in behind.headers() {
            if *name != header::TRANSFER_ENCODING {
                answer = answer.header(name, value);
            }
        }
        answer.body(Full::from(behind.bytes().await.unwrap())).unwrap_or_else(|_| {
            let mut broken = Response::default();
            *broken.status_mut() = StatusCode::BAD_GATEWAY;
            broken
        })
    }
}

/// A client, whose library wants to be told of whom it has its cryptography.
pub(crate) fn reqwest_client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Whether a request is about uploads, blobs or manifests.
fn kind(line: &str) -> &'static str {
    ["/blobs/uploads/", "/blobs/", "/manifests/"].into_iter().find(|part| line.contains(part)).unwrap_or_default()
}
