//! What is trusted, and what is shown.

use crate::Credentials;
use acre_model::joining::Token;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// HTTP/2 and nothing else (RFC 7301).
const ALPN: &[u8] = b"h2";

/// SHA-256 of a certificate in DER.
pub(crate) fn hash(certificate: &CertificateDer<'_>) -> [u8; Token::HASH] {
    Sha256::digest(certificate).into()
}

/// For a member of the farm: trusts the farm's CA alone, and shows the member's certificate.
pub(crate) fn of_member(credentials: &Credentials) -> Result<ClientConfig, Error> {
    let mut chain = credentials.chain.clone();
    let ca = chain.pop().ok_or(Error::NoCertificatesPresented)?;
    let mut roots = RootCertStore::empty();
    roots.add(ca)?;
    let key = PrivatePkcs8KeyDer::from(credentials.key.expose().to_vec());
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13, &TLS12])?;
    let config = builder.with_root_certificates(roots).with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key))?;
    Ok(finished(config))
}

/// For one who joins: trusts the server whose chain ends in the CA of this hash, and shows nothing.
pub(crate) fn of_joiner(ca: [u8; Token::HASH]) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13, &TLS12])?;
    let verifier = Arc::new(Pinned { ca, provider: provider() });
    Ok(finished(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

fn finished(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would keep showing a certificate that was renewed since.
    config.resumption = Resumption::disabled();
    config
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Trusts what a CA has signed that is known by its hash and comes with the server's chain.
#[derive(Debug)]
struct Pinned {
    ca: [u8; Token::HASH],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let ca = intermediates.iter().find(|certificate| hash(certificate) == self.ca);
        let ca = ca.ok_or(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone()).build();
        let verifier = verifier.map_err(|why| Error::General(why.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
