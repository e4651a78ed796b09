//! Where things are: modules as the rules name them, and which files are tests.

/// Whether the file at `path` belongs to `place`: a folder or module without its extension, so that `tree/src/upload`
/// is `tree/src/upload.rs` and everything under `tree/src/upload/`.
pub fn inside(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Whether the file at `path` is inside any of `places`.
pub fn inside_any(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| inside(path, place))
}

/// Whether the path alone says that it is a test: the end-to-end tests, a folder `tests`, a file `tests*`.
pub fn is_test(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    path.starts_with("e2e/") || folder.split('/').any(|part| part == "tests") || name.starts_with("tests")
}

/// Whether the file is written by a generator that is under test itself.
pub fn is_generated(path: &str) -> bool {
    path.contains("/generated/")
}

/// The place of the module `name` that the file at `path` declares without a body.
pub fn submodule(path: &str, name: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder,
        _ => path.strip_suffix(".rs").unwrap_or(path),
    };
    format!("{parent}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_a_folder_and_not_its_namesakes() {
        assert!(inside("tree/src/upload.rs", "tree/src/upload"));
        assert!(inside("tree/src/upload/send.rs", "tree/src/upload"));
        assert!(inside("task/src/lib.rs", "task"));
        assert!(!inside("tree/src/uploads.rs", "tree/src/upload"));
        assert!(!inside("x/tree/src/upload.rs", "tree/src/upload"));
    }

    #[test]
    fn tests_are_known_by_their_path() {
        for path in ["e2e/src/lib.rs", "task/tests/compile.rs", "task/src/render/tests.rs"] {
            assert!(is_test(path), "{path}");
        }
        for path in ["task/src/render/mod.rs", "agent/src/latest.rs", "infra/test"] {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn submodules_lie_beside_roots_and_below_other_files() {
        assert_eq!(submodule("a/src/lib.rs", "x"), "a/src/x");
        assert_eq!(submodule("a/src/b/mod.rs", "x"), "a/src/b/x");
        assert_eq!(submodule("a/src/b.rs", "x"), "a/src/b/x");
    }
}
