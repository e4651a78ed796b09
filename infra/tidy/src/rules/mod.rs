//! The rules, one idea per file: what they are given goes in, findings come out.

pub mod confined;
pub mod doors;
pub mod edges;
pub mod lock;
pub mod pure;
pub mod shape;
pub mod sleep;
pub mod unfinished;
pub mod words;

use crate::{
    File, Finding,
    paths::{Path, paths},
    place,
    tokens::{NotRust, Token, test_modules, tokenize},
};

/// A Rust file, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The path from the root of the repository.
    pub path: &'a str,
    /// Whether all of it is test code.
    pub test: bool,
    /// All tokens.
    pub tokens: &'a [Token],
    /// All paths named by them.
    pub paths: &'a [Path<'a>],
}

impl Source<'_> {
    /// A finding in this file.
    fn finding(&self, line: usize, rule: &'static str, what: String, why: &'static str) -> Finding {
        Finding { path: self.path.to_owned(), line, rule, what, why }
    }

    /// A finding for every word of `words`.
    fn words(&self, words: &[&str], rule: &'static str, why: &'static str) -> Vec<Finding> {
        let named =
            |token: &Token| token.word().filter(|word| words.contains(word)).map(|word| (token.line, word.to_owned()));
        self.tokens
            .iter()
            .filter_map(named)
            .map(|(line, word)| self.finding(line, rule, format!("`{word}`"), why))
            .collect()
    }
}

/// Applies the rules of Rust sources to those of `files` that are such.
pub fn rust(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs") && !place::is_generated(&file.path)) {
        match tokenize(&file.text) {
            Ok(tokens) => sources.push((file.path.as_str(), tokens)),
            Err(NotRust { line }) => findings.push(Finding {
                path: file.path.clone(),
                line,
                rule: "readable",
                what: "no Rust from here on".to_owned(),
                why: "the other rules cannot read this file",
            }),
        }
    }
    let modules = |(path, tokens): &(&str, Vec<Token>)| {
        test_modules(tokens).map(|name| place::submodule(path, name)).collect::<Vec<_>>()
    };
    let tests: Vec<String> = sources.iter().flat_map(modules).collect();
    for (path, tokens) in &sources {
        let test = place::is_test(path) || tests.iter().any(|module| place::inside(path, module));
        findings.extend(source(&Source { path, test, tokens, paths: &paths(tokens) }));
    }
    findings
}

fn source(source: &Source<'_>) -> Vec<Finding> {
    [confined::check, doors::check, pure::check, sleep::check, unfinished::check]
        .iter()
        .flat_map(|check| check(source))
        .collect()
}

/// What the rules of Rust sources find in one file, as `line: rule: what`.
#[cfg(test)]
fn found(path: &str, text: &str) -> Vec<String> {
    let file = File { path: path.to_owned(), text: text.to_owned() };
    let mut findings = rust(&[file]);
    findings.sort();
    findings.dedup();
    findings.iter().map(|finding| format!("{}: {}: {}", finding.line, finding.rule, finding.what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(found("a/src/lib.rs", "fn a() {}\n}"), ["2: readable: no Rust from here on"]);
    }

    #[test]
    fn a_file_declared_as_a_test_module_is_a_test() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let body = "async fn f() { tokio::time::sleep(x).await }";
        let declared = |attribute: &str| {
            let root = file("a/src/lib.rs", &format!("{attribute} mod contract;"));
            rust(&[root, file("a/src/contract/wait.rs", body)]).len()
        };
        assert_eq!(declared("#[cfg(test)]"), 1);
        assert_eq!(declared(""), 0);
    }
}
