//! Whether the engine of this machine answers, where no agent can tell (Docker Engine API, `GET /_ping` and
//! `GET /version`).

use super::Check;
use acre_model::text::clip;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Response, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::{env, io, path::Path, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};

/// Where an engine listens unless DOCKER_HOST says otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes.
const LARGEST: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
    os: String,
    arch: String,
}

/// Asks the engine for its version.
pub(super) async fn check() -> Check {
    let host = env::var("DOCKER_HOST").ok();
    let socket = match host.as_deref().map(|host| (host, host.strip_prefix("unix://"))) {
        None => SOCKET,
        Some((_, Some(socket))) => socket,
        Some((host, None)) => {
            let found = format!("DOCKER_HOST is `{}`, which an agent does not use", clip(host));
            return Check::warn("engine", found, "an agent wants unix:///PATH, and looks at its own default otherwise");
        }
    };
    let asked = tokio::time::timeout(LIMIT, ask(Path::new(socket))).await;
    match asked.unwrap_or_else(|_| Err(io::Error::other("no answer within 5 seconds"))) {
        Ok((version, buildkit)) => {
            let builder = if buildkit { " (buildkit)" } else { "" };
            let Version { version, os, arch } = version;
            Check::ok("engine", format!("docker {}{builder} on {}/{}", clip(&version), clip(&os), clip(&arch)))
        }
        Err(why) => {
            let remedy = "start the engine; if it runs, see whether this user may use its socket (group docker)";
            Check::fail("engine", format!("{socket}: {why}"), remedy)
        }
    }
}

async fn ask(socket: &Path) -> io::Result<(Version, bool)> {
    let ping = get(UnixStream::connect(socket).await?, "engine", "/_ping").await?;
    // The engine's own word on which builder it prefers: 1 is the classic one, 2 BuildKit.
    let buildkit = ping.headers().get("Builder-Version").is_some_and(|version| version == "2");
    let version = get(UnixStream::connect(socket).await?, "engine", "/version").await?;
    Ok((serde_json::from_slice(version.body())?, buildkit))
}

/// The answer to one plain GET over a connection of its own, which ends with it.
pub(super) async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> io::Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::get(path).header("Host", host).body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let answer = async {
        let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(io::Error::other)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end together with the answer.
        _ = &mut connection => answer.await,
    }
}
