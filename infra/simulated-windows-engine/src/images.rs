//! Images from and to registries, as an engine with `windowsfilter` pulls and pushes them.

use crate::{
    Engine,
    answer::{Answer, Asked, Saying, bad, empty, failed, lines},
    registry::Repository,
    store::Image,
};
use acre_model::{digest::Digest, reference::Reference, windows::OsVersion};
use http::StatusCode;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The words of a call's address.
pub(crate) type Query = BTreeMap<String, String>;

/// `POST /images/create`: pulls. (Windows imports no images without a Windows in them.)
pub(crate) fn create(engine: Arc<Engine>, query: &Query, login: Option<String>) -> Asked<Answer> {
    let of = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    if !of("fromSrc").is_empty() {
        return Err(bad(format!("{}: images are not imported on Windows", crate::SIMULATED)));
    }
    let joint = if of("tag").contains(':') { "@" } else { ":" };
    let reference: Reference =
        format!("{}{joint}{}", of("fromImage"), of("tag")).parse().map_err(|why| bad(format!("{why}")))?;
    if !["", "windows/amd64"].contains(&of("platform")) {
        return Err(bad(format!("operating system is not supported: {}", of("platform"))));
    }
    let (say, answer) = lines();
    tokio::spawn(async move {
        let pulled = engine.pull(&reference, login.as_deref()).await;
        let line = match pulled {
            Ok(_) => json!({ "status": format!("Status: Downloaded newer image for {reference}") }),
            Err(why) => failed(&why),
        };
        drop(say.send(line).await);
    });
    Ok(answer)
}

impl Engine {
    /// Pulls the image of a reference that is for Windows, and gives it that name.
    pub(crate) async fn pull(&self, reference: &Reference, login: Option<&str>) -> Result<Image, String> {
        let repository = Repository::of(reference, login)?;
        let key = reference
            .digest()
            .map_or_else(|| reference.tag().unwrap_or("latest").to_owned(), |digest| digest.to_string());
        let (media_type, text) = repository.manifest(&key).await?;
        let told = self.store.keep(&text).map_err(shown)?;
        let manifest: Digest = match media_type.contains("index") || media_type.contains("manifest.list") {
            true => self.child(&serde_json::from_slice(&text).map_err(shown)?)?,
            false => told,
        };
        if manifest != told {
            self.store.keep(&repository.manifest(&manifest.to_string()).await?.1).map_err(shown)?;
        }
        let parts: Value =
            self.store.read(manifest).and_then(|text| Ok(serde_json::from_slice(&text)?)).map_err(shown)?;
        for part in [&parts["config"]].into_iter().chain(parts["layers"].as_array().into_iter().flatten()) {
            let digest = part["digest"].as_str().unwrap_or_default();
            if !digest.parse().is_ok_and(|digest| self.store.has(digest)) {
                self.store.keep(&repository.blob(digest).await?).map_err(shown)?;
            }
        }
        let image = self.store.add(manifest).map_err(shown)?;
        self.fits(&image)?;
        if reference.digest().is_none() {
            self.store.name(image.id, reference);
        }
        self.store.learn(image.id, reference, told);
        Ok(image)
    }

    /// The child of an index for this Windows: moby `distribution/pull_v2_windows.go`, `filterManifests`: of the machine's own
    /// build first, and none that is newer.
    fn child(&self, index: &Value) -> Result<Digest, String> {
        let host = build(&self.arguments.os_version);
        let children = index["manifests"].as_array().into_iter().flatten();
        let mut fit: Vec<(bool, Digest)> = children
            .filter(|child| child["platform"]["os"] == "windows" && child["platform"]["architecture"] == "amd64")
            .filter_map(|child| {
                let version: Option<OsVersion> =
                    child["platform"]["os.version"].as_str().and_then(|text| text.parse().ok());
                let is_other = version.as_ref().is_some_and(|version| build(version) != host);
                let is_newer = version.as_ref().is_some_and(|version| build(version) > host);
                let digest = child["digest"].as_str()?.parse().ok()?;
                (!is_newer).then_some((is_other, digest))
            })
            .collect();
        fit.sort_by_key(|(is_other, _)| *is_other);
        fit.first().map(|(_, digest)| *digest).ok_or_else(|| {
            format!("no matching manifest for windows/amd64 {} in the manifest list entries", self.arguments.os_version)
        })
    }

