//! Manifests of one repository: read, put, and their tags removed. What may pass is tried again.

use super::{Actions, Repository, Request, patience};
use crate::{
    engine::{EngineError, Logins},
    source::{error::Unfetched, web::Web},
};
use acre_model::{digest::Digest, reference::Reference, text::clip};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The largest manifest or configuration, in bytes (OCI distribution specification, "Pushing Manifests": registries take
/// at least so much).
const LIMIT: u64 = 4 << 20;

/// Media types of images of one platform.
const IMAGES: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest as a registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// As the registry tells it.
    pub(crate) media_type: String,
    /// Its text, which has the digest that was asked for.
    pub(crate) bytes: Vec<u8>,
}

/// What became of a tag that should go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It is gone.
    Gone,
    /// It had not been there.
    Absent,
    /// The registry does not do it, or not for this login.
    No(String),
}

/// Manifests of one repository.
pub(crate) struct Manifests<'a> {
    reference: &'a Reference,
    repository: Repository<'a>,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl<'a> Manifests<'a> {
    /// Those of the repository of a reference.
    pub(crate) async fn open(web: &'a Web, reference: &'a Reference, logins: &'a Logins) -> Result<Self, EngineError> {
        let repository = Repository::open(web, reference, logins, Actions::Push).await;
        Ok(Self { reference, repository: repository.map_err(|why| of_web(reference, why))? })
    }

    /// The manifest with a digest.
    pub(crate) async fn get(&mut self, digest: Digest) -> Result<Manifest, EngineError> {
        let answer = self.ask(&Request::get(&format!("manifests/{digest}"), IMAGES)).await?;
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let media_type = kind.split(';').next().unwrap_or_default().trim().to_owned();
        Ok(Manifest { media_type, bytes: self.checked(digest, answer.body)? })
    }

    /// The content with a digest: an image's configuration.
    pub(crate) async fn blob(&mut self, digest: Digest) -> Result<Vec<u8>, EngineError> {
        let answer = self.ask(&Request::get(&format!("blobs/{digest}"), "*/*")).await?;
        self.checked(digest, answer.body)
    }

    /// Puts a manifest under a digest or tag.
    pub(crate) async fn put(&mut self, name: &str, kind: &'static str, bytes: &[u8]) -> Result<(), EngineError> {
        self.ask(&Request::put(&format!("manifests/{name}"), kind, bytes)).await.map(drop)
    }

    /// Removes a tag, and nothing else.
    pub(crate) async fn remove_tag(&mut self, tag: &str) -> Result<Removed, EngineError> {
        let answer = self.once(&Request::delete(&format!("manifests/{tag}"))).await?;
        Ok(match answer.status {
            status if status.is_success() => Removed::Gone,
            StatusCode::NOT_FOUND => Removed::Absent,
            _ => Removed::No(told(&answer)),
        })
    }

    fn checked(&self, digest: Digest, bytes: Vec<u8>) -> Result<Vec<u8>, EngineError> {
        let found = Digest::from_bytes(Sha256::digest(&bytes).into());
        if found == digest { Ok(bytes) } else { Err(self.refused(format!("what it has as {digest} is {found}"))) }
    }

    /// Asks until the answer is one of success, or will not become one.
    async fn ask(&mut self, request: &Request<'_>) -> Result<Answer, EngineError> {
        for tried in 1.. {
            let (error, asked) = match self.once(request).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => (self.judged(&answer), retry_after(&answer.headers)),
                Err(error) => (error, None),
            };
            let Some(wait) = patience::wait(tried, asked, random()).filter(|_| error.may_pass()) else {
                return Err(error);
            };
            tracing::info!(reference = %self.reference, %error, ?wait, "asking the registry again");
            tokio::time::sleep(wait).await;
        }
        unreachable!("the last try returns")
    }

    async fn once(&mut self, request: &Request<'_>) -> Result<Answer, EngineError> {
        let response = self.repository.ask(request).await.map_err(|why| of_web(self.reference, why))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        let saved = self.repository.web.save(response, LIMIT, &mut body, |_| {}).await;
        saved.map_err(|why| of_web(self.reference, why))?;
        Ok(Answer { status, headers, body })
    }

    fn judged(&self, answer: &Answer) -> EngineError {
        let why = told(answer);
        if patience::may_pass(answer.status) { failed(self.reference, why) } else { self.refused(why) }
    }

    /// The registry says no, or has what it should not have.
    pub(crate) fn refused(&self, why: String) -> EngineError {
        refused(self.reference, why)
    }
}

fn of_web(reference: &Reference, why: Unfetched) -> EngineError {
    match why {
        Unfetched::Away(why) => failed(reference, why),
        why => refused(reference, why.to_string()),
    }
}

fn failed(reference: &Reference, why: String) -> EngineError {
    let (registry, repository) = (reference.registry_or_hub().to_owned(), reference.full_repository());
    EngineError::RegistryFailed { registry, repository, why }
}

fn refused(reference: &Reference, why: String) -> EngineError {
    let (registry, repository) = (reference.registry_or_hub().to_owned(), reference.full_repository());
    EngineError::RegistryRefused { registry, repository, why }
}

/// What an answer says: its status, and the first of its errors (OCI distribution specification, "Error Codes").
fn told(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        message: String,
    }
    let errors: Option<Errors> = serde_json::from_slice(&answer.body).ok();
    let first = errors.and_then(|errors| errors.errors.into_iter().next()).map(|error| error.message);
    match first.filter(|message| !message.is_empty()) {
        Some(message) => format!("{}: {}", answer.status, clip(&message)),
        None => answer.status.to_string(),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// Any number; should the system have none, waits are the shortest.
fn random() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
}
