//! One connection to a farm, and what went wrong with it in a person's words.

use crate::FarmAddress;
use hyper_util::rt::TokioIo;
use rustls::{CertificateError, ClientConfig, Error as TlsError};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};

/// How long a farm may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often a silent connection is tried, and how long it may take to answer.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nobody is there.
    #[error("{address} is not reached: {why}")]
    Unreached {
        /// The farm.
        address: String,
        /// What the system says.
        why: String,
    },
    /// Somebody else is there than the token says.
    #[error(
        "the server at {address} is not the farm that the token is from: its certificate is not signed by the CA whose \
         hash is in the token; nothing was sent to it"
    )]
    NotTheTokens {
        /// The farm.
        address: String,
    },
    /// Somebody else is there than the farm that this machine has joined.
    #[error("the server at {address} is not the farm that was joined: its certificate is signed by another CA")]
    NotTheFarm {
        /// The farm.
        address: String,
    },
    /// The certificate is for other names.
    #[error(
        "the certificate of {address} is not for `{host}`; start its scheduler with --name {host}, or use another name"
    )]
    OtherName {
        /// The farm.
        address: String,
        /// What it was called.
        host: String,
    },
    /// There is no TLS.
    #[error("{address} does not speak TLS; a farm is not reached in plain text")]
    Plain {
        /// The farm.
        address: String,
    },
    /// Anything else of TLS.
    #[error("no safe connection to {address}: {why}")]
    Unsafe {
        /// The farm.
        address: String,
        /// What it is.
        why: String,
    },
}

/// Opens one connection.
pub(crate) async fn dial(address: &FarmAddress, config: ClientConfig) -> Result<TlsStream<TcpStream>, DialError> {
    let shown = address.to_string();
    let unreached = |why: String| DialError::Unreached { address: shown.clone(), why };
    let connect = TcpStream::connect((address.host(), address.port()));
    let stream = match tokio::time::timeout(CONNECT, connect).await {
        Ok(connected) => connected.map_err(|why| unreached(why.to_string()))?,
        Err(_) => return Err(unreached(format!("no answer within {} s", CONNECT.as_secs()))),
    };
    // Nagle's delay would add to every small message; that it cannot be switched off harms nobody.
    drop(stream.set_nodelay(true));
    let handshake = TlsConnector::from(Arc::new(config)).connect(address.server_name(), stream);
    match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(connected) => connected.map_err(|why| of_handshake(address, &why)),
        Err(_) => Err(unreached(format!("it has not agreed on keys within {} s", HANDSHAKE.as_secs()))),
    }
}

fn of_handshake(farm: &FarmAddress, error: &io::Error) -> DialError {
    let address = farm.to_string();
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    match tls {
        Some(TlsError::InvalidCertificate(why)) => match why {
            CertificateError::ApplicationVerificationFailure => DialError::NotTheTokens { address },
            CertificateError::UnknownIssuer | CertificateError::BadSignature => DialError::NotTheFarm { address },
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                DialError::OtherName { address, host: farm.host().to_owned() }
            }
            why => DialError::Unsafe { address, why: format!("its certificate is not good: {why}") },
        },
        Some(TlsError::InvalidMessage(_)) => DialError::Plain { address },
        Some(why) => DialError::Unsafe { address, why: why.to_string() },
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            DialError::Unsafe { address, why: "it hung up".to_owned() }
        }
        None => DialError::Unreached { address, why: error.to_string() },
    }
}

/// A channel that opens its connections so, when they are needed, again and again.
pub(crate) fn channel(
    address: FarmAddress,
    config: impl Fn() -> Result<ClientConfig, TlsError> + Clone + Send + Sync + 'static,
) -> Channel {
    endpoint().connect_with_connector_lazy(tower::service_fn(move |_: Uri| dialled(address.clone(), config())))
}

/// The same, with a first connection opened now.
pub(crate) async fn connect(
    address: FarmAddress,
    config: impl Fn() -> Result<ClientConfig, TlsError> + Clone + Send + Sync + 'static,
) -> Result<Channel, tonic::transport::Error> {
    let connector = tower::service_fn(move |_: Uri| dialled(address.clone(), config()));
    endpoint().connect_with_connector(connector).await
}

async fn dialled(
    address: FarmAddress,
    config: Result<ClientConfig, TlsError>,
) -> Result<TokioIo<TlsStream<TcpStream>>, DialError> {
    let unusable = |why: TlsError| DialError::Unsafe { address: address.to_string(), why: why.to_string() };
    dial(&address, config.map_err(unusable)?).await.map(TokioIo::new)
}

/// A channel over this one connection, which is not opened again.
pub(crate) async fn over(stream: TlsStream<TcpStream>) -> Result<Channel, tonic::transport::Error> {
    let stream = Arc::new(Mutex::new(Some(stream)));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { stream.map(TokioIo::new).ok_or_else(|| io::Error::other("the connection is over")) }
    });
    endpoint().connect_with_connector(connector).await
}

/// The URI is never resolved; HTTP/2 wants one for its `:authority`.
fn endpoint() -> Endpoint {
    Endpoint::from_static("http://farm.invalid")
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1)
        .keep_alive_while_idle(true)
}
