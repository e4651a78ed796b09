//! Tokens → the paths they name (`std::fs::read`), written out through the imports of the file.
//!
//! `use tokio::time::{self, sleep as nap};` makes `time::sleep` and `nap` in the same file the path
//! `tokio::time::sleep`. Scopes are not looked at: an import anywhere in a file counts for all of it.

use std::collections::BTreeMap;

use crate::tokens::{Kind, Token};

/// A path, in an import or in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// Its parts from the root of the crate it comes from; a glob import ends in `*`.
    pub segments: Vec<&'a str>,
    /// The line, from 1.
    pub line: usize,
    /// Whether it is named by test code.
    pub test: bool,
    /// How many of the first parts stand in an import and not where the path is used.
    pub imported: usize,
}

impl Path<'_> {
    /// Whether it is `name`, something in it, or a glob that brings it in.
    pub fn names(&self, name: &[&str]) -> bool {
        takes_in(&self.segments, name)
    }

    /// Whether it names `name` by its own words, so that the import it goes through is not to blame for it.
    pub fn brings(&self, name: &[&str]) -> bool {
        self.names(name) && !takes_in(&self.segments[..self.imported], name)
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.segments.join("::")
    }
}

/// Whether `segments` are `name`, something in it, or a glob of what it is in.
fn takes_in(segments: &[&str], name: &[&str]) -> bool {
    let glob = |(_, parent): (_, &[&str])| segments.strip_prefix(parent) == Some(&["*"]);
    segments.starts_with(name) || name.split_last().is_some_and(glob)
}

/// All paths of a file: imports, paths of several parts, and single names that were imported.
pub fn paths(tokens: &[Token]) -> Vec<Path<'_>> {
    let (imports, used) = scan(tokens);
    let mut by_alias: Aliases<'_, '_> = BTreeMap::new();
    for import in &imports {
        if import.path.segments != [import.alias] {
            by_alias.entry(import.alias).or_default().push(&import.path.segments);
        }
    }
    let mut found = Vec::new();
    for path in used {
        match resolved(&path, &by_alias) {
            paths if !paths.is_empty() => found.extend(paths),
            _ if path.segments.len() > 1 => found.push(path),
            _ => {}
        }
    }
    for import in &imports {
        found.extend(resolved(&import.path, &by_alias));
        found.push(import.path.clone());
    }
    found
}

/// The paths that a name of the file stands for; several if scopes import different things under it.
type Aliases<'i, 'a> = BTreeMap<&'a str, Vec<&'i [&'a str]>>;

/// What `path` is if its first part was imported; nothing if it was not.
fn resolved<'a>(path: &Path<'a>, by_alias: &Aliases<'_, 'a>) -> Vec<Path<'a>> {
    let prefixes = by_alias.get(path.segments[0]).map(Vec::as_slice).unwrap_or_default();
    let through = |prefix: &&[&'a str]| {
        let segments = prefix.iter().chain(&path.segments[1..]).copied().collect();
        Path { segments, imported: prefix.len(), ..*path }
    };
    prefixes.iter().map(through).collect()
}

/// One leaf of a `use` and the name it has in the file.
struct Import<'a> {
    path: Path<'a>,
    alias: &'a str,
}

/// Imports, and every other path as written.
fn scan(tokens: &[Token]) -> (Vec<Import<'_>>, Vec<Path<'_>>) {
    let (mut imports, mut used) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at = match token.word() {
            Some("use") => import(tokens, at + 1, &[], &mut imports),
            Some(first) if begins(tokens, at) => {
                let mut path = Path { segments: vec![first], line: token.line, test: token.test, imported: 0 };
                let end = extend(tokens, at + 1, &mut path);
                used.push(path);
                end
            }
            _ => at + 1,
        };
    }
    (imports, used)
}

/// Whether the word at `at` is the first of its path, and no field or method.
fn begins(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|at| &tokens[at].kind);
    match before(1) {
        Some(Kind::Separator) => !matches!(before(2), Some(Kind::Word(_) | Kind::Sign('>'))),
        Some(Kind::Sign('.')) => before(2) == Some(&Kind::Sign('.')),
        _ => true,
    }
}

