//! Which call a request is (Docker Engine API), whatever version it names.

use crate::{
    Engine, SIMULATED,
    answer::{Answer, Asked, bad, broken, empty, not_found, ok},
    build,
    events::Filters,
    images::{self, Query},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, UPGRADE},
};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;

pub(crate) async fn answer(engine: Arc<Engine>, request: Request<Incoming>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = call(engine, request).await.unwrap_or_else(Answer::from);
    tracing::info!("{method} {path}: {}", answer.status().as_u16());
    answer
}

/// The path without the version of the API.
fn unversioned(path: &str) -> &str {
    let is_version =
        |name: &str| name.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match path[1..].split_once('/') {
        Some((version, _)) if is_version(version) => &path[version.len() + 1..],
        _ => path,
    }
}

async fn call(engine: Arc<Engine>, mut request: Request<Incoming>) -> Asked<Answer> {
    let path = decoded(unversioned(request.uri().path()));
    let query = query(request.uri().query().unwrap_or_default());
    let filters: Filters = query.get("filters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (method, headers) = (request.method().clone(), request.headers().clone());
    match (&method, &parts[..]) {
        (&Method::GET | &Method::HEAD, ["_ping"]) => Ok(ok(&Value::from("OK"))),
        (&Method::GET, ["version"]) => Ok(ok(&engine.version())),
        (&Method::GET, ["info"]) => Ok(ok(&engine.info())),
        (&Method::GET, ["events"]) => Ok(engine.events.listen(filters)),
        (&Method::POST, ["build"]) => {
            let logins = header(&headers, "x-registry-config");
            let context = body(request).await?;
            build::build(engine, build::Request { query, logins, context })
        }
        (_, ["images", rest @ ..]) => {
            of_images(engine, &method, rest, &query, &filters, header(&headers, "x-registry-auth"))
        }
        (&Method::POST, ["containers", id, "attach"]) => attach(&engine, id, &mut request),
        (_, ["containers", rest @ ..]) => of_containers(&engine, &method, rest, &query, &filters, request).await,
        (_, ["networks", rest @ ..]) => of_networks(&engine, &method, rest, &filters, request).await,
        (_, ["volumes", rest @ ..]) => of_volumes(&engine, &method, rest, &filters, request).await,
        _ => Err(unknown(&method, &path)),
    }
}

fn unknown(method: &Method, path: &str) -> crate::answer::Refusal {
    not_found(format!("{SIMULATED}: {method} {path} is not simulated"))
}

fn of_images(
    engine: Arc<Engine>,
    method: &Method,
    parts: &[&str],
    query: &Query,
    filters: &Filters,
    login: Option<String>,
) -> Asked<Answer> {
    match (method, parts) {
        (&Method::GET, ["json"]) => Ok(ok(&engine.store.list(filters))),
        (&Method::POST, ["create"]) => images::create(engine, query, login),
        (&Method::GET, [name @ .., "json"]) => Ok(ok(&engine.store.inspect(&name.join("/"))?)),
        (&Method::POST, [name @ .., "tag"]) => images::tag(&engine, &name.join("/"), query),
        (&Method::POST, [name @ .., "push"]) => images::push(engine, &name.join("/"), query, login),
        (&Method::DELETE, name) => Ok(ok(&engine.store.remove(&name.join("/"))?)),
        _ => Err(unknown(method, &parts.join("/"))),
    }
}

async fn of_containers(
    engine: &Engine,
    method: &Method,
    parts: &[&str],
    query: &Query,
    filters: &Filters,
    request: Request<Incoming>,
) -> Asked<Answer> {
    let containers = &engine.containers;
    match (method, parts) {
        (&Method::GET, ["json"]) => Ok(ok(&containers.list(filters))),
        (&Method::POST, ["create"]) => engine.create_container(query, &json_of(request).await?),
        (&Method::POST, [id, "start"]) => engine.start_container(id),
        (&Method::POST, [id, "wait"]) => containers.wait(id, query).await,
        (&Method::POST, [id, "stop" | "kill"]) => containers.stop(id),
        (&Method::GET, [id, "logs"]) => containers.logs(id, query),
        (&Method::DELETE, [id]) => containers.remove(id),
        _ => Err(unknown(method, &parts.join("/"))),
    }
}

async fn of_networks(
    engine: &Engine,
    method: &Method,
    parts: &[&str],
    filters: &Filters,
    request: Request<Incoming>,
) -> Asked<Answer> {
    match (method, parts) {
        (&Method::GET, [] | [""]) => Ok(ok(&engine.networks.list(filters))),
        (&Method::POST, ["create"]) => {
            Ok(crate::answer::with(StatusCode::CREATED, &engine.networks.create(&json_of(request).await?)?))
        }
        (&Method::GET, [id]) => Ok(ok(&engine.networks.inspect(id)?)),
        (&Method::DELETE, [id]) => engine.networks.remove(id).map(|()| empty(StatusCode::NO_CONTENT)),
        _ => Err(unknown(method, &parts.join("/"))),
    }
}

async fn of_volumes(
    engine: &Engine,
    method: &Method,
    parts: &[&str],
    filters: &Filters,
    request: Request<Incoming>,
) -> Asked<Answer> {
    match (method, parts) {
        (&Method::GET, [] | [""]) => Ok(ok(&engine.volumes.list(filters))),
        (&Method::POST, ["create"]) => {
            Ok(crate::answer::with(StatusCode::CREATED, &engine.volumes.create(&json_of(request).await?)?))
        }
        (&Method::GET, [name]) => Ok(ok(&engine.volumes.inspect(name)?)),
        (&Method::DELETE, [name]) => engine.volumes.remove(name).map(|()| empty(StatusCode::NO_CONTENT)),
        _ => Err(unknown(method, &parts.join("/"))),
    }
}

/// `POST /containers/{id}/attach`: the connection becomes one of frames.
fn attach(engine: &Engine, id: &str, request: &mut Request<Incoming>) -> Asked<Answer> {
    let mut said = engine.containers.output(id, true)?;
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let mut stream = TokioIo::new(upgraded);
        while let Some(frame) = said.recv().await {
            drop(stream.write_all(&frame).await);
        }
        drop(stream.shutdown().await);
    });
    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.docker.multiplexed-stream"));
    Ok(answer)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn body(request: Request<Incoming>) -> Asked<Bytes> {
    request.into_body().collect().await.map(|body| body.to_bytes()).map_err(broken)
}

async fn json_of(request: Request<Incoming>) -> Asked<Value> {
    serde_json::from_slice(&body(request).await?).map_err(|why| bad(why.to_string()))
}

/// `a=b&c=d`, decoded.
fn query(text: &str) -> Query {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (key.to_owned(), decoded(&value.replace('+', " "))))
        .collect()
}

/// `%41` is `A` (RFC 3986, "Percent-Encoding").
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = || u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok();
        match (bytes[at], code()) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        assert_eq!(unversioned("/v1.45/images/json"), "/images/json");
        assert_eq!(unversioned("/volumes/create"), "/volumes/create");
        let found = query("t=h%3A1%2Fa%3A2&labels=%7B%22a%22%3A%22b+c%22%7D&x");
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, [("labels", "{\"a\":\"b c\"}"), ("t", "h:1/a:2"), ("x", "")]);
    }
}
