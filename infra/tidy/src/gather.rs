//! The repository → a [`Tree`]: everything that is read, and every program that is asked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use acre_tidy::{File, Member, Tree};
use anyhow::Context;
use cargo_metadata::{Metadata, MetadataCommand, Package};

/// Reads the repository around the current folder. Nothing is fetched and nothing is resolved.
///
/// # Errors
/// Where there is no workspace, or a file that is listed cannot be read.
pub(crate) fn tree() -> anyhow::Result<Tree> {
    let metadata = MetadataCommand::new()
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .context("the workspace around the current folder cannot be read")?;
    let root = metadata.workspace_root.as_std_path();
    let mut files = Vec::new();
    for path in tracked(root).map_or_else(|| walked(root), Ok)? {
        files.extend(read(root, &path).with_context(|| format!("{} cannot be read", path.display()))?);
    }
    let members = metadata.workspace_packages().into_iter().map(|package| member(&metadata, package)).collect();
    Ok(Tree { files, members })
}

fn member(metadata: &Metadata, package: &Package) -> Member {
    let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root).unwrap_or(&package.manifest_path);
    Member {
        name: package.name.to_string(),
        manifest: slashed(manifest.as_std_path()),
        dependencies: package.dependencies.iter().map(|dependency| dependency.name.clone()).collect(),
    }
}

/// What git tracks under `root`; none if there is no repository, or no git.
fn tracked(root: &Path) -> Option<Vec<PathBuf>> {
    let output = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    let names = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| names.split_terminator('\0').map(PathBuf::from).collect())
}

/// Every file under `root` that neither git nor cargo keeps for itself. Links are not followed, so there is an end.
fn walked(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = vec![PathBuf::new()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(root.join(&folder)).with_context(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, kind) = (folder.join(entry.file_name()), entry.file_type()?);
            if kind.is_dir() && entry.file_name() != ".git" && path != Path::new("target") {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// Reads a file; none if it is a link or a submodule, or was deleted and the deletion not yet recorded.
fn read(root: &Path, path: &Path) -> io::Result<Option<File>> {
    let absolute = root.join(path);
    match fs::symlink_metadata(&absolute) {
        Ok(metadata) if metadata.is_file() => {
            let text = String::from_utf8_lossy(&fs::read(&absolute)?).into_owned();
            Ok(Some(File { path: slashed(path), text }))
        }
        Ok(_) => Ok(None),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// The path as the rules know it, also where folders are separated otherwise.
fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
