//! One repository of a registry on this machine, over plain HTTP (OCI distribution specification). Engines take the loopback
//! address for one without TLS; this one knows no others.

use acre_model::reference::Reference;
use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL};
use http::{
    Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION},
};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Images and indexes.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

pub(crate) struct Repository {
    host: String,
    name: String,
    login: Option<String>,
}

/// What a registry said, in the words of an engine.
pub(crate) type Said<T> = Result<T, String>;

struct Answer {
    status: StatusCode,
    location: String,
    media_type: String,
    body: Bytes,
}

impl Repository {
    /// That of a reference, with the login that came as `X-Registry-Auth`.
    pub(crate) fn of(reference: &Reference, login: Option<&str>) -> Said<Self> {
        let host = reference.registry_or_hub().to_owned();
        if !["127.0.0.1", "localhost"].contains(&host.split(':').next().unwrap_or_default()) {
            return Err(format!(
                "Get \"https://{host}/v2/\": {}: only registries on this machine are asked",
                crate::SIMULATED
            ));
        }
        Ok(Self { host, name: reference.full_repository(), login: login.and_then(basic) })
    }

    /// A manifest by its tag or digest, with its media type.
    pub(crate) async fn manifest(&self, key: &str) -> Said<(String, Bytes)> {
        let kinds = [(ACCEPT.as_str(), MANIFESTS)];
        let answer = self.ask(Method::GET, &self.path(&format!("manifests/{key}")), &kinds, Bytes::new()).await?;
        match answer.status {
            StatusCode::OK => Ok((answer.media_type, answer.body)),
            StatusCode::NOT_FOUND => Err(format!(
                "manifest for {}/{}:{key} not found: manifest unknown: manifest unknown",
                self.host, self.name
            )),
            _ => Err(self.refused(&answer)),
        }
    }

    pub(crate) async fn blob(&self, digest: &str) -> Said<Bytes> {
        let answer = self.ask(Method::GET, &self.path(&format!("blobs/{digest}")), &[], Bytes::new()).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(self.refused(&answer)) }
    }

    pub(crate) async fn has_blob(&self, digest: &str) -> Said<bool> {
        let answer = self.ask(Method::HEAD, &self.path(&format!("blobs/{digest}")), &[], Bytes::new()).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(&answer)),
        }
    }

    pub(crate) async fn put_blob(&self, digest: &str, content: Vec<u8>) -> Said<()> {
        let begun = self.ask(Method::POST, &self.path("blobs/uploads/"), &[], Bytes::new()).await?;
        if begun.status != StatusCode::ACCEPTED {
            return Err(self.refused(&begun));
        }
        let at = begun
            .location
            .split_once("://")
            .map_or(begun.location.as_str(), |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
        let joint = if at.contains('?') { '&' } else { '?' };
        let kind = [(CONTENT_TYPE.as_str(), "application/octet-stream")];
        let put = self.ask(Method::PUT, &format!("{at}{joint}digest={digest}"), &kind, content.into()).await?;
        if put.status == StatusCode::CREATED { Ok(()) } else { Err(self.refused(&put)) }
    }

    pub(crate) async fn put_manifest(&self, tag: &str, media_type: &str, content: Vec<u8>) -> Said<()> {
        let kind = [(CONTENT_TYPE.as_str(), media_type)];
        let put = self.ask(Method::PUT, &self.path(&format!("manifests/{tag}")), &kind, content.into()).await?;
        if put.status == StatusCode::CREATED { Ok(()) } else { Err(self.refused(&put)) }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.name)
    }

    fn refused(&self, answer: &Answer) -> String {
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = &told["errors"][0];
        match (error["code"].as_str(), error["message"].as_str()) {
            (Some(code), Some(message)) => format!("{}: {message}", code.to_ascii_lowercase().replace('_', " ")),
            _ => format!("received unexpected HTTP status: {}", answer.status),
        }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Said<Answer> {
        let failed = |why: &dyn std::fmt::Display| format!("{} \"http://{}{path}\": {why}", named(&method), self.host);
        let stream = TcpStream::connect(&self.host).await.map_err(|why| {
            failed(&format!("dial tcp {}: connect: {}", self.host, why.to_string().to_ascii_lowercase()))
        })?;
        // As Go writes them, in which engines are written.
        let handshake = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|why| failed(&why))?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(&method).uri(path).header(HOST, &self.host);
        request = request.header(CONTENT_LENGTH, body.len());
        for (name, value) in
            self.login.iter().map(|login| (AUTHORIZATION.as_str(), login.as_str())).chain(headers.iter().copied())
        {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|why| failed(&why))?;
        let answer = sender.send_request(request).await.map_err(|why| failed(&why))?;
        let of = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (status, location, media_type) = (answer.status(), of(LOCATION), of(CONTENT_TYPE));
        let body = answer.into_body().collect().await.map_err(|why| failed(&why))?.to_bytes();
        Ok(Answer { status, location, media_type, body })
    }
}

/// `Get`, as Go's client names methods in what it says.
fn named(method: &Method) -> &'static str {
    match *method {
        Method::PUT => "Put",
        Method::POST => "Post",
        Method::HEAD => "Head",
        _ => "Get",
    }
}

/// `Basic …` from the JSON in base64 that the Engine API takes a login as.
fn basic(header: &str) -> Option<String> {
    let padded = format!("{header}{}", "=".repeat((4 - header.len() % 4) % 4));
    let text = BASE64URL.decode(padded.as_bytes()).ok()?;
    let login: Value = serde_json::from_slice(&text).ok()?;
    let (user, password) = (login["username"].as_str()?, login["password"].as_str()?);
    (!user.is_empty()).then(|| format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes())))
}
