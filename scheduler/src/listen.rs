//! Where the farm is asked: a Unix socket of its owner, and the network under TLS. Each connection knows who is at its
//! other end.

use crate::{
    ca::{Authority, CaError, SERVER_MS},
    caller::{self, Caller},
    parts::Clock,
};
use futures::{
    FutureExt, Stream, StreamExt,
    future::{self, BoxFuture, MaybeDone, maybe_done},
    stream::BoxStream,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::server::Connected;

/// How long somebody may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Who may do so at one time; others wait to be let in.
const HANDSHAKES: usize = 256;
/// Wait after the system gave no connection (too many open files, say).
const REST: Duration = Duration::from_millis(100);

/// Connections as they come in.
pub type Incoming = BoxStream<'static, io::Result<Connection>>;

/// A connection to somebody.
pub struct Connection {
    stream: Wire,
    caller: Caller,
    /// Resolves when the caller's certificate has run out: it must come again, with a new one.
    until: MaybeDone<BoxFuture<'static, ()>>,
}

enum Wire {
    Here(UnixStream),
    Network(Box<TlsStream<TcpStream>>),
}

/// Connections of the farm's owner.
pub fn here(listener: UnixListener) -> Incoming {
    let forever = || maybe_done(future::pending().boxed());
    let connected = move |stream| Connection { stream: Wire::Here(stream), caller: Caller::Here, until: forever() };
    UnixListenerStream::new(listener).map(move |stream| stream.map(connected)).boxed()
}

/// Connections over the network: under TLS, or not at all. Certificates of callers are checked where there are any;
/// what is asked without one is refused by `api::access`. Each connection is opened by the configuration of that moment.
pub fn network(listener: TcpListener, config: watch::Receiver<Arc<ServerConfig>>, clock: Arc<dyn Clock>) -> Incoming {
    let secured = move |accepted: io::Result<TcpStream>| {
        let (acceptor, clock) = (TlsAcceptor::from(config.borrow().clone()), clock.clone());
        async move {
            match accepted {
                Ok(stream) => secure(stream, acceptor, clock.as_ref()).await,
                Err(why) => {
                    tracing::warn!(%why, "no connection accepted");
                    tokio::time::sleep(REST).await;
                    None
                }
            }
        }
    };
    let connections = TcpListenerStream::new(listener).map(secured).buffer_unordered(HANDSHAKES);
    connections.filter_map(|connection| future::ready(connection.map(Ok))).boxed()
}

/// All of them.
pub fn all(incoming: Vec<Incoming>) -> impl Stream<Item = io::Result<Connection>> + Send {
    futures::stream::select_all(incoming)
}

async fn secure(stream: TcpStream, acceptor: TlsAcceptor, clock: &dyn Clock) -> Option<Connection> {
    let from = stream.peer_addr().map_or_else(|_| "nowhere".to_owned(), |address| address.to_string());
    drop(stream.set_nodelay(true));
    let refused = |why: String| tracing::info!(from, why, "connection refused");
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(why)) => {
            refused(why.to_string());
            return None;
        }
        Err(_) => {
            refused(format!("no keys agreed on within {} s", HANDSHAKE.as_secs()));
            return None;
        }
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let (caller, until) = match certificate.map(caller::of_certificate) {
        None => (Caller::Nobody, future::pending().boxed()),
        Some(Ok((identity, until))) => {
            let now = clock.now();
            let left = until.millis_since(now.wall);
            (Caller::Member(identity), clock.sleep_until(now.mono.plus_millis(left)))
        }
        Some(Err(why)) => {
            refused(format!("its certificate: {why}"));
            return None;
        }
    };
    Some(Connection { stream: Wire::Network(Box::new(stream)), caller, until: maybe_done(until) })
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.until.poll_unpin(context).is_ready() {
            let why = io::Error::new(io::ErrorKind::TimedOut, "the caller's certificate has run out");
            return Poll::Ready(Err(why));
        }
        match &mut self.stream {
            Wire::Here(stream) => Pin::new(stream).poll_read(context, into),
            Wire::Network(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Wire::Here(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Network(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Wire::Here(stream) => Pin::new(stream).poll_flush(context),
            Wire::Network(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Wire::Here(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Network(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// How the farm speaks TLS: by a certificate for these names, to callers whose certificates are of its CA, or who have
/// none.
pub fn tls(authority: Arc<Authority>, names: Vec<String>, clock: Arc<dyn Clock>) -> Result<ServerConfig, CaError> {
    let failed = |why: String| CaError::Signing(why);
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate()).map_err(|why| failed(why.to_string()))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = verifier.allow_unauthenticated().build().map_err(|why| failed(why.to_string()))?;
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.map_err(|why| failed(why.to_string()))?.with_client_cert_verifier(verifier);
    let mut config = builder.with_cert_resolver(Arc::new(OwnCertificate::new(authority, names, clock)?));
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would not have its caller's certificate checked again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The server's certificate, made anew when half of its life is over.
struct OwnCertificate {
    authority: Arc<Authority>,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    /// The certificate, and when its time is over, on the monotonic clock.
    current: Mutex<(Arc<CertifiedKey>, u64)>,
}

impl OwnCertificate {
    fn new(authority: Arc<Authority>, names: Vec<String>, clock: Arc<dyn Clock>) -> Result<Self, CaError> {
        let now = clock.now();
        let first = Arc::new(authority.server(&names, now.wall)?);
        let current = Mutex::new((first, now.mono.0 + SERVER_MS / 2));
        Ok(Self { authority, names, clock, current })
    }

    fn of_now(&self) -> Arc<CertifiedKey> {
        let now = self.clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.mono.0 >= current.1 {
            match self.authority.server(&self.names, now.wall) {
                Ok(renewed) => *current = (Arc::new(renewed), now.mono.0 + SERVER_MS / 2),
                // The old one is good for as long again.
                Err(why) => tracing::error!(%why, "the server's certificate was not renewed"),
            }
        }
        current.0.clone()
    }
}

impl fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCertificate").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.of_now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::{Mono, Now};
    use acre_model::time::Timestamp;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::io::AsyncReadExt;

    /// A clock that a test sets.
    struct Set(AtomicU64);

    impl Clock for Set {
        fn now(&self) -> Now {
            let millis = self.0.load(Ordering::Relaxed);
            Now { wall: Timestamp::from_millis(1_800_000_000_000 + millis), mono: Mono(millis) }
        }

        fn sleep_until(&self, _: Mono) -> BoxFuture<'static, ()> {
            future::pending().boxed()
        }
    }

    #[test]
    fn the_servers_certificate_is_made_anew_at_half_its_life() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Set(AtomicU64::new(0)));
        let authority = Arc::new(Authority::init(folder.path(), clock.as_ref()).unwrap());
        let own = OwnCertificate::new(authority, vec!["farm.example".to_owned()], clock.clone()).unwrap();
        let leaf = || own.of_now().cert[0].clone();
        let first = leaf();
        clock.0.store(SERVER_MS / 2 - 1, Ordering::Relaxed);
        assert_eq!(leaf(), first);
        clock.0.store(SERVER_MS / 2, Ordering::Relaxed);
        let second = leaf();
        assert_ne!(second, first);
        assert_eq!(leaf(), second);
    }

    #[tokio::test]
    async fn a_connection_ends_with_its_callers_certificate() {
        let (stream, mut other) = UnixStream::pair().unwrap();
        let (end, until) = tokio::sync::oneshot::channel::<()>();
        let until = maybe_done(until.map(drop).boxed());
        let mut connection = Connection { stream: Wire::Here(stream), caller: Caller::Nobody, until };
        tokio::io::AsyncWriteExt::write_all(&mut other, b"x").await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'x');
        end.send(()).unwrap();
        let error = connection.read_u8().await.unwrap_err();
        assert!(error.to_string().contains("certificate has run out"), "{error}");
    }
}
