//! The engine's images: an OCI image layout's blobs in a folder, and names for their ids. As on an engine with
//! `windowsfilter`, an image's id is the digest of its configuration.

use crate::{answer::Asked, answer::not_found, containers::has_labels, events::Filters};
use acre_model::{digest::Digest, reference::Reference, windows::OsVersion};
use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(crate) struct Store {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    images: BTreeMap<Digest, Image>,
    names: BTreeMap<String, Digest>,
}

/// An image of one platform.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Of its configuration.
    pub(crate) id: Digest,
    /// Of its manifest.
    pub(crate) manifest: Digest,
    pub(crate) configuration: Value,
    /// `repository@digest`, as registries know it.
    known: BTreeSet<String>,
}

impl Image {
    pub(crate) fn version(&self) -> Option<OsVersion> {
        self.configuration["os.version"].as_str()?.parse().ok()
    }
}

impl Store {
    pub(crate) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(Self { folder, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The OCI image layout.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn has(&self, digest: Digest) -> bool {
        self.place(digest).exists()
    }

    fn place(&self, digest: Digest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    pub(crate) fn read(&self, digest: Digest) -> anyhow::Result<Vec<u8>> {
        fs::read(self.place(digest)).with_context(|| format!("blob {digest}"))
    }

    /// Keeps a content; its digest.
    pub(crate) fn keep(&self, content: &[u8]) -> anyhow::Result<Digest> {
        let digest = Digest::from_bytes(Sha256::digest(content).into());
        // Another may be at the same: a whole file takes the name.
        let made = tempfile::NamedTempFile::new_in(&self.folder)?;
        fs::write(made.path(), content)?;
        made.persist(self.place(digest))?;
        Ok(digest)
    }

    /// Takes an image in whose blobs are here.
    pub(crate) fn add(&self, manifest: Digest) -> anyhow::Result<Image> {
        let text: Value = serde_json::from_slice(&self.read(manifest)?)?;
        let id: Digest = text["config"]["digest"].as_str().unwrap_or_default().parse()?;
        let configuration = serde_json::from_slice(&self.read(id)?)?;
        let image = Image { id, manifest, configuration, known: BTreeSet::new() };
        Ok(self.lock().images.entry(id).or_insert(image).clone())
    }

    pub(crate) fn name(&self, id: Digest, reference: &Reference) {
        self.lock().names.insert(shown(reference), id);
    }

    /// A registry has the image of this id, in the repository of a reference.
    pub(crate) fn learn(&self, id: Digest, reference: &Reference, manifest: Digest) {
        if let Some(image) = self.lock().images.get_mut(&id) {
            image.known.insert(format!("{}@{manifest}", reference.name()));
        }
    }

    /// The image under an id, a name, or a digest in a repository.
    pub(crate) fn find(&self, key: &str) -> Asked<Image> {
        let state = self.lock();
        let named = || key.parse::<Reference>().ok().and_then(|reference| state.names.get(&shown(&reference)));
        let id = key.parse::<Digest>().ok().or_else(|| named().copied());
        let known = || state.images.values().find(|image| image.known.contains(key));
        let found = id.and_then(|id| state.images.get(&id)).or_else(known);
        found.cloned().ok_or_else(|| not_found(format!("No such image: {key}")))
    }

    /// `GET /images/{name}/json`
    pub(crate) fn inspect(&self, key: &str) -> Asked<Value> {
        let image = self.find(key)?;
        let names = self.names_of(image.id);
        let of = |key: &str| image.configuration[key].clone();
        Ok(json!({
            "Id": image.id.to_string(), "RepoTags": names, "RepoDigests": image.known,
            "Os": of("os"), "OsVersion": of("os.version"), "Architecture": of("architecture"),
            "Config": of("config"), "RootFS": { "Type": "layers", "Layers": of("rootfs")["diff_ids"] },
        }))
    }

    fn names_of(&self, id: Digest) -> Vec<String> {
        self.lock().names.iter().filter(|(_, named)| **named == id).map(|(name, _)| name.clone()).collect()
    }

    /// `GET /images/json`
    pub(crate) fn list(&self, filters: &Filters) -> Value {
        let images: Vec<Image> = self.lock().images.values().cloned().collect();
        let wanted = images.iter().filter(|image| has_labels(&image.configuration["config"]["Labels"], filters));
        wanted.map(|image| json!({
            "Id": image.id.to_string(), "RepoTags": self.names_of(image.id), "RepoDigests": image.known,
            "Labels": image.configuration["config"]["Labels"], "ParentId": "", "Created": 0, "Size": 0, "SharedSize": -1,
            "Containers": -1,
        })).collect()
    }

    /// `DELETE /images/{name}`: a name, and the image with its last one; all of it by its id.
    pub(crate) fn remove(&self, key: &str) -> Asked<Value> {
        let image = self.find(key)?;
        let mut state = self.lock();
        let gone = match key.parse::<Reference>().map(|reference| shown(&reference)) {
            Ok(name) if state.names.contains_key(&name) => vec![name],
            _ => state.names.iter().filter(|(_, id)| **id == image.id).map(|(name, _)| name.clone()).collect(),
        };
        state.names.retain(|name, _| !gone.contains(name));
        let mut told: Vec<Value> = gone.iter().map(|name| json!({ "Untagged": name })).collect();
        if !state.names.values().any(|id| *id == image.id) {
            state.images.remove(&image.id);
            told.push(json!({ "Deleted": image.id.to_string() }));
        }
        // A repository without a name of the image here is not one that it is known in.
        let State { images, names } = &mut *state;
        if let Some(image) = images.get_mut(&image.id) {
            let named = |known: &str| {
                let repository = known.split('@').next().unwrap_or_default();
                names.iter().any(|(name, id)| {
                    *id == image.id && name.strip_prefix(repository).is_some_and(|rest| rest.starts_with(':'))
                })
            };
            image.known.retain(|known| named(known));
        }
        Ok(Value::Array(told))
    }
}

/// A name with its tag.
fn shown(reference: &Reference) -> String {
    reference.clone().with_default_tag().to_string()
}
