//! The registry of the tests, one with a login, and registries that refuse.

use crate::{
    program::{Output, Running},
    wait,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// How soon a registry answers once it has been started.
const READY: Duration = Duration::from_secs(20);

/// `host:port` of the registry (`ACRE_TEST_REGISTRY`).
pub fn address() -> String {
    std::env::var("ACRE_TEST_REGISTRY").unwrap_or_else(|_| "127.0.0.1:5000".to_owned())
}

/// The image that steps run in: busybox for several platforms (`ACRE_TEST_BASE`).
pub fn base() -> String {
    std::env::var("ACRE_TEST_BASE").unwrap_or_else(|_| format!("{}/base:1", address()))
}

/// What the names of a test's images begin with, in the registry of the tests: no other test has the same.
pub(crate) fn repository() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos();
    format!("{}/e2e-{:x}-{nanos:x}", address(), std::process::id())
}

/// Puts the names of a test in place of `{base}` (an image with a shell), `{repo}` (what names of images begin with) and
/// `{registry}`.
pub(crate) fn named(text: &str, repository: &str) -> String {
    text.replace("{base}", &base()).replace("{repo}", repository).replace("{registry}", &address())
}

/// The image that steps run in for one platform, by the digest of its manifest: to have it on the engine, the name of [`base`] need not
/// move there to another platform's, which would be seen by whoever else uses it (OCI image specification, "Image
/// Index").
pub fn base_for(os: &str, architecture: &str) -> String {
    let base = base();
    let (name, tag) = base.rsplit_once(':').expect("the base has a tag");
    let (host, repository) = name.split_once('/').expect("the base is in a registry");
    let mut stream = TcpStream::connect(host).unwrap_or_else(|why| panic!("these tests need a registry: {why}"));
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";
    let head = format!(
        "GET /v2/{repository}/manifests/{tag} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    let mut answer = String::new();
    let asked = stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    asked.expect("the registry answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a body");
    let index: Value = serde_json::from_str(body).unwrap_or_else(|why| panic!("{base} is no index: {why}: {body}"));
    let manifests = index["manifests"].as_array().into_iter().flatten();
    let mut found = manifests.filter(|manifest| {
        let platform = &manifest["platform"];
        platform["os"] == os && platform["architecture"] == architecture
    });
    let found = found.next().unwrap_or_else(|| panic!("{base} is not for {os}/{architecture}"));
    format!("{name}@{}", found["digest"].as_str().expect("a manifest has a digest"))
}

/// The digest that the registry gives for a tag or digest of a repository (OCI distribution specification, "Checking if
/// content exists"); `None`: it has none.
pub fn digest(repository: &str, reference: &str) -> Option<String> {
    let host = address();
    let mut stream =
        TcpStream::connect(&host).unwrap_or_else(|why| panic!("these tests need a registry at {host}: {why}"));
    let accept = MANIFESTS.join(", ");
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

/// What the registry of the tests has under a path of a repository: `manifests/…`, `blobs/…`, `tags/list`.
pub fn content(repository: &str, path: &str) -> Vec<u8> {
    let host = address();
    let mut stream =
        TcpStream::connect(&host).unwrap_or_else(|why| panic!("these tests need a registry at {host}: {why}"));
    write!(
        stream,
        "GET /v2/{repository}/{path} HTTP/1.0\r\nHost: {host}\r\nAccept: {}\r\nConnection: close\r\n\r\n",
        MANIFESTS.join(", ")
    )
    .expect("the registry takes a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the registry answers");
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("an answer has a head") + 4;
    assert!(answer.starts_with(b"HTTP/1.0 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    answer.split_off(head)
}

/// Media types of manifests.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Puts an artifact of one layer, a tar compressed with gzip, into the registry of the tests (OCI distribution
/// specification, "Push"; OCI image specification, "Guidelines for Artifact Usage").
pub fn put_artifact(repository: &str, tag: &str, layer: &[u8]) {
    let blob = |content: &[u8]| {
        let digest = sha256(content);
        let (_, headers) = request("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
        let place = headers.iter().find(|(name, _)| name == "location").expect("an upload has a place").1.clone();
        let place = place.split_once("/v2/").expect("it is in the registry").1.to_owned();
        let (status, _) = request("PUT", &format!("/v2/{place}&digest={digest}"), "application/octet-stream", content);
        assert_eq!(status, 201, "a blob is taken");
        (digest, content.len())
    };
    let descriptor = |kind: &str, (digest, size): (String, usize)| {
        format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{digest}\",\"size\":{size}}}")
    };
    let config = descriptor("application/vnd.oci.empty.v1+json", blob(b"{}"));
    let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob(layer));
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"artifactType\":\"application/vnd.example.source\",\"config\":{config},\"layers\":[{layer}]}}"
    );
    let (status, _) = request("PUT", &format!("/v2/{repository}/manifests/{tag}"), kind, manifest.as_bytes());
    assert_eq!(status, 201, "a manifest is taken");
}

/// One request to the registry of the tests: the status, and the headers with names in lower case.
fn request(method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Vec<(String, String)>) {
    let host = address();
    let mut stream =
        TcpStream::connect(&host).unwrap_or_else(|why| panic!("these tests need a registry at {host}: {why}"));
    let length = body.len();
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{kind}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("the registry takes a request");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("an answer has a status");
    let headers =
        lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())));
    (status, headers.collect())
}

