//! What BuildKit made becomes an image of this engine.
//!
//! The builder of old on Windows gives an image the `os.version` and `os.features` of its base (moby `image/image.go`,
//! `NewChildImage`). BuildKit keeps them only in newer releases than that of Docker 26: where they are missing they are put
//! back, and the manifest is made anew.

use crate::store::{Image, Store};
use acre_model::digest::Digest;
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

/// What an image has of its base's Windows (OCI image specification, "Image Configuration").
const OF_BASE: [&str; 2] = ["os.version", "os.features"];

/// Takes in the image of an OCI layout in a tar.
pub(super) fn take(store: &Store, layout: &Path, base: Option<&Image>) -> anyhow::Result<Image> {
    let mut texts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in tar::Archive::new(File::open(layout)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if path.starts_with("blobs/") {
            store.keep(&content)?;
        } else {
            texts.insert(path, content);
        }
    }
    let index: Value = serde_json::from_slice(texts.get("index.json").context("the layout has no index.json")?)?;
    let [child] = index["manifests"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        bail!("BuildKit made more than one image: {index}");
    };
    let manifest: Digest = child["digest"].as_str().unwrap_or_default().parse()?;
    store.add(of_base(store, manifest, base)?)
}

/// The manifest with what its configuration is to have of its base.
fn of_base(store: &Store, digest: Digest, base: Option<&Image>) -> anyhow::Result<Digest> {
    let mut manifest: Value = serde_json::from_slice(&store.read(digest)?)?;
    let configuration: Digest = manifest["config"]["digest"].as_str().unwrap_or_default().parse()?;
    let mut configuration: Value = serde_json::from_slice(&store.read(configuration)?)?;
    let before = configuration.clone();
    for key in OF_BASE {
        let of_base = base.map(|base| &base.configuration[key]).filter(|value| !value.is_null());
        if let Some(value) = of_base.filter(|_| configuration[key].is_null()) {
            configuration[key] = value.clone();
        }
    }
    if configuration == before {
        return Ok(digest);
    }
    let text = configuration.to_string();
    manifest["config"]["digest"] = store.keep(text.as_bytes())?.to_string().into();
    manifest["config"]["size"] = text.len().into();
    store.keep(manifest.to_string().as_bytes())
}
