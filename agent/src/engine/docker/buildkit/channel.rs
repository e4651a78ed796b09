//! The engine's own gRPC endpoint: `POST /grpc`, upgraded to HTTP/2 without TLS (Engine API, "Initialize interactive
//! session" and its sibling; moby `api/server/router/grpc`).

use super::socket;
use crate::engine::EngineError;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::{io, sync::Mutex};
use tonic::transport::{Channel, Endpoint, Uri};

/// HTTP/2 windows, in bytes. The default of 64 KiB would make every status wait for a round trip.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Bytes of the largest head of an answer. Why a build failed comes as a header, several times: current engines put the
/// whole command into it, the operation and the Dockerfile, of which each may have a MiB.
const LARGEST_HEAD: u32 = 32 << 20;

/// Opens a connection of its own to the engine's gRPC endpoint. When the channel is dropped, the engine cancels all that
/// was begun over it.
pub(super) async fn dial(host: &str) -> Result<Channel, EngineError> {
    let upgraded = upgrade(host).await?;
    // It is dialed once: what is lost with a connection is not brought back by another.
    let upgraded = Mutex::new(Some(upgraded));
    let connector = tower::service_fn(move |_: Uri| {
        let taken = upgraded.lock().map(|mut upgraded| upgraded.take()).unwrap_or_default();
        std::future::ready(taken.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe)))
    });
    let endpoint = Endpoint::from_static("http://engine")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(LARGEST_HEAD);
    let connected = endpoint.connect_with_connector(connector).await;
    connected.map_err(|error| EngineError::BrokenOff(super::super::failure::chain(&error)))
}

/// Whether the engine has the endpoint.
pub(in super::super) async fn answers(host: &str) -> bool {
    upgrade(host).await.is_ok()
}

async fn upgrade(host: &str) -> Result<Upgraded, EngineError> {
    let broken = |error: hyper::Error| EngineError::BrokenOff(super::super::failure::chain(&error));
    let socket = TokioIo::new(socket::connect(host).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(socket).await.map_err(broken)?;
    // Ends with the upgraded stream, which it hands over.
    tokio::spawn(connection.with_upgrades());
    let request = Request::builder()
        .method(Method::POST)
        .uri("/grpc")
        .header(header::HOST, "engine")
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "h2c")
        .body(Empty::<Bytes>::new())
        .map_err(|error| EngineError::BrokenOff(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(EngineError::BrokenOff(format!("it has no BuildKit: it answered {} to /grpc", response.status())));
    }
    hyper::upgrade::on(response).await.map_err(broken)
}
