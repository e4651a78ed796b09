//! Where artifacts go: below one folder, whatever their paths say and whatever lies in the folder.

use crate::{error::Error, system};
use acre_model::{report::Artifact, text::clip};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    path::{Component, Path, PathBuf},
};

/// Why an artifact is not written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misplaced {
    /// A path that could leave the folder.
    #[error("artifact `{0}` is not written: its path leaves the folder")]
    Outside(String),
    /// A name that this system does not allow.
    #[error("artifact `{path}` is not written: {why}; write it on Linux, or give it another name in the task")]
    Name {
        /// The artifact.
        path: String,
        /// What is wrong with the name.
        why: &'static str,
    },
    /// Something else than a folder is in the way.
    #[error("artifact `{path}` is not written: `{at}` is not a folder")]
    InTheWay {
        /// The artifact.
        path: String,
        /// What is in the way.
        at: String,
    },
}

/// The path of each artifact below the folder: its own, or, where several units left the same path, one below a folder
/// for the unit.
pub(super) fn places<'a>(artifacts: &[&'a Artifact]) -> Result<Vec<(PathBuf, &'a Artifact)>, Misplaced> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    artifacts.iter().for_each(|artifact| *left.entry(&artifact.path).or_default() += 1);
    let place = |artifact: &&'a Artifact| {
        let own = inside(&artifact.path)?;
        let path = match left.get(artifact.path.as_str()) {
            Some(1) => own,
            _ => inside(&artifact.unit.replace('/', "-"))?.join(own),
        };
        Ok((path, *artifact))
    };
    artifacts.iter().map(place).collect()
}

/// A path that stays below where it begins.
fn inside(path: &str) -> Result<PathBuf, Misplaced> {
    let is_inside = !path.is_empty()
        && !path.contains(['\0', '\n', '\r'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_inside {
        return Err(Misplaced::Outside(clip(path)));
    }
    let allowed = path.split('/').try_for_each(system::check_name);
    allowed.map(|()| PathBuf::from(path)).map_err(|why| Misplaced::Name { path: clip(path), why })
}

/// A folder that files are written below.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder, made if need be.
    pub(super) fn new(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(Error::file(format!("cannot make the folder {}", path.display())))?;
        Ok(Self(path.to_owned()))
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts the content of a file at a path below the folder, in place of what was there; returns its whole path. No
    /// link on the way is followed.
    pub(super) fn write(&self, path: &Path, content: &Path) -> Result<PathBuf, Error> {
        let mut at = self.0.clone();
        for part in path.parent().into_iter().flat_map(Path::components) {
            at.push(part);
            enter(&at, path)?;
        }
        let whole = self.0.join(path);
        let written = put(&whole, content);
        written.map_err(Error::file(format!("cannot write {}", whole.display())))?;
        Ok(whole)
    }
}

/// Makes sure that there is a folder.
fn enter(folder: &Path, path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => {
            let shown = |path: &Path| clip(&path.display().to_string());
            Err(Misplaced::InTheWay { path: shown(path), at: shown(folder) }.into())
        }
        Err(_) => fs::create_dir(folder).map_err(Error::file(format!("cannot make the folder {}", folder.display()))),
    }
}

/// Written beside and renamed, so that what was there, a link for one, is replaced and not written through.
fn put(whole: &Path, content: &Path) -> io::Result<()> {
    let mut name = whole.file_name().unwrap_or_default().to_owned();
    name.push(".acre-part");
    let part = whole.with_file_name(name);
    if fs::symlink_metadata(&part).is_ok() {
        fs::remove_file(&part)?;
    }
    let mut new = OpenOptions::new().write(true).create_new(true).open(&part)?;
    io::copy(&mut File::open(content)?, &mut new)?;
    fs::rename(part, whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use acre_model::digest::Digest;

    fn artifact(unit: &str, path: &str) -> Artifact {
        Artifact { unit: unit.to_owned(), path: path.to_owned(), digest: Digest::from_bytes([1; 32]), size: 1 }
    }

    #[test]
    fn a_path_of_several_units_goes_into_a_folder_for_each() {
        let artifacts = [
            artifact("a@linux/amd64", "out/x"),
            artifact("b@linux/arm64/v8", "out/x"),
            artifact("a@linux/amd64", "out/y"),
        ];
        let artifacts: Vec<&Artifact> = artifacts.iter().collect();
        let paths: Vec<_> = places(&artifacts).unwrap().into_iter().map(|(path, _)| path).collect();
        let expected = ["a@linux-amd64/out/x", "b@linux-arm64-v8/out/x", "out/y"];
        assert_eq!(paths, expected.map(PathBuf::from));
    }

    #[test]
    fn nothing_is_written_outside() {
        for path in ["../x", "/etc/x", "a/../../x", "", "a\0b", "a\nb", "./x"] {
            let bad = artifact("a@linux/amd64", path);
            assert_eq!(places(&[&bad]).unwrap_err(), Misplaced::Outside(clip(path)), "{path:?}");
        }
        let unit = artifact("..", "x");
        assert!(places(&[&unit, &unit]).is_err());
    }

    #[test]
    fn links_in_the_folder_are_not_followed() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("target");
        fs::write(&target, "untouched").unwrap();
        std::os::unix::fs::symlink(&target, root.path().join("file")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("folder")).unwrap();
        let content = root.path().join("content");
        fs::write(&content, "new").unwrap();
        let folder = Folder::new(root.path()).unwrap();
        folder.write(Path::new("file"), &content).unwrap();
        folder.write(Path::new("a/b/c"), &content).unwrap();
        for path in ["file", "a/b/c"] {
            assert_eq!(fs::read_to_string(root.path().join(path)).unwrap(), "new", "{path}");
        }
        let refused = folder.write(Path::new("folder/x"), &content).unwrap_err().to_string();
        assert!(refused.contains("is not a folder"), "{refused}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}