    /// moby `distribution/pull_v2_windows.go`, `checkImageCompatibility`.
    fn fits(&self, image: &Image) -> Result<(), String> {
        let os = image.configuration["os"].as_str().unwrap_or_default();
        if os != "windows" {
            return Err(format!(
                "image operating system \"{os}\" cannot be used on this platform: operating system is not supported"
            ));
        }
        match image.version() {
            Some(version) if build(&version) > build(&self.arguments.os_version) => Err(format!(
                "a Windows version {version}-based image is incompatible with a {} host",
                self.arguments.os_version
            )),
            _ => Ok(()),
        }
    }
}

/// The number that grows with each release.
fn build(version: &OsVersion) -> u32 {
    version.to_string().split('.').nth(2).and_then(|build| build.parse().ok()).unwrap_or_default()
}

fn shown(why: impl std::fmt::Display) -> String {
    why.to_string()
}

/// `POST /images/{name}/tag`
pub(crate) fn tag(engine: &Engine, name: &str, query: &Query) -> Asked<Answer> {
    let of = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    let tag = if of("tag").is_empty() { "latest" } else { of("tag") };
    let reference: Reference = format!("{}:{tag}", of("repo")).parse().map_err(|why| bad(format!("{why}")))?;
    engine.store.name(engine.store.find(name)?.id, &reference);
    Ok(empty(StatusCode::CREATED))
}

/// `POST /images/{name}/push`
pub(crate) fn push(engine: Arc<Engine>, name: &str, query: &Query, login: Option<String>) -> Asked<Answer> {
    let tag = query.get("tag").filter(|tag| !tag.is_empty()).map_or("latest", String::as_str);
    let reference: Reference = format!("{name}:{tag}").parse().map_err(|why| bad(format!("{why}")))?;
    let found = engine.store.find(&reference.to_string());
    let (say, answer) = lines();
    tokio::spawn(async move {
        let Ok(image) = found else {
            drop(
                say.send(failed(&format!("An image does not exist locally with the tag: {}", reference.name()))).await,
            );
            return;
        };
        if let Err(why) = engine.send(&image, &reference, login.as_deref(), &say).await {
            drop(say.send(failed(&why)).await);
        }
    });
    Ok(answer)
}

impl Engine {
    /// Sends what the registry does not have, then the manifest under the tag.
    async fn send(&self, image: &Image, to: &Reference, login: Option<&str>, say: &Saying) -> Result<(), String> {
        let repository = Repository::of(to, login)?;
        let begin = format!("The push refers to repository [{}]", to.name());
        drop(say.send(json!({ "status": begin })).await);
        let text = self.store.read(image.manifest).map_err(shown)?;
        let manifest: Value = serde_json::from_slice(&text).map_err(shown)?;
        for part in manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]) {
            let digest = part["digest"].as_str().unwrap_or_default();
            let id = digest.trim_start_matches("sha256:").get(..12).unwrap_or_default();
            let status = if repository.has_blob(digest).await? { "Layer already exists" } else { "Pushed" };
            if status == "Pushed" {
                let content = self.store.read(digest.parse().map_err(shown)?).map_err(shown)?;
                repository.put_blob(digest, content).await?;
            }
            drop(say.send(json!({ "status": status, "progressDetail": {}, "id": id })).await);
        }
        let (tag, size) = (to.tag().unwrap_or("latest"), text.len());
        let media_type = manifest["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json");
        repository.put_manifest(tag, media_type, text).await?;
        self.store.learn(image.id, to, image.manifest);
        drop(say.send(json!({ "status": format!("{tag}: digest: {} size: {size}", image.manifest) })).await);
        let aux = json!({ "Tag": tag, "Digest": image.manifest.to_string(), "Size": size });
        drop(say.send(json!({ "progressDetail": {}, "aux": aux })).await);
        Ok(())
    }
}
