//! Images: looking them up, pulling, naming and pushing them.

use super::{Docker, buildkit::is_of, failure, layers::Layers, logins_for_url};
use crate::engine::{EngineError, Labels, LocalImage, Login, Logins, Saying};
use acre_model::{attempt::UsedImage, digest::Digest, platform::Platform, reference::Reference};
use bollard::{
    BollardRequest,
    auth::DockerCredentials,
    query_parameters::{CreateImageOptions, RemoveImageOptions, TagImageOptions},
};
use bytes::Bytes;
use futures::TryStreamExt as _;
use http::uri::{PathAndQuery, Uri};

impl Docker {
    /// The image under a reference or id.
    pub(super) async fn look_up(&self, reference: &str) -> Result<Option<LocalImage>, EngineError> {
        let inspected = match self.client.inspect_image(reference).await {
            Err(error) if failure::is_absent(&error) => return Ok(None),
            inspected => inspected.map_err(|error| self.failed(error))?,
        };
        let id = inspected.id.unwrap_or_default();
        let id = id.parse().map_err(|_| EngineError::BrokenOff(format!("it gave `{id}` as the id of an image")))?;
        let digests = inspected.repo_digests.unwrap_or_default();
        let digests = digests.iter().filter_map(|text| repo_digest(text)).collect();
        let os_version = inspected.os_version.as_deref().and_then(|version| version.parse().ok());
        Ok(Some(LocalImage { id, digests, os_version }))
    }

    /// The images with the digests that the engine has for those without: a base that was on the engine already is used
    /// without asking a registry, and so without naming a digest. What the engine does not know stays without.
    pub(super) async fn with_digests(&self, mut used: Vec<UsedImage>) -> Vec<UsedImage> {
        for image in used.iter_mut().filter(|image| image.digest.is_none()) {
            let local = self.look_up(&image.reference.to_string()).await.ok().flatten();
            let mut digests = local.into_iter().flat_map(|local| local.digests);
            let own = digests.find(|(repository, _)| is_of(&image.reference, repository));
            image.digest = own.map(|(_, digest)| digest);
        }
        used
    }

    /// Pulls an image.
    pub(super) async fn pull_image(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        logins: &Logins,
        say: &Saying,
    ) -> Result<(), EngineError> {
        let options = CreateImageOptions {
            from_image: Some(reference.name()),
            tag: Some(tag_or_digest(reference)),
            platform: platform.map(ToString::to_string).unwrap_or_default(),
            ..CreateImageOptions::default()
        };
        let mut steps = self.patient.create_image(Some(options), None, credentials(reference, logins));
        let mut layers = Layers::new("pulling");
        while let Some(step) = steps.try_next().await.map_err(|error| failure::of_pull(&self.host, reference, error))? {
            layers.tell(step.id, step.status, step.progress_detail, say).await;
        }
        Ok(())
    }

