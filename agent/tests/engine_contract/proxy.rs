//! Proxies that stand for what goes wrong between an agent and its engine or registry.

use data_encoding::BASE64;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

/// A way to an engine that can be cut, as if the engine had stopped.
pub(crate) struct Cuttable {
    folder: TempDir,
    serving: AbortOnDropHandle<()>,
}

impl Cuttable {
    /// A way to the engine at `host` (`unix://…`).
    pub(crate) fn to(host: &str) -> Self {
        let engine = PathBuf::from(host.strip_prefix("unix://").expect("DOCKER_HOST is a socket"));
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let serving = tokio::spawn(async move {
            // Dropped with this task, and all connections with it.
            let mut connections = JoinSet::new();
            while let Ok((mut ours, _)) = listener.accept().await {
                let engine = engine.clone();
                connections.spawn(async move {
                    let mut theirs = UnixStream::connect(engine).await.unwrap();
                    copy_bidirectional(&mut ours, &mut theirs).await.ok();
                });
            }
        });
        Self { folder, serving: AbortOnDropHandle::new(serving) }
    }

    /// Where it begins.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}/s", self.folder.path().display())
    }

    /// Cuts all connections, and takes no more.
    pub(crate) async fn cut(self) {
        self.serving.abort();
        self.serving.await.ok();
    }
}

/// A registry that asks for a login in front of one that does not.
pub(crate) struct Guarded {
    pub(crate) address: String,
    _serving: AbortOnDropHandle<()>,
}

impl Guarded {
    pub(crate) async fn before(registry: &str, username: &str, secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (registry, login) = (registry.to_owned(), BASE64.encode(format!("{username}:{secret}").as_bytes()));
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(guard(socket, registry.clone(), format!("Authorization: Basic {login}\r\n")));
            }
        });
        Self { address, _serving: AbortOnDropHandle::new(serving) }
    }
}

/// A connection whose first request has the login is let through, with all that follow on it.
async fn guard(mut client: TcpStream, registry: String, wanted: String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            // Engines try TLS first. Only an answer in HTTP tells them at once that there is none.
            Ok(0x16) if head.is_empty() => {
                client.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await.ok();
                return;
            }
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    if String::from_utf8_lossy(&head).contains(&wanted) {
        let mut server = TcpStream::connect(registry).await.unwrap();
        server.write_all(&head).await.unwrap();
        copy_bidirectional(&mut client, &mut server).await.ok();
    } else {
        let answer = "HTTP/1.1 401 Unauthorized\r\nWww-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n\
                      Connection: close\r\n\r\n";
        client.write_all(answer.as_bytes()).await.ok();
    }
}
