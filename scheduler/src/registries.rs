//! What registries say that images stand for (OCI distribution specification, "Pulling manifests").

use crate::{
    blobs::digest_of,
    graph::Content,
    secrets::{Secrets, SecretsError},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, TaskName},
    platform::Platform,
    reference::{DOCKER_HUB, Reference},
};
use acre_web::{
    Unfetched, Web,
    registry::{
        Actions, Login, Logins, Repository, Request,
        patience::{may_pass, retry_after},
    },
};
use http::{
    HeaderMap, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// The largest manifest, in bytes (registries take at least so much).
const LARGEST: u64 = 4 << 20;
/// How long questions that decide about a run may take together; runs do not wait for a registry that is slow.
const PATIENCE: Duration = Duration::from_secs(5);
/// What says the digest in an answer without a body.
const DIGEST: &str = "docker-content-digest";
const KINDS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// What is asked of a registry, if it is answered before a run has waited too long for it.
pub async fn in_time<T>(asked: impl Future<Output = Result<T, Unanswered>>) -> Result<T, Unanswered> {
    let late = |_| of_image(format!("its registry does not answer in {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
}

/// Asks registries.
#[derive(Clone)]
pub struct Registries {
    /// The way to them.
    pub web: Web,
    /// What they are shown.
    pub secrets: Arc<Secrets>,
}

/// What a tag stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// For what it stood for when the registry gave this `ETag`.
    AsBefore,
    /// For this digest.
    For {
        /// The digest.
        digest: Digest,
        /// What the registry calls this state of it.
        etag: Option<String>,
    },
}

/// Why a registry did not say what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unanswered {
    /// For people.
    pub why: String,
    /// It asks to be left alone for so long, in seconds.
    pub after: Option<u64>,
    /// It is about the registry, and not about this image.
    pub is_of_registry: bool,
}

impl From<Unfetched> for Unanswered {
    fn from(why: Unfetched) -> Self {
        let is_of_registry = matches!(why, Unfetched::Away(_));
        Self { why: why.to_string(), after: None, is_of_registry }
    }
}

impl From<SecretsError> for Unanswered {
    fn from(why: SecretsError) -> Self {
        of_image(why.to_string())
    }
}

impl Registries {
    /// The logins that some tasks of a project have; of two for one registry, the first task's.
    pub async fn logins<'a>(
        &self,
        project: &ProjectName,
        tasks: impl Iterator<Item = &'a TaskName>,
    ) -> Result<Logins, SecretsError> {
        let mut all = Vec::new();
        for task in tasks {
            for login in self.secrets.task(project, task).await?.confidential.logins {
                let secret = String::from_utf8_lossy(login.password.expose()).into_owned();
                all.push((login.registry, Login { username: login.username, secret }));
            }
        }
        Ok(all.into_iter().rev().collect())
    }

    /// What the tag of `registry/repository:tag` stands for. `before` is what the registry called its state last.
    pub async fn look(&self, image: &str, logins: &Logins, before: Option<&str>) -> Result<Stands, Unanswered> {
        let reference = reference(image)?;
        let mut repository = Repository::open(&self.web, &reference, logins, Actions::Pull).await?;
        let path = format!("manifests/{}", reference.tag().unwrap_or("latest"));
        let mut request = Request::head(&path, KINDS);
        if let Some(before) = before.and_then(|before| before.parse().ok()) {
            request = request.with(IF_NONE_MATCH, before);
        }
        let response = repository.ask(&request).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Stands::AsBefore);
        }
        judged(&repository, response.status(), response.headers())?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let etag = header(ETAG.as_str());
        let digest = match header(DIGEST).and_then(|digest| digest.parse().ok()) {
            Some(digest) => digest,
            // Not every registry says it of what it does not send.
            None => digest_of(&self.manifest(&mut repository, &path).await?),
        };
        Ok(Stands::For { digest, etag })
    }

    /// What an image's digest names.
    pub async fn content(&self, image: &str, digest: Digest, logins: &Logins) -> Result<Content, Unanswered> {
        let reference = reference(image)?;
        let mut repository = Repository::open(&self.web, &reference, logins, Actions::Pull).await?;
        let bytes = self.manifest(&mut repository, &format!("manifests/{digest}")).await?;
        if digest_of(&bytes) != digest {
            return Err(of_image(format!("{image}: what its registry has as {digest} is something else")));
        }
        content(&bytes).map_err(|why| of_image(format!("{image}@{digest}: {why}")))
    }

    /// Whether a registry has these images.
    pub async fn has_all(&self, images: &[(String, Digest)], logins: &Logins) -> Result<(), Unanswered> {
        for (image, digest) in images {
            let reference = reference(image)?;
            let mut repository = Repository::open(&self.web, &reference, logins, Actions::Pull).await?;
            let path = format!("manifests/{digest}");
            let response = repository.ask(&Request::head(&path, KINDS)).await?;
            judged(&repository, response.status(), response.headers())?;
        }
        Ok(())
    }

    async fn manifest(&self, repository: &mut Repository<'_>, path: &str) -> Result<Vec<u8>, Unanswered> {
        let response = repository.ask(&Request::get(path, KINDS)).await?;
        judged(repository, response.status(), response.headers())?;
        let mut bytes = Vec::new();
        self.web.save(response, LARGEST, &mut bytes, |_| {}).await?;
        Ok(bytes)
    }
}

/// The host of an image as lineages name it, `registry/repository:tag`.
pub fn host(image: &str) -> &str {
    image.split('/').next().unwrap_or_default()
}

/// As it is asked for; lineages name Docker Hub by the host of its pages.
fn reference(image: &str) -> Result<Reference, Unanswered> {
    let name = image.strip_prefix(DOCKER_HUB).and_then(|rest| rest.strip_prefix('/')).unwrap_or(image);
    name.parse().map_err(|why| of_image(format!("{image}: {why}")))
}

fn of_image(why: String) -> Unanswered {
    Unanswered { why, after: None, is_of_registry: false }
}

fn judged(repository: &Repository<'_>, status: StatusCode, headers: &HeaderMap) -> Result<(), Unanswered> {
    if status.is_success() {
        return Ok(());
    }
    let why = repository.answered("does not say what it stands for", status);
    Err(Unanswered { why, after: retry_after(headers), is_of_registry: may_pass(status) })
}

/// What a manifest names. Of an index what is for no platform (an attestation) is left out.
fn content(manifest: &[u8]) -> Result<Content, serde_json::Error> {
    #[derive(Deserialize)]
    struct Manifest {
        manifests: Option<Vec<Child>>,
    }
    #[derive(Deserialize)]
    struct Child {
        digest: Digest,
        platform: Option<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        os: String,
        architecture: String,
        variant: Option<String>,
    }
    let Manifest { manifests } = serde_json::from_slice(manifest)?;
    let Some(children) = manifests else { return Ok(Content::Image) };
    let named = |Child { digest, platform }: Child| {
        let Named { os, architecture, variant } = platform?;
        let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
        let platform: Platform = format!("{os}/{architecture}{variant}").parse().ok()?;
        Some((platform, digest))
    };
    Ok(Content::Index(children.into_iter().filter_map(named).collect()))
}
