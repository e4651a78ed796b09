//! Artifacts: files of the workspace that are kept with the run, as blobs of the farm.

use super::{
    Job,
    files::{self, Take},
};
use crate::source;
use acre_model::{attempt::UnitResult, report::Artifact, text::clip, tree::Node};
use acre_tree::pack::Options;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};
use tempfile::TempDir;

/// Files of one step, at most.
const FILES: usize = 10_000;
/// Bytes of them all, at most.
const BYTES: u64 = 1 << 30;

/// Where files lie on their way to the farm.
fn folder(data: &Path) -> PathBuf {
    data.join("artifacts")
}

/// Removes what an earlier process left on its way.
pub(crate) fn forget_unfinished(data: &Path) {
    drop(fs::remove_dir_all(folder(data)));
}

/// Files taken out of the workspace: each lies under a number, since no name from outside is one on this machine.
struct Taken {
    folder: TempDir,
    numbers: BTreeMap<String, usize>,
    bytes: u64,
}

/// Keeps the files that the step's globs name. Those that fit are kept where there are too many.
pub(super) async fn keep(job: &Job, result: &mut UnitResult) {
    let mut taken = match Taken::new(&job.works.config.data) {
        Ok(taken) => taken,
        Err(why) => return result.warnings.push(format!("artifacts: no place for them on the agent: {why}")),
    };
    for glob in &job.attempt.unit.artifacts {
        let before = taken.numbers.len();
        let done;
        (taken, done) = files::each(job, glob, taken, TAKE).await;
        match done {
            Err(why) => result.warnings.push(format!("artifacts `{}`: {why}", clip(glob))),
            Ok(()) if taken.numbers.len() == before => {
                result.warnings.push(format!("artifacts `{}`: no file matches", clip(glob)));
            }
            Ok(()) => {}
        }
    }
    if taken.numbers.is_empty() {
        return;
    }
    match taken.upload(job).await {
        Ok(artifacts) => result.artifacts = artifacts,
        Err(why) => result.warnings.push(format!("artifacts: {why}")),
    }
}

const TAKE: Take<Taken> = |taken, path, size, content| taken.take(path, size, content);

impl Taken {
    fn new(data: &Path) -> io::Result<Self> {
        let folder = folder(data);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder: tempfile::tempdir_in(folder)?, numbers: BTreeMap::new(), bytes: 0 })
    }

    fn take(&mut self, path: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
        if self.numbers.contains_key(path) {
            return Ok(());
        }
        if self.numbers.len() == FILES {
            return Err(io::Error::other(format!("only the first {FILES} files are kept")));
        }
        if self.bytes + size > BYTES {
            let why = format!("only {} MiB are kept; `{}` and what follows is left out", BYTES >> 20, clip(path));
            return Err(io::Error::other(why));
        }
        let number = self.numbers.len();
        let mut file = fs::File::create_new(self.folder.path().join(number.to_string()))?;
        self.bytes += io::copy(content, &mut file)?;
        self.numbers.insert(path.to_owned(), number);
        Ok(())
    }

    /// Puts the contents into the farm. They go as a tree, which asks what is missing first.
    async fn upload(self, job: &Job) -> Result<Vec<Artifact>, String> {
        let options = Options { ignore: acre_tree::Ignore::default(), stat_cache: None, now: SystemTime::now() };
        let packed = acre_tree::pack(self.folder.path().to_owned(), options).await.map_err(|why| why.to_string())?;
        let mut client = source::blobs(&job.works);
        let project = job.project().to_string();
        let uploaded = acre_tree::upload(&mut client, &project, &packed.tree, |_| {}).await;
        uploaded.map_err(|why| why.to_string())?;
        let entries = packed.tree.entries().map_err(|why| why.to_string())?;
        let contents: BTreeMap<String, (_, u64)> = entries
            .into_iter()
            .filter_map(|(name, node)| match node {
                Node::File { digest, size, .. } => Some((name, (digest, size))),
                Node::Directory { .. } | Node::Symlink { .. } => None,
            })
            .collect();
        let unit = &job.attempt.unit.name;
        let artifacts = self.numbers.into_iter().filter_map(|(path, number)| {
            let (digest, size) = *contents.get(&number.to_string())?;
            Some(Artifact { unit: unit.clone(), path, digest, size })
        });
        Ok(artifacts.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_once_and_only_what_fits() {
        let data = tempfile::tempdir().unwrap();
        let mut taken = Taken::new(data.path()).unwrap();
        taken.take("a/b.txt", 5, &mut &b"hello"[..]).unwrap();
        taken.take("a/b.txt", 5, &mut &b"again"[..]).unwrap();
        let why = taken.take("big", BYTES, &mut io::empty()).unwrap_err().to_string();
        assert!(why.contains("1024 MiB") && why.contains("`big`"), "{why}");
        assert_eq!((taken.numbers.len(), taken.bytes), (1, 5));
        assert_eq!(fs::read(taken.folder.path().join("0")).unwrap(), b"hello");
    }
}