/// Takes the parts after the first, from `at`; gives the index after the last.
fn extend<'a>(tokens: &'a [Token], mut at: usize, path: &mut Path<'a>) -> usize {
    while let Some([separator, next]) = tokens.get(at..at + 2) {
        match next.word() {
            Some(word) if separator.kind == Kind::Separator => path.segments.push(word),
            _ => break,
        }
        at += 2;
    }
    at
}

/// Takes one branch of a `use` from `at`, below `prefix`; gives the index after it.
fn import<'a>(tokens: &'a [Token], mut at: usize, prefix: &[&'a str], imports: &mut Vec<Import<'a>>) -> usize {
    let mut segments = prefix.to_vec();
    let mut alias = None;
    let mut last = None;
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Word(word) if word == "as" => {
                at += 1;
                alias = tokens.get(at).and_then(Token::word);
            }
            Kind::Word(word) if word == "self" && !segments.is_empty() => last = Some(token),
            Kind::Word(word) => {
                segments.push(word);
                last = Some(token);
            }
            Kind::Sign('*') => {
                segments.push("*");
                last = Some(token);
            }
            Kind::Separator => {}
            Kind::Open('{') => return branches(tokens, at + 1, &segments, imports),
            _ => break,
        }
        at += 1;
    }
    if let (Some(token), Some(name)) = (last, segments.last().copied()) {
        let path = Path { segments, line: token.line, test: token.test, imported: 0 };
        imports.push(Import { path, alias: alias.unwrap_or(name) });
    }
    at
}

/// Takes the branches between braces; gives the index after the closing one.
fn branches<'a>(tokens: &'a [Token], mut at: usize, prefix: &[&'a str], imports: &mut Vec<Import<'a>>) -> usize {
    while let Some(token) = tokens.get(at) {
        at = match token.kind {
            Kind::Close('{') => return at + 1,
            Kind::Word(_) | Kind::Separator | Kind::Open('{') | Kind::Sign('*') => import(tokens, at, prefix, imports),
            _ => at + 1,
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokenize;

    fn found(text: &str) -> Vec<String> {
        let tokens = tokenize(text).unwrap();
        let mut found: Vec<String> = paths(&tokens).iter().map(Path::text).collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn imports_are_written_out() {
        assert_eq!(
            found("use a::{self, b::{c as d, e}, ::f, g::*}; use ::h;"),
            ["a", "a::b::c", "a::b::e", "a::f", "a::g::*", "h"]
        );
    }

    #[test]
    fn names_are_resolved_through_imports_of_the_file() {
        assert_eq!(found("use a::b; fn f() { b::c(1..x::y) }"), ["a::b", "a::b::c", "x::y"]);
        assert_eq!(found("use a::b as c; c!(); c(); z.c()"), ["a::b"]);
        assert_eq!(found("use a::b; use b::c;"), ["a::b", "a::b::c", "b::c"]);
    }

    #[test]
    fn single_names_and_members_are_no_paths() {
        assert_eq!(found("let rand = self.tokio.time(); fn f() -> impl T + use<'_> {}"), Vec::<String>::new());
    }

    #[test]
    fn lines_are_those_of_the_leaf() {
        let tokens = tokenize("use a::{\n    b,\n    c,\n};").unwrap();
        assert!(paths(&tokens).iter().any(|path| path.segments == ["a", "c"] && path.line == 3));
    }

    #[test]
    fn a_path_names_what_it_is_in_and_what_it_globs() {
        let path = |segments: &[&'static str]| Path { segments: segments.to_vec(), line: 1, test: false, imported: 0 };
        assert!(path(&["std", "fs", "read"]).names(&["std", "fs"]));
        assert!(path(&["std", "*"]).names(&["std", "fs"]));
        assert!(!path(&["std", "io", "*"]).names(&["std", "fs"]));
        assert!(!path(&["std"]).names(&["std", "fs"]));
    }

    #[test]
    fn what_an_import_brought_is_not_brought_again() {
        let brought = |text: &str| {
            let tokens = tokenize(text).unwrap();
            paths(&tokens).iter().filter(|path| path.brings(&["std", "fs"])).map(|path| path.line).collect::<Vec<_>>()
        };
        assert_eq!(brought("use std::fs;\nfn f() { fs::read(x) }"), [1]);
        assert_eq!(brought("use std as s;\nfn f() { s::fs::read(x) }"), [2]);
    }
}
