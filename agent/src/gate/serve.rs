//! What the engine asks of the gate, and what it is answered (OCI distribution specification, "Endpoints").

use super::{
    Manifest,
    passage::{Passage, Passages, Pushed},
    upload::{Piece, Upload},
    upstream::Fault,
};
use crate::parts::Tasks;
use acre_model::digest::Digest;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RANGE, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
};

/// Connections at one time: an engine has five or so for a push.
const CONNECTIONS: usize = 256;
/// How long a connection may take to say what it wants.
const HEAD: Duration = Duration::from_secs(30);
/// The largest manifest, in bytes (OCI distribution specification: registries need not take more).
const MANIFEST: usize = 4 << 20;

type Answer = Response<Full<Bytes>>;

/// Takes connections for as long as the agent works.
pub(super) async fn accept(listener: TcpListener, passages: Arc<Passages>, tasks: Tasks) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let passages = passages.clone();
                tasks.spawn("connection of the push gate", async move {
                    attend(stream, passages).await;
                    drop(place);
                });
            }
            // Out of file descriptors: others close theirs.
            Err(why) => {
                tracing::warn!(%why, "the push gate cannot take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection. An engine tries TLS first, and takes the 400 that HTTP answers to its hello for a no.
async fn attend(stream: TcpStream, passages: Arc<Passages>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let passages = passages.clone();
        async move { Ok::<_, Infallible>(answer(&passages, request).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    // Who hangs up, or talks TLS, is not served.
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(passages: &Arc<Passages>, request: Request<Incoming>) -> Answer {
    let Some(passage) = authorized(passages, request.headers()) else { return challenge() };
    passage.touch();
    let path = request.uri().path().to_owned();
    match Route::of(request.method(), &path) {
        Some(Route::Hello) => empty(StatusCode::OK),
        Some(Route::HasBlob(digest)) => has_blob(passages, &passage, digest).await,
        Some(Route::Begin) => begin(passages, &passage, &path).await,
        Some(Route::Part(id)) => part(passages, passage, id, request).await,
        Some(Route::Finish(id)) => finish(passages, passage, id, request).await,
        Some(Route::Cancel(id)) => cancel(&passage, id).await,
        Some(Route::Publish(name)) => publish(&passage, name, request).await,
        None => refusal(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "the push gate takes pushes only"),
    }
}

/// What a request is about. The repository in it is not looked at: whose password it carries decides.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Hello,
    HasBlob(Digest),
    Begin,
    Part(u64),
    Finish(u64),
    Cancel(u64),
    Publish(&'a str),
}

impl<'a> Route<'a> {
    fn of(method: &Method, path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v2/")?;
        if rest.is_empty() {
            return Some(Self::Hello);
        }
        // A repository may be called so, too: the last part decides.
        if let Some((_, upload)) = rest.rsplit_once("/blobs/uploads/").filter(|(_, upload)| !upload.contains('/')) {
            return match (method, upload.parse()) {
                (&Method::POST, _) if upload.is_empty() => Some(Self::Begin),
                (&Method::PATCH, Ok(id)) => Some(Self::Part(id)),
                (&Method::PUT, Ok(id)) => Some(Self::Finish(id)),
                (&Method::DELETE, Ok(id)) => Some(Self::Cancel(id)),
                _ => None,
            };
        }
        if let Some((_, digest)) = rest.rsplit_once("/blobs/") {
            return (method == Method::HEAD).then(|| digest.parse().ok().map(Self::HasBlob))?;
        }
        let (_, name) = rest.rsplit_once("/manifests/")?;
        // Whether it is there already is not told: each push publishes.
        (method == Method::PUT && !name.is_empty()).then_some(Self::Publish(name))
    }
}

/// The push whose password a request carries.
fn authorized(passages: &Passages, headers: &HeaderMap) -> Option<Arc<Passage>> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let pair = BASE64.decode(value.strip_prefix("Basic ")?.as_bytes()).ok()?;
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    passages.find(id.parse().ok()?, secret)
}

/// A blob that another repository of the registry has is taken over, and then is there.
async fn has_blob(passages: &Passages, passage: &Passage, digest: Digest) -> Answer {
    let upstream = &passage.upstream;
    match there(passages, passage, digest).await {
        Ok(Some(size)) => {
            passages.blobs.learn(digest, &upstream.name());
            let mut answer = empty(StatusCode::OK);
            answer.headers_mut().insert(CONTENT_LENGTH, size.into());
            with(answer, "docker-content-digest", &digest.to_string())
        }
        Ok(None) => empty(StatusCode::NOT_FOUND),
        Err(fault) => failed(passage, &fault),
    }
}

async fn there(passages: &Passages, passage: &Passage, digest: Digest) -> Result<Option<u64>, Fault> {
    let upstream = &passage.upstream;
    if let Some(size) = upstream.blob(digest).await? {
        return Ok(Some(size));
    }
    for from in passages.blobs.names(digest, &format!("{}/", upstream.registry())) {
        if from != upstream.repository() && upstream.mount(digest, &from).await? {
            return upstream.blob(digest).await;
        }
    }
    Ok(None)
}

async fn begin(passages: &Passages, passage: &Passage, path: &str) -> Answer {
    match passage.upstream.begin().await {
        Ok(to) => {
            let id = passages.number();
            passage.begin(id, Upload::at(to));
            going_on(path, id, 0)
        }
        Err(fault) => failed(passage, &fault),
    }
}

async fn part(passages: &Passages, passage: Arc<Passage>, id: u64, request: Request<Incoming>) -> Answer {
    let Some(upload) = passage.upload(id) else { return unknown_upload() };
    let path = request.uri().path().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let piece = piece(request);
    let sent = apart(&passages.tasks, {
        let (passage, upload) = (passage.clone(), upload.clone());
        async move { upload.part(&passage.upstream, piece).await }
    });
    match sent.await {
        Ok(()) => going_on(&path, id, upload.sent()),
        Err(fault) => broken(&passage, &fault),
    }
}

async fn finish(passages: &Arc<Passages>, passage: Arc<Passage>, id: u64, request: Request<Incoming>) -> Answer {
    let Some(upload) = passage.upload(id) else { return unknown_upload() };
    let query = request.uri().query().unwrap_or_default();
    let digest = query.split('&').find_map(|pair| pair.strip_prefix("digest="));
    let digest = digest.and_then(|text| text.replace("%3A", ":").replace("%3a", ":").parse::<Digest>().ok());
    let Some(digest) = digest else {
        return refusal(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "a blob ends with its sha256 digest");
    };
    let piece = piece(request);
    let finished = apart(&passages.tasks, {
        let (passages, passage) = (passages.clone(), passage.clone());
        async move { end(&passages, &passage, &upload, digest, piece).await }
    });
    match finished.await {
        Ok(()) => {
            passage.end(id);
            let upstream = &passage.upstream;
            with(created(digest), LOCATION.as_str(), &format!("/v2/{}/blobs/{digest}", upstream.repository()))
        }
        Err(fault) => broken(&passage, &fault),
    }
}

/// Ends a blob, unless another push has brought it meanwhile.
async fn end(
    passages: &Passages,
    passage: &Passage,
    upload: &Upload,
    digest: Digest,
    piece: Piece,
) -> Result<(), Fault> {
    let (upstream, name) = (&passage.upstream, passage.upstream.name());
    let _end = passages.ends.take(name.clone(), digest).await;
    let may_be_there = !passages.blobs.names(digest, &name).is_empty();
    if may_be_there && upstream.blob(digest).await?.is_some() {
        upload.cancel(upstream).await;
        // Some engines send all of a blob with its end, and want it to be taken.
        piece.drain().await;
        return Ok(());
    }
    upload.finish(upstream, digest, piece).await?;
    passages.blobs.learn(digest, &name);
    Ok(())
}

async fn cancel(passage: &Passage, id: u64) -> Answer {
    if let Some(upload) = passage.upload(id) {
        upload.cancel(&passage.upstream).await;
        passage.end(id);
    }
    empty(StatusCode::NO_CONTENT)
}

/// Keeps a manifest, or holds it until it may be published, then puts it.
async fn publish(passage: &Passage, name: &str, request: Request<Incoming>) -> Answer {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or("application/vnd.docker.distribution.manifest.v2+json").to_owned();
    let Ok(manifest) = Limited::new(request.into_body(), MANIFEST).collect().await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID", "a manifest has at most 4 MiB");
    };
    let manifest = Manifest { media_type, content: manifest.to_bytes() };
    let digest = manifest.digest();
    if passage.keep(&manifest) {
        return created(digest);
    }
    let Some(public) = passage.publishes_as(name, digest).await else {
        return refusal(StatusCode::FORBIDDEN, "DENIED", "the farm does not permit this push any more");
    };
    let Manifest { media_type, content } = manifest;
    match passage.upstream.publish(&public, &media_type, &content).await {
        Ok(()) => {
            passage.published(name, Pushed { digest, media_type, size: content.len() as u64 });
            created(digest)
        }
        Err(fault) => {
            // Tried as often as it may be: the engine need not try again.
            passage.refuse(passage.upstream.error(&fault));
            refusal(StatusCode::FORBIDDEN, "DENIED", &fault.text())
        }
    }
}

fn created(digest: Digest) -> Answer {
    with(empty(StatusCode::CREATED), "docker-content-digest", &digest.to_string())
}

fn piece(request: Request<Incoming>) -> Piece {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    Piece::new(request.into_body(), length)
}

/// Does work that goes on to its end although the one who asked hangs up: what was begun at the registry is ended there.
async fn apart<T: Send + 'static>(
    tasks: &Tasks,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    let (tell, told) = oneshot::channel();
    tasks.spawn("blob through the push gate", async move { drop(tell.send(work.await)) });
    told.await.unwrap_or_else(|_| Err(Fault::stopping()))
}

/// The engine is to stop at once: whatever else it is answered, it tries again for long. What may pass is the attempt's to
/// try again.
fn failed(passage: &Passage, fault: &Fault) -> Answer {
    match fault.is_final() {
        true => passage.refuse(passage.upstream.error(fault)),
        false => passage.fail(passage.upstream.error(fault)),
    }
    refusal(StatusCode::FORBIDDEN, "DENIED", &fault.text())
}

/// In the middle of a blob the engine tries again, with that blob alone.
fn broken(passage: &Passage, fault: &Fault) -> Answer {
    if fault.is_final() {
        return failed(passage, fault);
    }
    passage.fail(passage.upstream.error(fault));
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &fault.text())
}

fn challenge() -> Answer {
    let answer = refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "the push gate is for the pushes of its agent");
    with(answer, WWW_AUTHENTICATE.as_str(), "Basic realm=\"acre\"")
}

