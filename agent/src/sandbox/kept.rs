//! Manifests of images that builds of a group have sent to their repositories, for its pushes to publish. They lie in a
//! folder of the group, so that a later process of the agent has them, too, and go with the group.

use super::Sandbox;
use crate::{engine::EngineError, gate::Manifest};
use acre_model::{digest::Digest, reference::Reference, session::GroupKey};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where the groups' folders are.
fn folder(data: &Path) -> PathBuf {
    data.join("manifests")
}

impl Sandbox {
    /// Keeps the manifest of an image whose blobs are in the repository of `reference`.
    pub(crate) fn keep(&self, reference: &Reference, manifest: &Manifest) -> Result<(), EngineError> {
        let path = self.kept_at(reference, manifest.digest());
        let kept = fs::create_dir_all(self.manifests()).and_then(|()| fs::write(&path, manifest.to_file()));
        kept.map_err(|why| EngineError::Transfer(format!("{} cannot be written: {why}", path.display())))
    }

    /// The manifest of this image, if its blobs are in the repository of `reference`.
    pub(crate) fn kept(&self, reference: &Reference, image: Digest) -> Option<Manifest> {
        Manifest::from_file(&fs::read(self.kept_at(reference, image)).ok()?, image)
    }

    pub(super) fn forget_kept(&self) {
        drop(fs::remove_dir_all(self.manifests()));
    }

    fn manifests(&self) -> PathBuf {
        folder(&self.works.config.data).join(self.key.to_string())
    }

    /// Hashed: a repository may be called anything.
    fn kept_at(&self, reference: &Reference, image: Digest) -> PathBuf {
        let name = Sha256::digest(format!("{}@{image}", reference.name()));
        self.manifests().join(data_encoding::HEXLOWER.encode(&name))
    }
}

/// Removes what groups have kept that are not wanted any more.
pub(crate) fn forget_unwanted(data: &Path, wanted: &BTreeSet<GroupKey>) {
    let wanted: BTreeSet<PathBuf> = wanted.iter().map(|group| folder(data).join(group.to_string())).collect();
    let Ok(found) = fs::read_dir(folder(data)) else { return };
    for path in found.flatten().map(|entry| entry.path()).filter(|path| !wanted.contains(path)) {
        drop(fs::remove_dir_all(path));
    }
}
