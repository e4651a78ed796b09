//! Images: looking them up, pulling, naming and pushing them.

use super::{Docker, buildkit::is_of, failure};
use crate::engine::{EngineError, LocalImage, Login, Logins, Said, Saying};
use acre_model::{attempt::UsedImage, digest::Digest, log::Stream, platform::Platform, reference::Reference};
use bollard::{
    auth::DockerCredentials,
    models::ProgressDetail,
    query_parameters::{CreateImageOptions, PushImageOptions, TagImageOptions},
};
use bytes::Bytes;
use futures::TryStreamExt as _;
use std::collections::BTreeMap;

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
        Ok(Some(LocalImage { id, digests: digests.iter().filter_map(|text| repo_digest(text)).collect() }))
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
        let mut layers = Layers::new(format!("pulling {reference}"));
        while let Some(step) = steps.try_next().await.map_err(|error| failure::of_pull(&self.host, reference, error))? {
            layers.tell(step.id, step.status, step.progress_detail, say).await;
        }
        Ok(())
    }

    /// Gives an image a further name.
    pub(super) async fn tag_image(&self, id: &str, reference: &Reference) -> Result<(), EngineError> {
        let tag = reference.tag().unwrap_or("latest").to_owned();
        let options = TagImageOptions { repo: Some(reference.name()), tag: Some(tag) };
        let tagged = self.client.tag_image(id, Some(options)).await;
        tagged.map_err(|error| failure::of_create(&self.host, id, error))
    }

    /// Pushes an image; the digest is the manifest's.
    pub(super) async fn push_image(
        &self,
        reference: &Reference,
        logins: &Logins,
        say: &Saying,
    ) -> Result<Digest, EngineError> {
        // Without a tag the engine would push all tags of the repository.
        let tag = reference.tag().unwrap_or("latest").to_owned();
        let options = PushImageOptions { tag: Some(tag), ..PushImageOptions::default() };
        let credentials = credentials(reference, logins);
        let mut steps = self.patient.push_image(&reference.name(), Some(options), credentials);
        let mut layers = Layers::new(format!("pushing {reference}"));
        let mut digest = None;
        while let Some(step) = steps.try_next().await.map_err(|error| failure::of_push(&self.host, reference, error))? {
            digest = step.status.as_deref().and_then(pushed_digest).or(digest);
            // bollard leaves out the layer of a step of a push, so its progress is told without one.
            layers.tell(None, step.status, step.progress_detail, say).await;
        }
        digest.ok_or_else(|| EngineError::BrokenOff(format!("it did not tell the digest of {reference} it pushed")))
    }
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

/// Progress over the layers of an image, told as one line.
#[derive(Debug)]
pub(super) struct Layers {
    what: String,
    /// Bytes moved and bytes in all. Bounded by [`Layers::LIMIT`].
    sizes: BTreeMap<String, (u64, u64)>,
}

impl Layers {
    /// An image has at most 127 layers on the engines there are; more are not counted.
    const LIMIT: usize = 512;

    pub(super) const fn new(what: String) -> Self {
        Self { what, sizes: BTreeMap::new() }
    }

    /// Says what one step of a pull or push means: a layer's bytes in place, a remark on the whole image as output.
    pub(super) async fn tell(
        &mut self,
        id: Option<String>,
        status: Option<String>,
        progress: Option<ProgressDetail>,
        say: &Saying,
    ) {
        let moved = progress.and_then(|detail| Some((detail.current?, detail.total?)));
        let said = match (id, moved, status) {
            (id, Some((current, total)), _) => {
                self.count(id.unwrap_or_default(), current, total);
                Some(Said::Status(self.line()))
            }
            (None, None, Some(status)) => Some(Said::Output(Stream::Stdout, Bytes::from(format!("{status}\n")))),
            _ => None,
        };
        if let Some(said) = said {
            // Nobody listening is no reason to stop.
            say.send(said).await.ok();
        }
    }

    fn count(&mut self, id: String, current: i64, total: i64) {
        if self.sizes.len() < Self::LIMIT || self.sizes.contains_key(&id) {
            let positive = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
            self.sizes.insert(id, (positive(current), positive(total)));
        }
    }

    fn line(&self) -> String {
        let (current, total) =
            self.sizes.values().fold((0, 0), |sum: (u64, u64), layer| (sum.0 + layer.0, sum.1 + layer.1));
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!("{}  {:.1}/{:.1} MiB", self.what, mebibytes(current), mebibytes(total))
    }
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
    fn progress_is_summed_over_layers() {
        let mut layers = Layers::new("pulling x".to_owned());
        layers.count("a".to_owned(), 1 << 20, 4 << 20);
        layers.count("b".to_owned(), 0, 1 << 20);
        layers.count("a".to_owned(), 2 << 20, 4 << 20);
        assert_eq!(layers.line(), "pulling x  2.0/5.0 MiB");
    }

    #[test]
    fn digests_are_kept_with_their_repository() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(repo_digest(&format!("h:5000/a@{digest}")), Some(("h:5000/a".to_owned(), digest.parse().unwrap())));
        assert_eq!(repo_digest("<none>@<none>"), None);
    }
}
