//! An OCI artifact → a tree: the layers of its manifest, one over the other (OCI distribution specification, "Pulling
//! manifests" and "Pulling blobs"; OCI image specification, "Image Manifest").
//!
//! What registries send is limited, and they are only asked where sources may be fetched from ([`crate::registry`]).

use super::{
    error::untarred,
    tar::{PACKED, blocking, content, limits},
};
use crate::engine::Logins;
use acre_model::{digest::Digest, reference::Reference, text::clip};
use acre_tree::{
    Cache,
    tar::{Policy, Unpacking, Untarred, is_packed},
};
use acre_web::{
    Unfetched, Web,
    registry::{Actions, Repository, Request},
};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

/// The largest manifest, in bytes (OCI distribution specification: registries need not take more).
const MANIFEST: u64 = 4 << 20;

/// The most layers.
const LAYERS: usize = 512;

/// What a layer is called where it is one file (OCI image specification, "Pre-Defined Annotation Keys").
const TITLE: &str = "org.opencontainers.image.title";

/// Kinds of manifests that have layers.
const KINDS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    layers: Option<Vec<Layer>>,
    /// An index has these instead.
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Fetches an artifact. `folder` is where its layers lie meanwhile.
pub(super) async fn fetch(
    web: &Web,
    reference: &Reference,
    logins: &Logins,
    cache: &Arc<Cache>,
    folder: &Path,
) -> Result<(Untarred, Digest), Unfetched> {
    let mut registry = Registry::of(web, reference, logins).await?;
    let (manifest, digest) = registry.manifest().await?;
    let layers = layers(&manifest, reference)?;
    let (mut held, mut packed) = (Vec::with_capacity(layers.len()), 0);
    for layer in layers {
        let file = tempfile::tempfile_in(folder).map_err(Unfetched::Disk)?;
        let (file, size) = registry.blob(&layer, file, PACKED - packed).await?;
        packed += size;
        held.push((layer, file, size));
    }
    let cache = Arc::clone(cache);
    let unpack = move || {
        let mut unpacking = Unpacking::new(&cache, "", Policy::Foreign, limits(packed));
        for (layer, file, size) in held {
            put(&mut unpacking, &layer, file, size)?;
        }
        unpacking.finish("").map_err(untarred)
    };
    Ok((blocking(unpack).await?, digest))
}

/// The layers, if there are any and not too many.
fn layers(manifest: &[u8], reference: &Reference) -> Result<Vec<Layer>, Unfetched> {
    let unfit = |why: String| Unfetched::Unfit(format!("{reference}: {why}"));
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|why| unfit(format!("its manifest cannot be read: {why}")))?;
    match manifest.layers {
        Some(layers) if layers.len() > LAYERS => Err(unfit(format!("it has {} layers; limit {LAYERS}", layers.len()))),
        Some(layers) => Ok(layers),
        None if manifest.manifests.is_some() => {
            Err(unfit("it is an index of several manifests; name one of them by its digest".to_owned()))
        }
        None => Err(unfit("its manifest has no layers".to_owned())),
    }
}

/// Puts a layer over what is there: an archive is unpacked, a file with a title becomes a file.
fn put(unpacking: &mut Unpacking<'_>, layer: &Layer, mut file: File, size: u64) -> Result<(), Unfetched> {
    let title = layer.annotations.get(TITLE);
    let is_archive = layer.media_type.contains("tar") && (title.is_none() || looks_like_archive(&mut file)?);
    match title {
        _ if is_archive => unpacking.archive(content(file, size)?).map_err(untarred),
        Some(title) => {
            file.seek(SeekFrom::Start(0)).map_err(Unfetched::Disk)?;
            unpacking.file(title, file).map_err(untarred)
        }
        None => Err(Unfetched::Unfit(format!(
            "layer {} is neither an archive nor a file with a name: its type is {}, and it has no {TITLE}",
            clip(&layer.digest),
            clip(&layer.media_type)
        ))),
    }
}

/// Whether it is packed, or has a tar archive's mark. Of files with a title some say only that they are of an archive.
fn looks_like_archive(file: &mut File) -> Result<bool, Unfetched> {
    let mut begin = Vec::with_capacity(512);
    file.seek(SeekFrom::Start(0)).map_err(Unfetched::Disk)?;
    file.take(512).read_to_end(&mut begin).map_err(Unfetched::Disk)?;
    Ok(is_packed(&begin) || begin.get(257..262) == Some(b"ustar"))
}

/// The repository of an artifact.
struct Registry<'a> {
    web: &'a Web,
    reference: &'a Reference,
    repository: Repository<'a>,
}

impl<'a> Registry<'a> {
    async fn of(web: &'a Web, reference: &'a Reference, logins: &'a Logins) -> Result<Self, Unfetched> {
        Ok(Self { web, reference, repository: Repository::open(web, reference, logins, Actions::Pull).await? })
    }

