//! A session: the connection back, over which BuildKit asks for files and logins. It is opened by `Control.Session`, whose
//! messages carry the bytes of an HTTP/2 connection in which we are the server (BuildKit, `session/session.go`).

use super::{
    secrets::{self, Secrets},
    services::{Auth, Files, Health},
    ssh::{self, Keys},
};
use crate::engine::EngineError;
use acre_model::digest::Digest;
use bollard_buildkit_proto::{
    health::health_server::HealthServer,
    moby::{
        buildkit::{
            secrets::v1::secrets_server::SecretsServer,
            v1::{BytesMessage, control_client::ControlClient},
        },
        filesync::v1::{auth_server::AuthServer, file_sync_server::FileSyncServer},
        sshforward::v1::ssh_server::SshServer,
    },
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use sha2::{Digest as _, Sha256};
use std::hash::{BuildHasher as _, RandomState};
use tokio::io::{AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio_util::{io::ReaderStream, task::AbortOnDropHandle};
use tonic::{
    Request, Streaming,
    metadata::{Ascii, MetadataValue, errors::InvalidMetadataValue},
    service::Routes,
    transport::Channel,
};

/// Bytes on their way between the two connections.
const BUFFER: usize = 1 << 20;

/// Bytes of one message that carries them.
const MESSAGE: usize = 128 << 10;

/// Bytes of the largest message taken from BuildKit.
const LARGEST_MESSAGE: usize = 16 << 20;

/// What every session serves, as BuildKit wants it announced.
const METHODS: [&str; 3] =
    ["/grpc.health.v1.Health/Check", "/moby.filesync.v1.FileSync/DiffCopy", "/moby.filesync.v1.Auth/Credentials"];

/// What a session serves to one build.
pub(super) struct Served {
    pub(super) files: Files,
    pub(super) auth: Auth,
    pub(super) secrets: Secrets,
    pub(super) keys: Keys,
}

impl Served {
    /// What is to be announced: of secrets and keys nothing where there are none.
    fn methods(&self) -> Vec<&'static str> {
        let secrets = (!self.secrets.is_empty()).then_some(secrets::METHOD);
        let keys = (!self.keys.is_empty()).then_some(ssh::METHODS);
        METHODS.into_iter().chain(secrets).chain(keys.into_iter().flatten()).collect()
    }

    fn routes(self) -> Routes {
        let mut routes = Routes::new(HealthServer::new(Health))
            .add_service(FileSyncServer::new(self.files).max_decoding_message_size(LARGEST_MESSAGE))
            .add_service(AuthServer::new(self.auth));
        if !self.secrets.is_empty() {
            routes = routes.add_service(SecretsServer::new(self.secrets));
        }
        if !self.keys.is_empty() {
            routes = routes.add_service(SshServer::new(self.keys));
        }
        routes.prepare()
    }
}

/// An open session. Dropping it closes it.
pub(super) struct Session {
    id: String,
    ended: AbortOnDropHandle<()>,
}

impl Session {
    /// Opens a session that serves these. Each build needs one of its own: what a local source holds is remembered for a
    /// session's life, so that a second build in it would not see a file that has changed.
    ///
    /// `shared_key` says which of the copies that BuildKit keeps of contexts is to be brought up to date.
    pub(super) async fn open(
        control: &mut ControlClient<Channel>,
        served: Served,
        shared_key: &str,
    ) -> Result<Self, EngineError> {
        let id = token();
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let (from_us, to_us) = tokio::io::split(theirs);
        let request = request(from_us, &id, shared_key, &served.methods())?;
        let server = AbortOnDropHandle::new(tokio::spawn(serve(ours, served)));
        let opened = control.session(request).await;
        let from_them = opened.map_err(|status| super::broken_off(&status))?.into_inner();
        let ended = tokio::spawn(async move {
            carry(from_them, to_us).await;
            drop(server);
        });
        Ok(Self { id, ended: AbortOnDropHandle::new(ended) })
    }

    /// Names the session in a `Solve`.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Resolves when BuildKit has closed the session, which it does when its health check gets no answer.
    pub(super) async fn ended(&mut self) {
        // A panic of the task ends the session, too.
        (&mut self.ended).await.ok();
    }
}

/// A text that nobody else has. Session ids and references of builds must differ between all clients of an engine.
pub(super) fn token() -> String {
    // Each state is keyed by the system's randomness.
    let half = |part: u8| RandomState::new().hash_one(part);
    format!("acre{:016x}{:016x}", half(0), half(1))
}

fn request(
    from_us: ReadHalf<DuplexStream>,
    id: &str,
    shared_key: &str,
    methods: &[&'static str],
) -> Result<Request<impl futures::Stream<Item = BytesMessage> + Send + 'static + use<>>, EngineError> {
    let pieces = ReaderStream::with_capacity(from_us, MESSAGE);
    // A pipe in memory has no errors but its end.
    let messages = tokio_stream::StreamExt::map_while(pieces, |data| Some(BytesMessage { data: data.ok()?.into() }));
    let mut request = Request::new(messages);
    let bad = |error: InvalidMetadataValue| EngineError::Refused(format!("a session cannot be named so: {error}"));
    let value = |text: &str| text.parse::<MetadataValue<Ascii>>().map_err(bad);
    // Hashed: it may be of any characters and length.
    let shared_key = Digest::from_bytes(Sha256::digest(shared_key).into()).hex();
    let metadata = request.metadata_mut();
    metadata.insert("x-docker-expose-session-uuid", value(id)?);
    metadata.insert("x-docker-expose-session-sharedkey", value(&shared_key)?);
    for method in methods {
        metadata.append("x-docker-expose-session-grpc-method", MetadataValue::from_static(method));
    }
    Ok(request)
}

async fn carry(mut from_them: Streaming<BytesMessage>, mut to_us: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = from_them.message().await {
        if to_us.write_all(&message.data).await.is_err() {
            return;
        }
    }
}

/// Serves one connection until it ends.
async fn serve(ours: DuplexStream, served: Served) -> Result<(), hyper::Error> {
    let service = TowerToHyperService::new(served.routes());
    let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    server.initial_stream_window_size(1 << 20).initial_connection_window_size(4 << 20);
    server.serve_connection(TokioIo::new(ours), service).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ() {
        let tokens: std::collections::HashSet<_> = (0..1000).map(|_| token()).collect();
        assert_eq!(tokens.len(), 1000);
    }
}
