//! What of a tree the farm does not have.

use super::UploadError;
use crate::{
    DIGESTS,
    packed::{Content, Packed},
};
use acre_model::{
    digest::Digest,
    tree::{Directory, Node},
};
use acre_proto::v1::{FindMissingRequest, blobs_client::BlobsClient};
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use tonic::{Status, transport::Channel};

/// The missing blobs of a tree.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// Files, each once.
    pub(super) files: Vec<(Digest, Content)>,
    /// Directories, each once, after all that it names.
    pub(super) directories: Vec<(Digest, Bytes)>,
    /// Bytes of all of them.
    pub(super) bytes: u64,
}

impl Missing {
    /// Asks from the top down, level by level, and below a directory only if it is missing: a stored directory means
    /// that all below it is stored. Counts the calls in `questions`.
    pub(super) async fn ask(
        client: &mut BlobsClient<Channel>,
        project: &str,
        tree: &Packed,
        questions: &mut u64,
    ) -> Result<Self, UploadError> {
        let (mut files, mut directories) = (Vec::new(), HashMap::new());
        let mut asked = HashSet::from([tree.root()]);
        let mut level = vec![tree.root()];
        while !level.is_empty() {
            let missing = find(client, project, &level, questions).await?;
            level.clear();
            for digest in missing {
                // What is both, such as an empty file and an empty directory, goes once, as the directory.
                if let Some(directory) = tree.directory(&digest) {
                    level.extend(named(&directory).filter(|named| asked.insert(*named)));
                    directories.insert(digest, directory);
                } else {
                    let content = tree.file(&digest).ok_or(UploadError::Foreign(digest))?;
                    files.push((digest, content.clone()));
                }
            }
        }
        Self::collect(tree, files, &directories)
    }

    fn collect(
        tree: &Packed,
        files: Vec<(Digest, Content)>,
        missing: &HashMap<Digest, Directory>,
    ) -> Result<Self, UploadError> {
        let blob = |digest| tree.directory_blob(&digest).map(|blob| (digest, blob.clone()));
        let order = bottom_up(tree.root(), missing);
        let directories: Vec<_> = order
            .into_iter()
            .map(|digest| blob(digest).ok_or(UploadError::Foreign(digest)))
            .collect::<Result<_, _>>()?;
        let in_files: u64 = files.iter().map(|(_, content)| content.size).sum();
        let in_directories: u64 = directories.iter().map(|(_, blob)| blob.len() as u64).sum();
        Ok(Self { files, directories, bytes: in_files + in_directories })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }
}

/// Which of `digests` the farm does not have.
async fn find(
    client: &mut BlobsClient<Channel>,
    project: &str,
    digests: &[Digest],
    questions: &mut u64,
) -> Result<Vec<Digest>, UploadError> {
    let mut missing = Vec::new();
    for batch in digests.chunks(DIGESTS) {
        *questions += 1;
        let asked: HashSet<&Digest> = batch.iter().collect();
        let digests = batch.iter().map(|digest| digest.as_bytes().to_vec()).collect();
        let answer = client.find_missing(FindMissingRequest { project: project.to_owned(), digests }).await?;
        for digest in answer.into_inner().digests {
            let digest = Digest::try_from(digest.as_slice()).map_err(|bad| Status::internal(bad.to_string()))?;
            if !asked.contains(&digest) {
                return Err(UploadError::Foreign(digest));
            }
            missing.push(digest);
        }
    }
    Ok(missing)
}

/// The blobs that a directory names.
fn named(directory: &Directory) -> impl Iterator<Item = Digest> {
    directory.entries().iter().filter_map(|entry| match &entry.node {
        Node::File { digest, .. } | Node::Directory { digest, .. } => Some(*digest),
        Node::Symlink { .. } => None,
    })
}

/// The missing directories below and with `root`, each once and after those that it names. Not simply the levels from
/// below: a directory may stand on several.
fn bottom_up(root: Digest, missing: &HashMap<Digest, Directory>) -> Vec<Digest> {
    let (mut order, mut seen) = (Vec::new(), HashSet::new());
    let mut stack = vec![(root, false)];
    while let Some((digest, is_done)) = stack.pop() {
        let Some(directory) = missing.get(&digest) else { continue };
        if is_done {
            order.push(digest);
        } else if seen.insert(digest) {
            stack.push((digest, true));
            stack.extend(named(directory).map(|named| (named, false)));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::tree::Entry;

    fn digest(number: u8) -> Digest {
        Digest::from_bytes([number; 32])
    }

    #[test]
    fn a_directory_comes_after_all_that_it_names_and_once() {
        // 0 names 1 and 2, 1 names 3, 3 names 2; 2 stands on two levels.
        let table: [&[u8]; 4] = [&[1, 2], &[3], &[], &[2]];
        let missing = (0..).zip(table).map(|(number, named)| {
            let entry = |named: &u8| Entry {
                name: named.to_string(),
                node: Node::Directory { digest: digest(*named), mode: 0o755 },
            };
            (digest(number), Directory::new(named.iter().map(entry).collect()).unwrap())
        });
        let order = bottom_up(digest(0), &missing.collect());
        assert_eq!(order, [digest(2), digest(3), digest(1), digest(0)]);
    }
}
