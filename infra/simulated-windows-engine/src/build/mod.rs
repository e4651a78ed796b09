//! `POST /build`: the builder of old, which a real BuildKit does the work of. Bases are this engine's own images: BuildKit
//! gets them as OCI layouts and never asks a registry. Nothing is run, so a `RUN` is refused.

mod buildx;
mod dockerfile;
mod result;

use crate::{
    Engine, SIMULATED,
    answer::{Answer, Asked, Saying, bad, failed, lines},
    images::Query,
    store::Image,
};
use acre_model::{reference::Reference, windows::Isolation};
use bytes::Bytes;
use dockerfile::Dockerfile;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// What is to be built.
pub(crate) struct Request {
    pub(crate) query: Query,
    /// `X-Registry-Config`: logins by registry, JSON in base64.
    pub(crate) logins: Option<String>,
    /// The context, a tar.
    pub(crate) context: Bytes,
}

/// A build at hand.
struct Build {
    request: Request,
    /// The folder that has all of it, and that goes with it.
    folder: tempfile::TempDir,
    dockerfile: Dockerfile,
    isolation: Isolation,
}

impl Build {
    fn word(&self, key: &str) -> &str {
        self.request.query.get(key).map(String::as_str).unwrap_or_default()
    }

    /// `{"name": "value"}` of the address.
    fn pairs(&self, key: &str) -> BTreeMap<String, String> {
        serde_json::from_str(self.word(key)).unwrap_or_default()
    }

    fn context(&self) -> PathBuf {
        self.folder.path().join("context")
    }
}

pub(crate) fn build(engine: Arc<Engine>, request: Request) -> Asked<Answer> {
    let asked = request.query.get("isolation").map(String::as_str).filter(|mode| !["", "default"].contains(mode));
    let isolation = match asked {
        Some(mode) => mode.parse().map_err(bad)?,
        None => engine.isolation(),
    };
    let (say, answer) = lines();
    tokio::spawn(async move {
        let work = async {
            let build = unpack(request, isolation).await?;
            engine.work(build, &say).await
        };
        let done = tokio::select! {
            done = work => done,
            // Nobody waits for it any more.
            () = say.closed() => return,
        };
        if let Err(why) = done {
            drop(say.send(failed(&why)).await);
        }
    });
    Ok(answer)
}

async fn unpack(request: Request, isolation: Isolation) -> Result<Build, String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let (context, tar) = (folder.path().join("context"), request.context.clone());
    let unpacked = tokio::task::spawn_blocking(move || tar::Archive::new(&tar[..]).unpack(context)).await;
    unpacked.map_err(|why| why.to_string())?.map_err(|why| format!("Error processing tar file: {why}"))?;
    let name = request.query.get("dockerfile").map_or("Dockerfile", String::as_str);
    let text = std::fs::read(folder.path().join("context").join(name))
        .map_err(|_| format!("Cannot locate specified Dockerfile: {name}"))?;
    let arguments: BTreeMap<String, String> =
        request.query.get("buildargs").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let dockerfile = Dockerfile::read(&text, request.query.get("target").map(String::as_str), arguments)?;
    Ok(Build { request, folder, dockerfile, isolation })
}

impl Engine {
    async fn work(&self, build: Build, say: &Saying) -> Result<(), String> {
        let mut bases = Vec::new();
        for reference in &build.dockerfile.images {
            tell(say, format!("Step 1/{} : FROM {reference}\n", build.dockerfile.steps)).await;
            bases.push((reference.clone(), self.base(&build, reference).await?));
        }
        if let Some(line) = &build.dockerfile.run {
            tell(say, format!("Step {0}/{0} : {line}\n", build.dockerfile.steps)).await;
            return Err(format!("{SIMULATED}, so that no RUN can be run; build with COPY, ENV and the like only"));
        }
        tell(say, format!("{SIMULATED}; a real BuildKit builds for windows/amd64, isolation {}\n", build.isolation))
            .await;
        let layout = buildx::run(self, &build, &bases, say).await?;
        let base = build.dockerfile.base.as_ref();
        let base = bases.iter().find(|(reference, _)| Some(reference) == base).map(|(_, image)| image);
        let image = result::take(&self.store, &layout, base).map_err(|why| format!("{why:#}"))?;
        for tag in build.word("t").split(',').filter(|tag| !tag.is_empty()) {
            let reference: Reference = tag.parse().map_err(|why| format!("{why}"))?;
            self.store.name(image.id, &reference);
        }
        drop(say.send(json!({ "aux": { "ID": image.id.to_string() } })).await);
        tell(say, format!("Successfully built {}\n", &image.id.hex()[..12])).await;
        Ok(())
    }

    /// An image that the Dockerfile names: pulled if it is not here, or if the build asks for it.
    async fn base(&self, build: &Build, reference: &Reference) -> Result<Image, String> {
        let wants_pull = !["", "0", "false"].contains(&build.word("pull"));
        match self.store.find(&reference.to_string()) {
            Ok(image) if !wants_pull => Ok(image),
            _ => self.pull(reference, login(build, reference).as_deref()).await,
        }
    }
}

/// The login to the registry of a reference, as the call to pull has it.
fn login(build: &Build, reference: &Reference) -> Option<String> {
    use data_encoding::BASE64URL;
    let header = build.request.logins.as_ref()?;
    let padded = format!("{header}{}", "=".repeat((4 - header.len() % 4) % 4));
    let logins: Value = serde_json::from_slice(&BASE64URL.decode(padded.as_bytes()).ok()?).ok()?;
    let login = logins.get(reference.registry_or_hub())?;
    Some(BASE64URL.encode(login.to_string().as_bytes()))
}

async fn tell(say: &Saying, text: String) {
    drop(say.send(json!({ "stream": text })).await);
}
