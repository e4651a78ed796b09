//! Paths inside the source tree and the workspace: relative, with `/`, and never out of their root.

use acre_model::text::clip;

/// Where the workspace is in every container.
pub(crate) const WORKSPACE: &str = "/workspace";
/// Longest path, in bytes (Linux, `PATH_MAX`).
const LONGEST: usize = 4096;

/// Why a path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    /// More `..` than folders.
    #[error("`{0}` leaves the source tree")]
    Leaves(String),
    /// Absolute, and not in the workspace.
    #[error("`{0}` is not below /workspace, where the source tree is")]
    Absolute(String),
    /// Control characters, or too long.
    #[error("`{0}` is not a path: it is longer than 4096 bytes or holds a control character")]
    Form(String),
}

/// `path`, taken from `folder` of the tree, as a path from the root of the tree; the root is the empty text.
pub(crate) fn below_workspace(folder: &str, path: &str) -> Result<String, BadPath> {
    if path.len() > LONGEST || path.chars().any(char::is_control) {
        return Err(BadPath::Form(clip(path)));
    }
    let (folder, path) = match path.strip_prefix('/') {
        None => (folder, path),
        Some(_) => {
            let below = path.strip_prefix(WORKSPACE).filter(|rest| rest.is_empty() || rest.starts_with('/'));
            ("", below.ok_or_else(|| BadPath::Absolute(clip(path)))?)
        }
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(|| BadPath::Leaves(clip(path)))?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// `name` in `folder`, both relative to the root.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A working directory of a container: absolute as it is, relative below the workspace.
pub(crate) fn working_directory(path: &str) -> String {
    match path {
        "" | "." => WORKSPACE.to_owned(),
        _ if path.starts_with('/') => path.to_owned(),
        _ => format!("{WORKSPACE}/{}", path.trim_start_matches("./")),
    }
}
