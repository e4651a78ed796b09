//! Holds the sources of acre to the rules of its house: who may depend on whom, what may be named where, and what may
//! not be written at all.
//!
//! The rules are pure: a [`Tree`] goes in, [`Finding`]s come out. What is ruled is data, in [`house`]; how it is found
//! is one file per rule, under [`rules`]. The binary reads the repository and prints.
//!
//! Sources are tokenized and not parsed: that is fast, sees into macros, and is blind to comments and strings. The
//! price is that names are resolved through the imports of one file only; a re-export could hide a name from a rule.

use std::fmt;

pub mod house;
pub mod paths;
pub mod place;
pub mod rules;
pub mod tokens;

/// A repository, as far as rules look at it.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Every file that is under version control.
    pub files: Vec<File>,
    /// Every member of the workspace.
    pub members: Vec<Member>,
}

/// A file and what it says.
#[derive(Clone, Debug)]
pub struct File {
    /// The path from the root of the repository, with `/` between its parts.
    pub path: String,
    /// The content; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name of its package.
    pub name: String,
    /// The path of its `Cargo.toml` from the root of the repository.
    pub manifest: String,
    /// The names of all packages it depends on, for building, running and testing.
    pub dependencies: Vec<String>,
}

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The path of the file, from the root of the repository.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The name of the rule.
    pub rule: &'static str,
    /// What was found.
    pub what: String,
    /// Why it is ruled so, or what to do instead.
    pub why: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, what, why } = self;
        write!(f, "{path}:{line}: {rule}: {what}; {why}")
    }
}

/// Applies every rule to `tree`. The findings are in the order of paths and lines, each once.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = rules::edges::check(tree);
    findings.extend(rules::pure::vanished(&tree.files));
    for file in &tree.files {
        findings.extend(rules::words::check(file));
        findings.extend(rules::shape::check(file));
        findings.extend(rules::lock::check(file));
    }
    findings.extend(rules::rust(&tree.files));
    findings.sort();
    findings.dedup();
    findings
}