/// The digest of some bytes, as OCI writes it.
pub fn sha256(content: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(content);
    format!("sha256:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// A registry of a test's own that wants a login. It ends when this is dropped.
pub struct Private {
    address: String,
    folder: TempDir,
    _server: Running,
}

impl Private {
    /// The user it knows.
    pub const USER: &str = "tester";
    /// The user's password.
    pub const PASSWORD: &str = "s3cret-pass";
    /// Both as a line of an htpasswd file; bcrypt is all that the registry takes.
    const LINE: &str = "tester:$2b$04$NY/lwp1Eau97TLYKXzlyo.1QiBg4IP5NBjt0tkROkTKomfxEvg48u\n";

    /// Starts one.
    pub fn new() -> Self {
        let (folder, address) = (tempfile::tempdir().expect("a temporary folder can be made"), closed());
        let place = folder.path().display();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: \"{place}/data\"}}}}\n\
             http: {{addr: \"{address}\"}}\nauth: {{htpasswd: {{realm: test, path: \"{place}/htpasswd\"}}}}\n"
        );
        let written = fs::write(folder.path().join("htpasswd"), Self::LINE);
        written
            .and_then(|()| fs::write(folder.path().join("config.yml"), configuration))
            .expect("files can be written");
        let program = std::env::var("ACRE_TEST_REGISTRY_PROGRAM").unwrap_or_else(|_| "docker-registry".to_owned());
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.path().join("config.yml"));
        let server = Running::start(command);
        wait::until("the private registry answers", READY, || TcpStream::connect(&address).ok());
        Self { address, folder, _server: server }
    }

    /// Its `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Puts an image of the engine into it, under a repository and tag.
    pub fn put(&self, image: &str, name: &str) {
        let target = format!("{}/{name}", self.address);
        self.docker(&["login", "--username", Self::USER, "--password-stdin", &self.address]).ended(0);
        crate::engine::docker(&["pull", "--quiet", image]).ended(0);
        crate::engine::docker(&["tag", image, &target]).ended(0);
        self.docker(&["push", "--quiet", &target]).ended(0);
        crate::engine::docker(&["image", "rm", &target]).ended(0);
    }

    /// The `docker` program with a configuration of the test's own, the password on its standard input.
    fn docker(&self, words: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(words).env("DOCKER_HOST", crate::engine::address());
        command.env("DOCKER_CONFIG", self.folder.path().join("docker"));
        Running::start_with(command, Self::PASSWORD).end()
    }
}

impl Default for Private {
    fn default() -> Self {
        Self::new()
    }
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

/// Starts a registry that takes every request and answers none, for as long as the test runs; its address.
pub fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        // They stay connected.
        let _clients: Vec<TcpStream> = listener.incoming().flatten().collect();
    });
    address
}

/// An address of this machine at which nobody listens.
pub fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").to_string()
}
