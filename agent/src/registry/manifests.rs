//! Manifests of one repository: read, put, and their tags removed. What may pass is tried again.

use super::answers::{self, failed, refused};
use crate::engine::{EngineError, Logins};
use acre_model::{digest::Digest, reference::Reference};
use acre_web::{
    Unfetched, Web,
    registry::{
        Actions, Repository, Request,
        patience::{self, random, retry_after},
    },
};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
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
#[derive(Clone)]
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
        Self::open_for(web, reference, logins, Actions::Push).await
    }

    /// The same, only to read.
    pub(crate) async fn read(web: &'a Web, reference: &'a Reference, logins: &'a Logins) -> Result<Self, EngineError> {
        Self::open_for(web, reference, logins, Actions::Pull).await
    }

    async fn open_for(
        web: &'a Web,
        reference: &'a Reference,
        logins: &'a Logins,
        actions: Actions,
    ) -> Result<Self, EngineError> {
        let repository = Repository::open(web, reference, logins, actions).await;
        Ok(Self { reference, repository: repository.map_err(|why| of_web(reference, why))? })
    }

    /// What stands under a tag.
    pub(crate) async fn tagged(&mut self, tag: &str) -> Result<Vec<u8>, EngineError> {
        self.ask(&Request::get(&format!("manifests/{tag}"), IMAGES)).await.map(|answer| answer.body)
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
        let path = format!("manifests/{tag}");
        // Registries that do not remove tags say so of tags that are not there, too.
        if self.once(&Request::get(&path, IMAGES)).await?.status == StatusCode::NOT_FOUND {
            return Ok(Removed::Absent);
        }
        let answer = self.once(&Request::delete(&path)).await?;
        Ok(match answer.status {
            status if status.is_success() => Removed::Gone,
            StatusCode::NOT_FOUND => Removed::Absent,
            // What they say besides is about what they do not do.
            status => Removed::No(status.to_string()),
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
                Ok(answer) => {
                    (answers::judged(self.reference, answer.status, &answer.body), retry_after(&answer.headers))
                }
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
        let saved = self.repository.web().save(response, LIMIT, &mut body, |_| {}).await;
        saved.map_err(|why| of_web(self.reference, why))?;
        Ok(Answer { status, headers, body })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Login;
    use acre_web::served::{Served, response};
    use std::sync::atomic::{AtomicUsize, Ordering};

    const KIND: &str = "application/vnd.oci.image.index.v1+json";

    /// What a registry answers, one after the other; its last answer for good.
    type Answers = &'static [(&'static str, &'static str, &'static str)];

    async fn served(answers: Answers) -> Served {
        let asked = AtomicUsize::new(0);
        Served::answering(move |_, own| {
            let number = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            let (status, headers, body) = answers[number];
            response(status, &headers.replace("ADDRESS", own), body.as_bytes())
        })
        .await
    }

    fn logins(served: &Served) -> Logins {
        let login = Login { username: "me".to_owned(), secret: "secret".to_owned() };
        [(served.address.clone(), login)].into_iter().collect()
    }

    async fn put(answers: Answers) -> (Result<(), EngineError>, String) {
        let served = served(answers).await;
        let (web, logins) = (Web::default(), logins(&served));
        let reference: Reference = format!("{}/a/b:1", served.address).parse().unwrap();
        let mut manifests = Manifests::open(&web, &reference, &logins).await.unwrap();
        let done = manifests.put("1", KIND, b"{}").await;
        (done, served.heard())
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_what_is_final_is_told() {
        const DENIED: &str = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#;
        let table: [(Answers, usize, &str); 6] = [
            (&[("201 Created", "", "")], 1, ""),
            (&[("500 Internal Server Error", "", ""), ("201 Created", "", "")], 2, ""),
            (&[("429 Too Many Requests", "Retry-After: 0\r\n", ""), ("201 Created", "", "")], 2, ""),
            (&[("503 Service Unavailable", "", "")], 3, "failed for a/b: 503 Service Unavailable"),
            (&[("403 Forbidden", "", DENIED)], 1, "refuses a/b: 403 Forbidden: not yours"),
            (&[("404 Not Found", "", "")], 1, "refuses a/b: 404 Not Found"),
        ];
        for (answers, requests, expected) in table {
            let (done, heard) = put(answers).await;
            let said = done.err().map(|why| why.to_string()).unwrap_or_default();
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{answers:?}: {said}");
            assert_eq!(heard.matches("PUT /v2/a/b/manifests/1 ").count(), requests, "{answers:?}: {heard}");
        }
    }

    #[tokio::test]
    async fn a_token_is_asked_for_what_is_done() {
        let (done, heard) = put(&[
            ("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"http://ADDRESS/token\",service=\"s\"\r\n", ""),
            ("200 OK", "", r#"{"token":"t0k"}"#),
            ("201 Created", "", ""),
        ])
        .await;
        done.unwrap();
        assert!(heard.contains("GET /token?scope=repository%3Aa%2Fb%3Apull%2Cpush&service=s "), "{heard}");
        assert!(heard.contains("authorization: Bearer t0k"), "{heard}");
        let (refused, heard) = put(&[("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "")]).await;
        let why = refused.unwrap_err().to_string();
        assert!(why.contains("refuses a/b: 401 Unauthorized") && !why.contains("secret"), "{why}");
        assert_eq!(heard.matches("PUT ").count(), 2, "it is asked once more, with the login: {heard}");
    }

    #[tokio::test]
    async fn content_has_its_digest_and_tags_go_where_they_may() {
        let digest = |bytes: &[u8]| Digest::from_bytes(Sha256::digest(bytes).into());
        let served = served(&[
            ("200 OK", "Content-Type: application/vnd.oci.image.manifest.v1+json; charset=utf-8\r\n", "{}"),
            ("200 OK", "", "{}"),
            ("200 OK", "", "{}"),
            ("202 Accepted", "", ""),
            ("404 Not Found", "", ""),
            ("200 OK", "", "{}"),
            ("405 Method Not Allowed", "", ""),
        ])
        .await;
        let (web, logins) = (Web::default(), logins(&served));
        let reference: Reference = format!("{}/a/b:1", served.address).parse().unwrap();
        let mut manifests = Manifests::open(&web, &reference, &logins).await.unwrap();
        let manifest = manifests.get(digest(b"{}")).await.unwrap();
        assert_eq!(manifest.media_type, "application/vnd.oci.image.manifest.v1+json");
        let why = manifests.blob(digest(b"other")).await.unwrap_err().to_string();
        assert!(why.contains(&format!("what it has as {} is {}", digest(b"other"), digest(b"{}"))), "{why}");
        let gone = [Removed::Gone, Removed::Absent, Removed::No("405 Method Not Allowed".to_owned())];
        for expected in gone {
            assert_eq!(manifests.remove_tag("t").await.unwrap(), expected);
        }
    }
}
