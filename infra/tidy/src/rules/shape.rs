//! Rules `module-docs` and `file-length`: every module says what it is for, and fits in a head.

use crate::{File, Finding, house::MOST_LINES, place};

/// Looks at the first line of Rust files, and at the length of all sources.
pub fn check(file: &File) -> Vec<Finding> {
    if place::is_generated(&file.path) {
        return Vec::new();
    }
    let finding = |line, rule, what, why| Finding { path: file.path.clone(), line, rule, what, why };
    let mut findings = Vec::new();
    if file.path.ends_with(".rs") && !file.text.starts_with("//! ") {
        let what = "the file does not begin with `//!`".to_owned();
        findings.push(finding(1, "module-docs", what, "the first line of a module says what it is for"));
    }
    let lines = file.text.lines().count();
    if is_source(file) && !place::is_test(&file.path) && lines > MOST_LINES {
        let what = format!("{lines} lines, more than {MOST_LINES}");
        findings.push(finding(MOST_LINES + 1, "file-length", what, "a file is one idea: take it apart"));
    }
    findings
}

/// Whether people write it as a program: by its extension, or since it says which program runs it.
fn is_source(file: &File) -> bool {
    let extensions = [".rs", ".sh", ".py", ".proto"];
    extensions.iter().any(|extension| file.path.ends_with(extension)) || file.text.starts_with("#!")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<&'static str> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&file).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn modules_begin_with_their_documentation() {
        assert_eq!(found("a/src/b.rs", "//! What it is for.\n"), [""; 0]);
        for text in ["", "// A comment.\n", "\n//! Too late.\n", "//!\n", "use a::b;\n"] {
            assert_eq!(found("a/src/b.rs", text), ["module-docs"], "{text:?}");
        }
        assert_eq!(found("proto/src/generated/a.rs", "// by a generator"), [""; 0]);
        assert_eq!(found("infra/lib/a.sh", "# A script."), [""; 0]);
    }

    #[test]
    fn sources_are_of_a_length_that_fits_in_a_head() {
        let long = |first: &str, lines: usize| format!("{first}\n{}", "x\n".repeat(lines - 1));
        assert_eq!(found("a/src/b.rs", &long("//! B.", MOST_LINES)), [""; 0]);
        assert_eq!(found("a/src/b.rs", &long("//! B.", MOST_LINES + 1)), ["file-length"]);
        assert_eq!(found("infra/bench", &long("#!/bin/sh", MOST_LINES + 1)), ["file-length"]);
        for free in ["a/tests/b.rs", "a/src/generated/b.rs", "docs/b.md"] {
            assert_eq!(found(free, &long("//! B.", MOST_LINES + 1)), [""; 0], "{free}");
        }
    }
}