    /// Makes an image of acre's own, of one layer: this archive. It is one for the engine's native platform (20.10 does
    /// not take another's architecture here).
    pub(super) async fn import_image(
        &self,
        (repository, tag): (&str, &str),
        labels: &Labels,
        archive: Bytes,
    ) -> Result<(), EngineError> {
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
            changes: labels.iter().map(|(key, value)| format!("LABEL {key}={value}")).collect(),
            ..CreateImageOptions::default()
        };
        let imported = self.client.create_image(Some(options), Some(bollard::body_full(archive)), None);
        imported.try_for_each(|_| async { Ok(()) }).await.map_err(|error| self.failed(error))
    }

    /// Gives an image a further name.
    pub(super) async fn tag_image(&self, id: &str, reference: &Reference) -> Result<(), EngineError> {
        let tag = reference.tag().unwrap_or("latest").to_owned();
        let options = TagImageOptions { repo: Some(reference.name()), tag: Some(tag) };
        let tagged = self.client.tag_image(id, Some(options)).await;
        tagged.map_err(|error| failure::of_create(&self.host, id, error))
    }

    /// Takes a name from its image.
    pub(super) async fn untag_image(&self, name: &Reference) -> Result<(), EngineError> {
        // Forced, it takes the name alone from an image that a container has.
        let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
        match self.client.remove_image(&name.to_string(), Some(options), None).await {
            Err(error) if !failure::is_absent(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Pushes an image; the digest is the manifest's.
    pub(super) async fn push_image(
        &self,
        reference: &Reference,
        logins: &Logins,
        say: &Saying,
    ) -> Result<Digest, EngineError> {
        let credentials = credentials(reference, logins).unwrap_or_default();
        let mut steps = self.pushing(reference).create_image(None::<CreateImageOptions>, None, Some(credentials));
        let mut layers = Layers::new("pushing");
        let mut digest = None;
        while let Some(step) = steps.try_next().await.map_err(|error| failure::of_push(&self.host, reference, error))? {
            digest = step.status.as_deref().and_then(pushed_digest).or(digest);
            layers.tell(step.id, step.status, step.progress_detail, say).await;
        }
        digest.ok_or_else(|| EngineError::BrokenOff(format!("it did not tell the digest of {reference} it pushed")))
    }

    /// A client whose call to pull pushes `reference` instead (Engine API, "Push an image"). bollard's own call to push
    /// leaves out which layer a step is about; else the two calls take and give the same.
    fn pushing(&self, reference: &Reference) -> bollard::Docker {
        // Without a tag the engine would push all tags of the repository.
        let push = format!("/images/{}/push?tag={}", reference.name(), reference.tag().unwrap_or("latest"));
        self.patient.clone().with_request_modifier(move |request| logins_for_url(readdressed(request, &push)))
    }
}

/// The request to create an image, with `path` in place of its own path after the version of the API.
fn readdressed(mut request: BollardRequest, path: &str) -> BollardRequest {
    *request.uri_mut() = other_path(request.uri(), path).unwrap_or_default();
    request
}

/// `None` cannot be: names and tags are made of characters that a path may have.
fn other_path(uri: &Uri, path: &str) -> Option<Uri> {
    let version = uri.path().strip_suffix("/images/create")?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{version}{path}").parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

fn tag_or_digest(reference: &Reference) -> String {
    match reference.digest() {
        Some(digest) => digest.to_string(),
        None => reference.tag().unwrap_or("latest").to_owned(),
    }
}

fn credentials(reference: &Reference, logins: &Logins) -> Option<DockerCredentials> {
    let registry = reference.registry().unwrap_or("docker.io");
    logins.get(registry).map(|login| login_to(registry, login).1)
}

/// A login in the engine's words, under the address by which the engine knows the registry.
pub(super) fn login_to(registry: &str, login: &Login) -> (String, DockerCredentials) {
    let address = if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry };
    let credentials = DockerCredentials {
        username: Some(login.username.clone()),
        password: Some(login.secret.clone()),
        serveraddress: Some(address.to_owned()),
        ..DockerCredentials::default()
    };
    (address.to_owned(), credentials)
}

/// `host/repository@sha256:…`.
fn repo_digest(text: &str) -> Option<(String, Digest)> {
    let (name, digest) = text.split_once('@')?;
    Some((name.to_owned(), digest.parse().ok()?))
}

/// The last status of a push is `TAG: digest: sha256:… size: N`.
fn pushed_digest(status: &str) -> Option<Digest> {
    let (_, rest) = status.split_once("digest: ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_push_is_in_its_last_status() {
        let hex = "ab".repeat(32);
        let table = [
            (format!("1: digest: sha256:{hex} size: 528"), true),
            ("Pushed".to_owned(), false),
            ("1: digest: sha256:12 size: 528".to_owned(), false),
        ];
        for (status, told) in table {
            assert_eq!(pushed_digest(&status).is_some(), told, "{status}");
        }
    }

    #[test]
    fn a_push_goes_where_a_pull_would() {
        let to = |uri: &'static str| other_path(&Uri::from_static(uri), "/images/h:5000/a/b/push?tag=1.0-x");
        let unix = to("unix://2f73/v1.41/images/create?").unwrap();
        assert_eq!(unix.to_string(), "unix://2f73/v1.41/images/h:5000/a/b/push?tag=1.0-x");
        let tcp = to("http://h:2375/v1.41/images/create").unwrap();
        assert_eq!(tcp.to_string(), "http://h:2375/v1.41/images/h:5000/a/b/push?tag=1.0-x");
        assert_eq!(to("http://h:2375/v1.41/images/json"), None);
    }

    #[test]
    fn digests_are_kept_with_their_repository() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(repo_digest(&format!("h:5000/a@{digest}")), Some(("h:5000/a".to_owned(), digest.parse().unwrap())));
        assert_eq!(repo_digest("<none>@<none>"), None);
    }
}
