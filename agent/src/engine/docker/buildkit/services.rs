//! What a session serves: health, logins, and (in [`super::transfer`]) files.

use super::{
    context::{Wanted, select},
    stat,
    transfer::{self, Packets, Sent, Source},
};
use crate::engine::{DockerfileText, EngineError, Logins, Snapshot, SnapshotNode};
use acre_model::digest::Digest;
use bollard_buildkit_proto::{
    fsutil::types::Packet,
    health::{
        HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
        health_check_response::ServingStatus, health_server,
    },
    moby::filesync::v1::{
        CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
        GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse, auth_server,
        file_sync_server,
    },
};
use futures::stream::BoxStream;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};

/// Answers that all is well: without it the engine closes the session within a second.
pub(super) struct Health;

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(&self, _request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(&self, _request: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("only Check is served"))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(&self, _request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("only Check is served"))
    }
}

/// Gives the logins of one build.
pub(super) struct Auth(pub(super) Logins);

#[tonic::async_trait]
impl auth_server::Auth for Auth {
    /// The host is as the reference has it; for Docker Hub it is the address of its index. No login is an empty one.
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let registry = match host.as_str() {
            "registry-1.docker.io" | "index.docker.io" | "https://index.docker.io/v1/" => "docker.io",
            host => host,
        };
        let login = self.0.get(registry);
        Ok(Response::new(login.map_or_else(CredentialsResponse::default, |login| CredentialsResponse {
            username: login.username.clone(),
            secret: login.secret.clone(),
        })))
    }

    async fn fetch_token(&self, _request: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the engine fetches its tokens by itself"))
    }

    async fn get_token_authority(
        &self,
        _request: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches its tokens by itself"))
    }

    async fn verify_token_authority(
        &self,
        _request: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches its tokens by itself"))
    }
}

/// The first failure to get hold of a file's content, for the build to be told by: BuildKit only says that a session
/// failed.
pub(super) type Fault = Arc<OnceLock<EngineError>>;

/// The context and the Dockerfile of one build.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) context: Arc<Snapshot>,
    pub(super) dockerfile: DockerfileText,
    pub(super) fault: Fault,
}

#[tonic::async_trait]
impl file_sync_server::FileSync for Files {
    type DiffCopyStream = Packets;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        let (files, metadata) = (self.clone(), request.metadata().clone());
        // A large tree and many patterns keep a thread busy, and the engine waits one second for a sign of health.
        let files = tokio::task::spawn_blocking(move || files.files(&metadata)).await;
        let files = files.map_err(|error| Status::internal(error.to_string()))??;
        let content = Arc::clone(self.context.content());
        Ok(Response::new(transfer::send(files, content, request.into_inner(), Arc::clone(&self.fault))))
    }

    type TarStreamStream = BoxStream<'static, Result<Packet, Status>>;

    async fn tar_stream(
        &self,
        _request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("only DiffCopy is served"))
    }
}

impl Files {
    /// What a call for files is to be sent.
    fn files(&self, metadata: &MetadataMap) -> Result<Vec<Sent>, Status> {
        let wanted = Wanted {
            include: texts(metadata, "include-patterns"),
            exclude: texts(metadata, "exclude-patterns"),
            follow: texts(metadata, "followpaths"),
        };
        match texts(metadata, "dir-name").first().map(String::as_str) {
            Some("context") => self.of_context(&wanted),
            Some("dockerfile") => Ok(self.of_dockerfile()),
            other => Err(Status::not_found(format!("no local directory {}", other.unwrap_or_default()))),
        }
    }

    fn of_context(&self, wanted: &Wanted) -> Result<Vec<Sent>, Status> {
        let chosen = select(&self.context, wanted).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let digests = chosen.iter().filter_map(|entry| match &entry.node {
            SnapshotNode::File { digest, .. } => Some(*digest),
            _ => None,
        });
        self.context.content().prefetch(digests.collect());
        let sent = |entry: &&crate::engine::SnapshotEntry| Sent {
            stat: stat::of_entry(entry),
            source: match &entry.node {
                SnapshotNode::File { digest, .. } => Source::Content(*digest),
                _ => Source::Nothing,
            },
        };
        Ok(chosen.iter().map(sent).collect())
    }

    /// `Dockerfile` and what replaces `.dockerignore`, under the names that BuildKit's frontend looks for.
    fn of_dockerfile(&self) -> Vec<Sent> {
        let text = Some(("Dockerfile", &self.dockerfile.text));
        let ignore = self.dockerfile.ignore.as_ref().map(|ignore| ("Dockerfile.dockerignore", ignore));
        let sent = |(name, text): (&str, &bytes::Bytes)| {
            let digest = Digest::from_bytes(Sha256::digest(text).into());
            let stat = stat::of_file(name.to_owned(), &digest, text.len() as u64, 0o644);
            Sent { stat, source: Source::Bytes(text.clone()) }
        };
        text.into_iter().chain(ignore).map(sent).collect()
    }
}

/// All values of a key. 20.10 sends them as raw UTF-8; newer engines escape them as in a query, and say so, where one of
/// them is not ASCII.
fn texts(metadata: &MetadataMap, key: &str) -> Vec<String> {
    let escaped = metadata.get(format!("{key}-encoded")).is_some();
    let values = metadata.get_all(key).iter().map(|value| value.as_encoded_bytes());
    let texts = values.map(|value| String::from_utf8_lossy(value).into_owned());
    texts.map(|text| if escaped { unescaped(&text) } else { text }).collect()
}

/// Undoes the escaping of a query (`%C3%BC`, `+` for a blank). What is no escape stays.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::metadata::MetadataValue;

    #[test]
    fn names_that_are_not_ascii_come_in_two_ways() {
        let mut raw = MetadataMap::new();
        let mut headers = http::HeaderMap::new();
        headers.append("followpaths", http::HeaderValue::from_bytes("ü a.txt".as_bytes()).unwrap());
        headers.append("followpaths", http::HeaderValue::from_static("100%+"));
        assert_eq!(texts(&MetadataMap::from_headers(headers), "followpaths"), ["ü a.txt", "100%+"]);

        raw.append("followpaths", MetadataValue::from_static("%C3%BC+a.txt"));
        raw.append("followpaths", MetadataValue::from_static("100%25"));
        raw.insert("followpaths-encoded", MetadataValue::from_static("1"));
        assert_eq!(texts(&raw, "followpaths"), ["ü a.txt", "100%"]);
    }
}
