//! Directories of source trees as blobs (`blobs.proto`, `Directory`).

use crate::{Invalid, convert::field, v1};
use acre_model::{
    digest::Digest,
    tree::{Directory, Entry, Node},
};
use prost::Message;
use v1::directory::entry::Node as Wire;

/// The bytes of a directory's blob. Equal directories have equal bytes: prost writes fields in order of their numbers
/// and leaves out defaults.
pub fn encode_directory(directory: &Directory) -> Vec<u8> {
    let entries = directory.entries().iter().map(|entry| {
        let node = match &entry.node {
            Node::File { digest, size, mode } => {
                Wire::File(v1::directory::File { digest: digest.as_bytes().to_vec(), size: *size, mode: *mode })
            }
            Node::Directory { digest, mode } => {
                Wire::Directory(v1::directory::Subdirectory { digest: digest.as_bytes().to_vec(), mode: *mode })
            }
            Node::Symlink { target } => Wire::Symlink(target.clone()),
        };
        v1::directory::Entry { name: entry.name.clone(), node: Some(node) }
    });
    v1::Directory { entries: entries.collect() }.encode_to_vec()
}

/// The directory in a blob, checked.
pub fn decode_directory(blob: &[u8]) -> Result<Directory, Invalid> {
    let wire = v1::Directory::decode(blob).map_err(|why| Invalid::new("directory", why))?;
    let entries: Result<Vec<Entry>, Invalid> = wire.entries.into_iter().map(entry).collect();
    field("directory.entries", Directory::new(entries?))
}

fn entry(wire: v1::directory::Entry) -> Result<Entry, Invalid> {
    let digest = |bytes: &[u8]| field("directory.entries.digest", Digest::try_from(bytes));
    let node = match wire.node.ok_or_else(|| Invalid::missing("directory.entries.node"))? {
        Wire::File(file) => Node::File { digest: digest(&file.digest)?, size: file.size, mode: file.mode },
        Wire::Directory(directory) => Node::Directory { digest: digest(&directory.digest)?, mode: directory.mode },
        Wire::Symlink(target) => Node::Symlink { target },
    };
    Ok(Entry { name: wire.name, node })
}
