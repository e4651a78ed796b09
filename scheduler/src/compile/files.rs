//! The files that a task is compiled from.

use super::NotCompiled;
use crate::{blobs::Blobs, farm::AliasFiles};
use acre_model::{digest::Digest, text::clip, tree::Directory};
use acre_task::{
    Files,
    find::{Found, find},
};
use bytes::Bytes;
use tokio::runtime::Handle;

/// The largest file of the tree that compiling reads, in bytes: Dockerfiles and files of aliases.
const FILE_LIMIT: u64 = 10 * 1024 * 1024;

/// Files of a tree, read out of the blobs on a thread that may block.
pub(super) struct TreeFiles {
    blobs: Blobs,
    runtime: Handle,
    root: Option<Digest>,
    aliases: AliasFiles,
}

impl TreeFiles {
    /// Of a run's source, and its files of aliases.
    pub(super) fn new(blobs: Blobs, root: Option<Digest>, aliases: AliasFiles) -> Self {
        Self { blobs, runtime: Handle::current(), root, aliases }
    }

    /// Whether there is a source at all.
    pub(super) fn has_tree(&self) -> bool {
        self.root.is_some()
    }

    /// Whether the files of aliases at these addresses can be read.
    pub(super) fn has_aliases(&self, addresses: &[String]) -> bool {
        addresses.is_empty() || self.aliases.tree.is_some() && self.aliases.addresses == addresses
    }

    fn directory(&self, digest: &Digest) -> Result<Directory, NotCompiled> {
        let farm = |why: String| NotCompiled::Farm(why);
        let bytes = self.runtime.block_on(self.blobs.get_bytes(digest)).map_err(|why| farm(why.to_string()))?;
        acre_proto::tree::decode_directory(&bytes).map_err(|why| farm(why.to_string()))
    }

    /// What is at a path.
    fn find(&self, root: Option<Digest>, path: &str) -> Result<Option<Found>, NotCompiled> {
        let Some(root) = root else { return Ok(None) };
        find(self.directory(&root)?, path, |digest| self.directory(digest).map(Some))
    }

    /// The bytes at a path of the source; `None` if there is no file.
    pub(super) fn load(&self, path: &str, limit: u64) -> Result<Option<Bytes>, NotCompiled> {
        self.load_of(self.root, path, limit)
    }

    fn load_of(&self, root: Option<Digest>, path: &str, limit: u64) -> Result<Option<Bytes>, NotCompiled> {
        match self.find(root, path)? {
            Some(Found::File { size, .. }) if size > limit => {
                let shown = size.div_ceil(1024 * 1024);
                Err(NotCompiled::TooLarge(format!(
                    "{} has {shown} MiB; limit {} MiB",
                    clip(path),
                    limit / (1024 * 1024)
                )))
            }
            Some(Found::File { digest, .. }) => {
                let bytes = self.runtime.block_on(self.blobs.get_bytes(&digest));
                bytes.map(Some).map_err(|why| NotCompiled::Farm(why.to_string()))
            }
            Some(Found::Directory(_)) | None => Ok(None),
        }
    }

    /// Some names of the root, for a message.
    pub(super) fn names(&self) -> String {
        const SHOWN: usize = 10;
        let Some(root) = self.root else { return "nothing (no source was given)".to_owned() };
        let Ok(directory) = self.directory(&root) else { return "nothing readable".to_owned() };
        let mut names: Vec<String> = directory.entries().iter().take(SHOWN).map(|entry| clip(&entry.name)).collect();
        if directory.entries().len() > SHOWN {
            names.push(format!("and {} more", directory.entries().len() - SHOWN));
        }
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }
}

impl Files for TreeFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.load(path, FILE_LIMIT).ok().flatten().map(Into::into)
    }

    fn at_address(&self, address: &str) -> Option<Vec<u8>> {
        let place = self.aliases.addresses.iter().position(|known| known == address)?;
        self.load_of(self.aliases.tree, &place.to_string(), FILE_LIMIT).ok().flatten().map(Into::into)
    }

    fn list(&self, folder: &str) -> Option<Vec<String>> {
        Some(match self.find(self.root, folder).ok()? {
            Some(Found::Directory(directory)) => directory.entries().iter().map(|entry| entry.name.clone()).collect(),
            Some(Found::File { .. }) | None => Vec::new(),
        })
    }
}
