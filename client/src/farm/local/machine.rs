//! What the farm finds on its machine: programs, and room for its files.

use super::LocalError;
use crate::system;
use acre_link::make_private_folder;
use std::{
    env,
    env::consts::EXE_SUFFIX,
    fs,
    path::{Path, PathBuf},
};

/// A program that belongs to `acre`: beside it, else on PATH.
pub fn find(program: &'static str) -> Result<PathBuf, LocalError> {
    let own = env::current_exe().and_then(fs::canonicalize).ok();
    let folder = own.as_deref().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.clone()).chain(env::split_paths(&path).filter(|folder| folder.is_absolute()));
    let executable = |path: &PathBuf| fs::metadata(path).is_ok_and(|data| system::is_program(&data));
    let found = folders.map(|folder| folder.join(format!("{program}{EXE_SUFFIX}"))).find(executable);
    found.ok_or(LocalError::Missing { program, folder: folder.display().to_string() })
}

/// A folder for this user alone.
pub(super) fn make_folder(path: &Path) -> Result<(), LocalError> {
    let made = make_private_folder(path);
    made.map_err(LocalError::system(format!("cannot make the folder {}", path.display())))
}
