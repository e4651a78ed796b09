//! The registry of the tests, and registries that refuse.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// `host:port` of the registry (`ACRE_TEST_REGISTRY`).
pub fn address() -> String {
    std::env::var("ACRE_TEST_REGISTRY").unwrap_or_else(|_| "127.0.0.1:5000".to_owned())
}

/// The image that steps run in: busybox for several platforms (`ACRE_TEST_BASE`).
pub fn base() -> String {
    std::env::var("ACRE_TEST_BASE").unwrap_or_else(|_| format!("{}/base:1", address()))
}

/// The digest that the registry gives for a tag or digest of a repository (OCI distribution specification, "Checking if
/// content exists"); `None`: it has none.
pub fn digest(repository: &str, reference: &str) -> Option<String> {
    let host = address();
    let mut stream =
        TcpStream::connect(&host).unwrap_or_else(|why| panic!("these tests need a registry at {host}: {why}"));
    let accept = [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ];
    let accept = accept.join(", ");
    write!(
        stream,
        "HEAD /v2/{repository}/manifests/{reference} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    )
    .expect("the registry takes a request");
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let headers =
        lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())));
    headers.filter(|(name, _)| name == "docker-content-digest").map(|(_, value)| value).next()
}

/// Starts a registry that answers every request with this status and body, for as long as the test runs; its address.
pub fn refusing(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // Who hangs up does not get an answer.
            thread::spawn(move || drop(refuse(client, status, body)));
        }
    });
    address
}

fn refuse(mut client: TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let head = BufReader::new(client.try_clone()?).lines().map_while(Result::ok);
    head.take_while(|line| !line.is_empty()).for_each(drop);
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nWWW-Authenticate: Basic realm=\"test\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// An address of this machine at which nobody listens.
pub fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").to_string()
}
