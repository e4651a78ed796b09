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
pub(crate) fn working_directory(path: &str) -> Result<String, BadPath> {
    match path {
        _ if path.len() > LONGEST || path.chars().any(char::is_control) => Err(BadPath::Form(clip(path))),
        "" | "." => Ok(WORKSPACE.to_owned()),
        _ if path.starts_with('/') || is_windows(path) => Ok(path.to_owned()),
        _ => Ok(format!("{WORKSPACE}/{}", path.trim_start_matches("./"))),
    }
}

/// Whether a path is an absolute one of Windows: `c:\x`, `c:/x`.
fn is_windows(path: &str) -> bool {
    matches!(path.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

/// Where every container has something of its own.
const TAKEN: [&str; 3] = ["/", WORKSPACE, "/acb/home"];

/// An absolute path in a container, of Linux or Windows, where nothing of acre's own is.
pub(crate) fn mount(path: &str) -> Result<String, String> {
    let windows = is_windows(path);
    let control = path.len() > LONGEST || path.chars().any(char::is_control);
    let odd = path.split(['/', '\\']).any(|part| part == "..") || (!windows && path.contains(':'));
    if control || odd || !(windows || path.starts_with('/')) {
        return Err(format!("it must be an absolute path in the container, without `..`, not `{}`", clip(path)));
    }
    let trimmed = if windows { path.to_owned() } else { format!("/{}", path.trim_matches('/')) };
    if TAKEN.contains(&trimmed.as_str()) {
        return Err(format!("acre's own is at `{}` already", clip(&trimmed)));
    }
    Ok(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_directories_are_absolute() {
        let table = [
            ("", "/workspace"),
            ("./a", "/workspace/a"),
            ("/a", "/a"),
            ("c:\\foo", "c:\\foo"),
            ("D:/foo", "D:/foo"),
            ("é:/x", "/workspace/é:/x"),
        ];
        for (path, expected) in table {
            assert_eq!(working_directory(path).as_deref(), Ok(expected), "{path}");
        }
        assert!(working_directory("a\nb").is_err());
    }

    #[test]
    fn mounts_do_not_hide_what_is_acres() {
        for path in ["/workspace", "/", "//", "/../etc", "/a:/b:zzz", "a", "/acb/home/", "/a\u{1}"] {
            assert!(mount(path).is_err(), "{path}");
        }
        assert_eq!(mount("/a/").as_deref(), Ok("/a"));
        assert_eq!(mount("c:\\data").as_deref(), Ok("c:\\data"));
    }
}