    async fn manifest(&mut self) -> Result<(Vec<u8>, Digest), Unfetched> {
        let named = match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or("latest").to_owned(),
        };
        let response = self.get(&format!("manifests/{named}"), KINDS).await?;
        let mut manifest = Vec::new();
        self.web.save(response, MANIFEST, &mut manifest, |_| {}).await?;
        let digest = Digest::from_bytes(Sha256::digest(&manifest).into());
        match self.reference.digest() {
            Some(wanted) if wanted != digest => Err(self.unfit(format!("its manifest has the digest {digest}"))),
            _ => Ok((manifest, digest)),
        }
    }

    /// A layer's content, which has the digest it should have, and its size.
    async fn blob(&mut self, layer: &Layer, file: File, limit: u64) -> Result<(File, u64), Unfetched> {
        let wanted: Digest = layer.digest.parse().map_err(|why| self.unfit(format!("its manifest: {why}")))?;
        let response = self.get(&format!("blobs/{wanted}"), "*/*").await?;
        let (mut hash, mut file) = (Sha256::new(), tokio::fs::File::from_std(file));
        let size = self.web.save(response, limit, &mut file, |piece| hash.update(piece)).await?;
        let digest = Digest::from_bytes(hash.finalize().into());
        if digest != wanted {
            return Err(self.unfit(format!("layer {wanted} came with the digest {digest}")));
        }
        Ok((file.into_std().await, size))
    }

    async fn get(&mut self, path: &str, accept: &'static str) -> Result<Response, Unfetched> {
        let response = self.repository.ask(&Request::get(path, accept)).await?;
        let refusal = if self.repository.has_login() {
            "refuses the login that the run has"
        } else {
            "wants a login, and the run has none for it"
        };
        match response.status() {
            StatusCode::OK => Ok(response),
            status @ StatusCode::NOT_FOUND => {
                Err(Unfetched::NotFound(self.repository.answered("has no such artifact", status)))
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Unfetched::NotFound(self.repository.answered(refusal, status)))
            }
            status => Err(Unfetched::Away(self.repository.answered("failed", status))),
        }
    }

    fn unfit(&self, why: String) -> Unfetched {
        Unfetched::Unfit(format!("{}: {why}", self.reference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Login;
    use acre_model::tree::Node;
    use acre_web::served::{Served, response};
    use tempfile::TempDir;

    fn archive(path: &str, content: &str) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        builder.into_inner().unwrap()
    }

    fn digest(content: &[u8]) -> Digest {
        Digest::from_bytes(Sha256::digest(content).into())
    }

    /// What a registry has: blobs, and one manifest that names them with these types and titles.
    #[derive(Clone, Default)]
    struct Repository {
        layers: Vec<(&'static str, &'static str, Vec<u8>)>,
        manifest: Option<Vec<u8>>,
        /// What it wants to see, and the challenge it answers with otherwise; `ADDRESS` is its own.
        wants: Option<(&'static str, &'static str)>,
        forged: bool,
    }

    impl Repository {
        fn manifest(&self) -> Vec<u8> {
            let layers = self.layers.iter().map(|(kind, title, content)| {
                let title = (!title.is_empty()).then(|| format!(r#","annotations":{{"{TITLE}":"{title}"}}"#));
                let (digest, size) = (digest(content), content.len());
                format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}{}}}"#, title.unwrap_or_default())
            });
            let text = format!(r#"{{"schemaVersion":2,"layers":[{}]}}"#, layers.collect::<Vec<_>>().join(","));
            self.manifest.clone().unwrap_or_else(|| text.into_bytes())
        }

        fn answer(&self, head: &str, own: &str) -> Vec<u8> {
            let path = head.split(' ').nth(1).unwrap();
            if path.starts_with("/token") {
                let is_known = head.contains("authorization: Basic bWU6c2VjcmV0");
                let body = if is_known { r#"{"token":"t0k"}"# } else { r#"{"token":"anyone"}"# };
                return response("200 OK", "", body.as_bytes());
            }
            if let Some((wanted, challenge)) = self.wants
                && !head.contains(&format!("authorization: {wanted}\r\n"))
            {
                let challenge = challenge.replace("ADDRESS", own);
                return response("401 Unauthorized", &format!("WWW-Authenticate: {challenge}\r\n"), b"");
            }
            if path == "/v2/a/b/manifests/1" || path.contains("/manifests/sha256:") {
                return response("200 OK", "", &self.manifest());
            }
            let blob = self.layers.iter().find(|(_, _, content)| path.ends_with(&digest(content).to_string()));
            match blob {
                Some(_) if self.forged => response("200 OK", "", b"forged"),
                Some((_, _, content)) => response("200 OK", "", content),
                None => response("404 Not Found", "", b""),
            }
        }
    }

    async fn fetched(repository: Repository, name: &str, login: Option<&str>) -> Result<Vec<String>, String> {
        let served = Served::answering(move |head, own| repository.answer(head, own)).await;
        let folder = TempDir::new().unwrap();
        let cache = Cache::open(&folder.path().join("cache"), 1 << 20).unwrap();
        let login = login.map(|secret| Login { username: "me".to_owned(), secret: secret.to_owned() });
        let logins: Logins = login.into_iter().map(|login| (served.address.clone(), login)).collect();
        let reference = format!("{}/{name}", served.address).parse().unwrap();
        let (untarred, _) = fetch(&Web::default(), &reference, &logins, &cache, folder.path())
            .await
            .map_err(|why| why.to_string().replace(&served.address, "ADDRESS"))?;
        let shown = untarred.tree.entries().unwrap().into_iter().map(|(path, node)| match node {
            Node::File { size, .. } => format!("{path} {size}"),
            _ => path,
        });
        Ok(shown.collect())
    }

    const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

    fn artifact() -> Repository {
        let zstd = zstd::encode_all(&archive("d/b", "two")[..], 3).unwrap();
        let layers = vec![
            (TAR, "", archive("d/a", "one")),
            ("application/vnd.oci.image.layer.v1.tar+zstd", "", zstd),
            (TAR, "", archive("d/b", "second")),
            ("text/plain", "d/readme.txt", b"file".to_vec()),
            // As some clients name every file's type.
            (TAR, "plain.txt", b"no archive".to_vec()),
            (TAR, "context.tar", archive("e", "five")),
        ];
        Repository { layers, ..Repository::default() }
    }

    #[tokio::test]
    async fn layers_lie_over_each_other_and_files_have_their_titles() {
        let expected = ["d", "d/a 3", "d/b 6", "d/readme.txt 4", "e 4", "plain.txt 10"];
        assert_eq!(fetched(artifact(), "a/b:1", None).await.unwrap(), expected);
        let by_digest = format!("a/b@{}", digest(&artifact().manifest()));
        assert_eq!(fetched(artifact(), &by_digest, None).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_login_is_shown_in_the_way_that_is_asked_for() {
        let of = |wants| Repository { wants: Some(wants), ..artifact() };
        let basic = ("Basic bWU6c2VjcmV0", "Basic realm=\"x\"");
        let bearer = ("Bearer t0k", "Bearer realm=\"http://ADDRESS/token\",service=\"s\",scope=\"x\"");
        let anyone = ("Bearer anyone", "Bearer realm=\"http://ADDRESS/token\"");
        for (wants, login) in [(basic, Some("secret")), (bearer, Some("secret")), (anyone, None)] {
            assert!(fetched(of(wants), "a/b:1", login).await.is_ok(), "{wants:?}");
        }
        let elsewhere = ("x", "Bearer realm=\"https://evil.example/token\"");
        let keys = ("x", "Bearer realm=\"http://169.254.169.254/token\"");
        let table = [
            (basic, None, "registry ADDRESS wants a login, and the run has none for it: 401 Unauthorized"),
            (basic, Some("wrong"), "registry ADDRESS refuses the login that the run has: 401 Unauthorized"),
            (bearer, Some("wrong"), "refuses the login"),
            (elsewhere, Some("secret"), "another place, https://evil.example/token, where no login goes"),
            (keys, Some("secret"), "another place, http://169.254.169.254/token"),
        ];
        for (wants, login, expected) in table {
            let why = fetched(of(wants), "a/b:1", login).await.unwrap_err();
            assert!(why.contains(expected) && !why.contains("secret") && !why.contains("wrong"), "{expected}: {why}");
        }
    }

    #[tokio::test]
    async fn what_is_no_artifact_is_told() {
        let with = |manifest: &str| Repository { manifest: Some(manifest.as_bytes().to_vec()), ..artifact() };
        let one = |kind, title, content: &[u8]| Repository {
            layers: vec![(kind, title, content.to_vec())],
            ..Repository::default()
        };
        let layer = r#"{"mediaType":"a","digest":"sha256:00","size":1}"#;
        let many = format!(r#"{{"layers":[{}]}}"#, vec![layer; LAYERS + 1].join(","));
        let table = [
            (with("{}"), "has no layers"),
            (with("{"), "cannot be read"),
            (with(r#"{"manifests":[{}]}"#), "it is an index of several manifests"),
            (with(&many), "it has 513 layers; limit 512"),
            (with(&format!(r#"{{"layers":[{layer}]}}"#)), "digest"),
            (with(&" ".repeat(5 << 20)), "more than 4194304 bytes"),
            (Repository { forged: true, ..artifact() }, "came with the digest"),
            (one("text/plain", "", b"x"), "neither an archive nor a file with a name"),
            (one("text/plain", "../x", b"x"), "it leaves the archive"),
            (one(TAR, "", b"x"), "archive ends"),
        ];
        for (repository, expected) in table {
            let why = fetched(repository, "a/b:1", None).await.unwrap_err();
            assert!(why.contains(expected), "{expected}: {why}");
        }
        let why = fetched(artifact(), "a/b:2", None).await.unwrap_err();
        assert!(why.contains("ADDRESS/a/b:2: registry ADDRESS has no such artifact: 404 Not Found"), "{why}");
        let why = fetched(artifact(), &format!("a/b@sha256:{}", "0".repeat(64)), None).await.unwrap_err();
        assert!(why.contains("its manifest has the digest"), "{why}");
    }
}
