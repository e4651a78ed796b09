//! Whether the engine of this machine answers, where no agent can tell (Docker Engine API,
//! `GET /version`).

use super::Check;
use crate::system;
use acre_model::text::clip;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Response, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::{env, io, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes.
const LARGEST: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
    api_version: String,
    os: String,
    arch: String,
}

/// Asks the engine for its version.
pub(super) async fn check() -> Check {
    let host = env::var("DOCKER_HOST").ok();
    let asked = tokio::time::timeout(LIMIT, ask(host.as_deref())).await;
    let late = || Some((host.clone().unwrap_or_default(), Err(io::Error::other("no answer within 5 seconds"))));
    match asked.unwrap_or_else(|_| late()) {
        Some((_, Ok(Version { version, api_version, os, arch }))) => {
            let builder = if has_buildkit(&api_version) { " (buildkit)" } else { "" };
            Check::ok("engine", format!("docker {}{builder} on {}/{}", clip(&version), clip(&os), clip(&arch)))
        }
        Some((place, Err(why))) => {
            let remedy = "start the engine; if it runs, see whether this user may use its socket (group docker)";
            Check::fail("engine", format!("{place}: {why}"), remedy)
        }
        None => {
            let found = format!("DOCKER_HOST is `{}`, which is not asked", clip(&host.unwrap_or_default()));
            Check::warn("engine", found, "`acre up` takes unix:///PATH from it; name another engine by --engine")
        }
    }
}

/// Where the engine is, and what it says; `None`: it is not one that an agent uses.
async fn ask(host: Option<&str>) -> Option<(String, io::Result<Version>)> {
    let (place, connected) = system::connect_engine(host).await?;
    let asked = async { Ok(serde_json::from_slice(get(connected?, "engine", "/version").await?.body())?) };
    Some((place, asked.await))
}

/// BuildKit came to engines with version 1.39 of their API.
fn has_buildkit(api_version: &str) -> bool {
    let numbers =
        api_version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    numbers.is_some_and(|version: (u32, u32)| version >= (1, 39))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buildkit_comes_with_the_api() {
        for (version, expected) in [("1.38", false), ("1.39", true), ("1.41", true), ("2.0", true), ("odd", false)] {
            assert_eq!(has_buildkit(version), expected, "{version}");
        }
    }
}
