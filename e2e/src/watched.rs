//! A way to the registry of the tests that remembers what was asked of it.

use crate::{engine, proxy::Request, registry};
use std::{
    io::{self, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// The first byte of a connection under TLS (RFC 8446 §5.1, a record of a handshake).
const TLS: u8 = 22;

/// A registry with a memory: an address of its own, behind which is the registry of the tests. When it is dropped, the
/// engine forgets the images that are named after it.
pub struct Watched {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    /// It works for as long as the test runs.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let remembered = asked.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let remembered = remembered.clone();
                thread::spawn(move || drop(serve(client, &remembered)));
            }
        });
        Self { address, asked }
    }

    /// Its `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How often a manifest was put under this tag or digest of a repository (OCI distribution specification, "Pushing
    /// Manifests").
    pub fn puts(&self, repository: &str, reference: &str) -> usize {
        let line = format!("PUT /v2/{repository}/manifests/{reference}");
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|asked| **asked == line).count()
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // A star of the engine's ends at a slash.
        engine::remove_images(&format!("{}/*/", self.address));
    }
}

fn serve(mut client: TcpStream, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut first = [0];
    client.peek(&mut first)?;
    if first == [TLS] {
        // Engines try TLS first. Only an answer in HTTP tells them at once that there is none.
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    }
    let Some(request) = Request::read(&mut client)? else { return Ok(()) };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.line().to_owned());
    request.pass(client, TcpStream::connect(registry::address())?)
}