fn unknown_upload() -> Answer {
    refusal(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "no such upload")
}

/// A blob may go on, or begin; `path` is that of its uploads.
fn going_on(path: &str, id: u64, sent: u64) -> Answer {
    let answer = with(empty(StatusCode::ACCEPTED), LOCATION.as_str(), &format!("{path}{id}"));
    let answer = with(answer, "docker-upload-uuid", &id.to_string());
    with(answer, RANGE.as_str(), &format!("0-{}", sent.saturating_sub(1)))
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    with(answer, CONTENT_TYPE.as_str(), "application/json")
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    with(answer, "docker-distribution-api-version", "registry/2.0")
}

/// The answer with a header; a value that cannot be one is left out.
fn with(mut answer: Answer, name: &str, value: &str) -> Answer {
    if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_whatever_the_repository_is_called() {
        let digest = Digest::from_bytes([7; 32]);
        let blob = format!("/v2/a/blobs/uploads/b/blobs/{digest}");
        let table = [
            ("GET", "/v2/", Some(Route::Hello)),
            ("HEAD", blob.as_str(), Some(Route::HasBlob(digest))),
            ("GET", blob.as_str(), None),
            ("POST", "/v2/a/b/blobs/uploads/", Some(Route::Begin)),
            ("PATCH", "/v2/a/b/blobs/uploads/7", Some(Route::Part(7))),
            ("PUT", "/v2/a/manifests/blobs/uploads/7", Some(Route::Finish(7))),
            ("DELETE", "/v2/a/blobs/uploads/7", Some(Route::Cancel(7))),
            ("PUT", "/v2/a/blobs/uploads/x", None),
            ("PUT", "/v2/a/manifests/p1", Some(Route::Publish("p1"))),
            ("HEAD", "/v2/a/manifests/p1", None),
            ("PUT", "/v2/a/manifests/", None),
            ("GET", "/v1/", None),
            ("HEAD", "/v2/a/blobs/sha256:12", None),
        ];
        for (method, path, expected) in table {
            assert_eq!(Route::of(&method.parse().unwrap(), path), expected, "{method} {path}");
        }
    }
}
