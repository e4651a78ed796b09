//! Whether a registry answers (OCI distribution specification, "Determining support": `GET /v2/`).

use super::{Check, engine::get};
use acre_model::{reference::Reference, text::clip};
use std::{io, time::Duration};
use tokio::net::TcpStream;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Connects; a registry on this machine, which is reached by plain http, is also asked for its API.
pub(super) async fn check(registry: &str) -> Check {
    let name = format!("registry {}", clip(registry));
    let named = format!("{registry}/x").parse::<Reference>();
    let Some(host) = named.ok().and_then(|named| named.registry().map(str::to_owned)) else {
        return Check::fail(&name, "is not a registry", "write HOST[:PORT], for example r.example:5000");
    };
    let plain = is_loopback(&host);
    let address = if has_port(&host) { host.clone() } else { format!("{host}:{}", if plain { 80 } else { 443 }) };
    let asked = tokio::time::timeout(LIMIT, ask(&address, &host, plain)).await;
    match asked.unwrap_or_else(|_| Err(io::Error::other("no answer within 5 seconds"))) {
        Ok(Some(200)) => Check::ok(&name, "answers"),
        Ok(Some(401)) => Check::ok(&name, "answers, and wants a login"),
        Ok(Some(status)) => {
            Check::fail(&name, format!("answers GET /v2/ with status {status}"), "see whether a registry listens there")
        }
        Ok(None) => Check::ok(&name, "takes connections (certificate and login are the agent's to try)"),
        Err(why) => Check::fail(&name, format!("{address}: {why}"), "see whether it runs, and its name and port"),
    }
}

async fn ask(address: &str, host: &str, plain: bool) -> io::Result<Option<u16>> {
    let stream = TcpStream::connect(address).await?;
    if plain { Ok(Some(get(stream, host, "/v2/").await?.status().as_u16())) } else { Ok(None) }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Engines reach registries on their own machine by plain http.
fn is_loopback(host: &str) -> bool {
    let name = if has_port(host) { host.rsplit_once(':').map_or(host, |(name, _)| name) } else { host };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// A server that answers one request with this status.
    async fn answered(status: &str) -> Check {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /v2/ HTTP/1.1\r\n"));
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        tokio::join!(check(&address), server).0
    }

    #[tokio::test]
    async fn a_registry_is_one_that_answers_as_one() {
        for (status, expected) in
            [("200 OK", Level::Ok), ("401 Unauthorized", Level::Ok), ("404 Not Found", Level::Fail)]
        {
            assert_eq!(answered(status).await.level, expected, "{status}");
        }
    }

    #[tokio::test]
    async fn what_does_not_answer_fails_with_its_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let check = check(&address).await;
        assert!(check.level == Level::Fail && check.found.contains(&address), "{check:?}");
    }
}
