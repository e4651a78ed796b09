//! Joining and renewing: a fresh key, a request for a certificate, the farm's answer.

use crate::{Credentials, CredentialsError, DialError, FarmAddress, dial, tls};
use acre_model::{
    joining::{BadToken, Identity, Joiner, Token},
    secret::SecretValue,
    time::Timestamp,
};
use acre_proto::v1::{self, join_request, joining_client::JoiningClient};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls_pki_types::CertificateDer;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};
use tonic::{Code, Request, Status, transport::Channel};

/// How long the farm may take to sign.
const ANSWER: Duration = Duration::from_secs(20);
/// Certificates of a chain, at most.
const CHAIN: usize = 8;

/// Why a machine did not become a member, or did not stay one.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The token's text.
    #[error("{from}: {why}")]
    Token {
        /// The file, or `standard input`.
        from: String,
        /// What is wrong with it.
        why: BadToken,
    },
    /// The token's file.
    #[error("{from}: {why}")]
    TokenFile {
        /// The file, or `standard input`.
        from: String,
        /// What the system says.
        why: io::Error,
    },
    /// No connection, or none that is safe.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The farm says no.
    #[error("the farm at {address} does not admit this machine: {why}")]
    Refused {
        /// The farm.
        address: String,
        /// Its words.
        why: String,
    },
    /// The farm does not answer, or fails.
    #[error("the farm at {address} does not answer: {why}")]
    Silent {
        /// The farm.
        address: String,
        /// What is known.
        why: String,
    },
    /// Its answer makes no sense.
    #[error("the farm at {address} answered nonsense: {why}")]
    Nonsense {
        /// The farm.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Key(String),
    /// The file of the credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// The token in a file, or on standard input where the path is `-`. It is never taken from a command line, which others
/// can read.
pub fn read_token(path: &Path) -> Result<Token, JoinError> {
    let is_stdin = path == Path::new("-");
    let from = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let mut text = zeroize::Zeroizing::new(String::new());
    let limit = Token::LONGEST as u64 + 1;
    let read = match is_stdin {
        true => io::stdin().lock().take(limit).read_to_string(&mut text),
        false => File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text)),
    };
    match read {
        Ok(_) => text.parse().map_err(|why| JoinError::Token { from, why }),
        Err(why) if why.kind() == io::ErrorKind::InvalidData => Err(JoinError::Token { from, why: BadToken }),
        Err(why) => Err(JoinError::TokenFile { from, why }),
    }
}

/// Becomes a member: the server proves to be the token's farm first, then the token is used up.
pub(crate) async fn join(
    farm: &FarmAddress,
    token: &Token,
    joiner: Joiner,
    now: impl Fn() -> Timestamp,
) -> Result<Credentials, JoinError> {
    let said = Said { farm };
    let config = tls::of_joiner(token.ca).map_err(|why| said.nonsense(why))?;
    let channel = dial::over(dial::dial(farm, config).await?).await.map_err(|why| said.silent(&why))?;
    let (key, signing_request) = fresh_key()?;
    let request = v1::JoinRequest {
        token: token.id.to_vec(),
        secret: token.secret.expose().to_vec(),
        signing_request,
        joiner: Some(match joiner {
            Joiner::Agent(id) => join_request::Joiner::Agent(id.to_string()),
            Joiner::Person(name) => join_request::Joiner::Person(name.to_string()),
        }),
    };
    let answer = JoiningClient::new(channel).join(limited(request)).await.map_err(|status| said.status(&status))?;
    let v1::JoinResponse { certificate, identity } = answer.into_inner();
    let identity: Identity = identity.parse().map_err(|why| said.nonsense(why))?;
    let credentials = said.credentials(identity, key, certificate, now())?;
    match credentials.chain.last() {
        Some(ca) if tls::hash(ca) == token.ca => Ok(credentials),
        _ => Err(said.nonsense("the chain does not end in the CA that the token names")),
    }
}

/// A fresh key and certificate for a member.
pub(crate) async fn renew(channel: Channel, old: &Credentials, now: Timestamp) -> Result<Credentials, JoinError> {
    let said = Said { farm: &old.farm };
    let (key, signing_request) = fresh_key()?;
    let request = limited(v1::RenewRequest { signing_request });
    let answer = JoiningClient::new(channel).renew(request).await.map_err(|status| said.status(&status))?;
    let credentials = said.credentials(old.identity.clone(), key, answer.into_inner().certificate, now)?;
    if credentials.chain.last() != old.chain.last() {
        return Err(said.nonsense("the chain ends in another CA than before"));
    }
    Ok(credentials)
}

fn limited<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER);
    request
}

/// A key (ECDSA on P-256), and the request for its certificate, which names nobody: the farm knows for whom it is.
fn fresh_key() -> Result<(SecretValue, Vec<u8>), JoinError> {
    let failed = |why: rcgen::Error| JoinError::Key(why.to_string());
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(failed)?;
    Ok((SecretValue::new(key.serialize_der()), request.der().to_vec()))
}

/// What a farm said.
struct Said<'a> {
    farm: &'a FarmAddress,
}

impl Said<'_> {
    fn credentials(
        &self,
        identity: Identity,
        key: SecretValue,
        certificate: Option<v1::Certificate>,
        now: Timestamp,
    ) -> Result<Credentials, JoinError> {
        let v1::Certificate { chain, lifetime_ms } = certificate.unwrap_or_default();
        if !(2..=CHAIN).contains(&chain.len()) {
            return Err(self.nonsense(format!("a chain of {} certificates", chain.len())));
        }
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let credentials = Credentials::new(self.farm.clone(), identity, key, chain, (now, lifetime_ms));
        // Whether certificate and key belong together.
        tls::of_member(&credentials).map_err(|why| self.nonsense(why))?;
        Ok(credentials)
    }

    fn nonsense(&self, why: impl ToString) -> JoinError {
        JoinError::Nonsense { address: self.farm.to_string(), why: why.to_string() }
    }

    fn silent(&self, error: &(dyn std::error::Error + 'static)) -> JoinError {
        JoinError::Silent { address: self.farm.to_string(), why: deepest(error) }
    }

    fn status(&self, status: &Status) -> JoinError {
        use std::error::Error as _;
        // A status with a source was not sent by the farm: the connection broke.
        if let Some(source) = status.source() {
            return self.silent(source);
        }
        let (address, why) = (self.farm.to_string(), status.message().to_owned());
        match status.code() {
            Code::PermissionDenied
            | Code::Unauthenticated
            | Code::AlreadyExists
            | Code::InvalidArgument
            | Code::FailedPrecondition => JoinError::Refused { address, why },
            Code::Unimplemented => {
                JoinError::Refused { address, why: "it is too old for joining over the network".to_owned() }
            }
            _ => JoinError::Silent { address, why },
        }
    }
}

/// The text of the last cause, which is the one that a person can do something about.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
