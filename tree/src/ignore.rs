//! The rules of `.dockerignore`: which paths of a directory are not sent.
//!
//! Source: Docker's documentation of `.dockerignore` ("Build context", "Syntax"), Go's `filepath.Match` and
//! `filepath.Clean`, and the behavior of moby's matcher, which Docker and BuildKit share: a rule also covers everything
//! below what it matches, and the last rule that covers a path decides. Where moby lets a character reach its regular
//! expressions that `filepath.Match` documents as itself (`\d`, `^` outside brackets), the documentation wins.

use crate::system;
use acre_model::text::clip;
use regex::Regex;

/// The most bytes of rules.
pub const RULES_SIZE: usize = 1024 * 1024;

/// The most rules; each is matched against each path.
pub const RULES: usize = 10_000;

/// Rules in the order in which they stand. Paths are relative to the directory they are for, separated by `/`.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
    /// Lists beside this one: a path is ignored only where all of them ignore it.
    others: Vec<Ignore>,
}

/// Why a text is not a list of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIgnore {
    /// An exception for nothing.
    #[error("line {line}: `!` stands alone; write the path that is not to be ignored behind it")]
    Nothing {
        /// Counted from 1.
        line: usize,
    },
    /// Not a pattern in the sense of `filepath.Match`.
    #[error("line {line}: `{pattern}` is not a pattern: {why}")]
    Pattern {
        /// Counted from 1.
        line: usize,
        /// The rule.
        pattern: String,
        /// What is wrong in it.
        why: &'static str,
    },
    /// Too much of it.
    #[error("more than {RULES} rules or {RULES_SIZE} bytes")]
    TooMuch,
}

/// What the rules say about a directory; the answer for what lies in it builds on it (see [`Ignore::enter`]).
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// By rule, whether it covers the directory. Empty for the root.
    covered: Vec<bool>,
    /// The same by the other lists. Empty for the root.
    others: Vec<Scope>,
}

#[derive(Clone, Debug)]
struct Rule {
    exception: bool,
    matcher: Matcher,
    /// For an exception, how its parts match names of directories above what it is about.
    parts: Vec<Part>,
}

/// How a pattern matches a whole path. Plain ones need no regular expression, and `**name` at the start takes any path
/// that ends in `name`, even in the middle of a name.
#[derive(Clone, Debug)]
enum Matcher {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Regex(Regex),
}

/// One part of a pattern, between slashes.
#[derive(Clone, Debug)]
enum Part {
    /// Matches one name.
    Name(Matcher),
    /// May match several names, slashes and all.
    Anything,
}

impl Ignore {
    /// The rules in the text of a `.dockerignore`: one a line; lines that start with `#` are comments, blanks around a
    /// rule and a leading `/` have no meaning.
    pub fn parse(text: &str) -> Result<Self, BadIgnore> {
        if text.len() > RULES_SIZE {
            return Err(BadIgnore::TooMuch);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.split('\n').enumerate().filter(|(_, line)| !line.starts_with('#'));
        Self::collect(lines.map(|(index, line)| (index + 1, line)))
    }

    /// The rules of a list; as in a `.dockerignore`, but nothing is a comment.
    pub fn from_patterns(patterns: &[String]) -> Result<Self, BadIgnore> {
        Self::collect(patterns.iter().enumerate().map(|(index, pattern)| (index + 1, pattern.as_str())))
    }

    fn collect<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, BadIgnore> {
        let rules = lines.filter_map(|(line, text)| rule(line, text).transpose());
        let rules = rules.take(RULES + 1).collect::<Result<Vec<Rule>, BadIgnore>>()?;
        if rules.len() > RULES { Err(BadIgnore::TooMuch) } else { Ok(Self { rules, others: Vec::new() }) }
    }

    /// Whether nothing is ignored, since there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() || self.others.iter().any(Self::is_empty)
    }

    /// For who needs what either list leaves: ignored is only what both ignore.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.others.push(other);
        self
    }

    /// These rules, and after them exceptions for exactly these paths (and what lies below them): the Dockerfile and
    /// the `.dockerignore` itself are sent although ignored.
    #[must_use]
    pub fn keeping<'a>(mut self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        for path in paths {
            let path = clean(path);
            let parts = path.split('/').map(|name| Part::Name(Matcher::Exact(name.to_owned()))).collect();
            self.rules.push(Rule { exception: true, matcher: Matcher::Exact(path), parts });
        }
        self
    }

    /// Whether `path` is ignored, by a rule for itself or for a directory above it. The root (`` or `.`) never is.
    pub fn is_ignored(&self, path: &str) -> bool {
        let path = clean(path);
        if path == "." {
            return false;
        }
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let scope = above.fold(Scope::default(), |scope, directory| self.enter(&scope, directory));
        self.is_ignored_in(&scope, &path)
    }

    /// Whether `path`, which lies in the directory of `scope`, is ignored.
    pub fn is_ignored_in(&self, scope: &Scope, path: &str) -> bool {
        let last = (0..self.rules.len()).rev().find(|&index| self.covers(index, scope, path));
        last.is_some_and(|index| !self.rules[index].exception)
            && self.others.iter().enumerate().all(|(index, other)| other.is_ignored_in(scope.other(index), path))
    }

    /// The scope of the directory `path`, which lies in the directory of `scope`.
    pub fn enter(&self, scope: &Scope, path: &str) -> Scope {
        let others = self.others.iter().enumerate().map(|(index, other)| other.enter(scope.other(index), path));
        Scope {
            covered: (0..self.rules.len()).map(|index| self.covers(index, scope, path)).collect(),
            others: others.collect(),
        }
    }

    /// Whether something below the ignored directory `dir` may not be ignored, so that it has to be walked. May err on
    /// the side of walking.
    pub fn may_contain_exceptions(&self, dir: &str) -> bool {
        let dir = clean(dir);
        let above = dir.match_indices('/').map(|(at, _)| &dir[..at]);
        let scope = above.fold(Scope::default(), |scope, directory| self.enter(&scope, directory));
        self.may_contain_exceptions_in(&self.enter(&scope, &dir), &dir)
    }

    /// [`Self::may_contain_exceptions`], where the scope of the directory is known.
    pub fn may_contain_exceptions_in(&self, scope: &Scope, dir: &str) -> bool {
        // A rule that covers the directory covers all below it, so only exceptions after the last such rule count.
        let ignoring = (0..self.rules.len()).rev().find(|&index| scope.has(index) && !self.rules[index].exception);
        let after = ignoring.map_or(0, |index| index + 1);
        self.rules[after..].iter().any(|rule| rule.exception && rule.reaches_into(dir))
            || self
                .others
                .iter()
                .enumerate()
                .any(|(index, other)| other.may_contain_exceptions_in(scope.other(index), dir))
    }

    fn covers(&self, index: usize, scope: &Scope, path: &str) -> bool {
        scope.has(index) || self.rules[index].matcher.matches(path)
    }
}

/// The scope of the root.
static ROOT: Scope = Scope { covered: Vec::new(), others: Vec::new() };

impl Scope {
    fn other(&self, index: usize) -> &Self {
        self.others.get(index).unwrap_or(&ROOT)
    }

    fn has(&self, index: usize) -> bool {
        self.covered.get(index).copied().unwrap_or(false)
    }
}

impl Rule {
    /// Whether the rule may match something below `dir`.
    fn reaches_into(&self, dir: &str) -> bool {
        let mut parts = self.parts.iter();
        for name in dir.split('/') {
            match parts.next() {
                Some(Part::Anything) => return true,
                Some(Part::Name(matcher)) if matcher.matches(name) => {}
                _ => return false,
            }
        }
        parts.next().is_some()
    }
}

impl Matcher {
    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Prefix(prefix) => path.starts_with(prefix.as_str()),
            // `**/name` also matches `name` in the root.
            Self::Suffix(suffix) => path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path),
            Self::Regex(regex) => regex.is_match(path),
        }
    }
}

/// The rule of a line, if there is one.
fn rule(line: usize, text: &str) -> Result<Option<Rule>, BadIgnore> {
    let text = text.trim();
    let (exception, text) = match text.strip_prefix('!') {
        Some(rest) if rest.trim().is_empty() => return Err(BadIgnore::Nothing { line }),
        Some(rest) => (true, rest.trim()),
        None if text.is_empty() => return Ok(None),
        None => (false, text),
    };
    let pattern = clean(text);
    let bad = |why| BadIgnore::Pattern { line, pattern: clip(text), why };
    let parts = if exception { pattern.split('/').map(part).collect::<Result<_, _>>().map_err(bad)? } else { vec![] };
    Ok(Some(Rule { exception, matcher: matcher(&pattern).map_err(bad)?, parts }))
}

/// A part that holds `**` may stand for several names, and brackets may match a slash.
fn part(text: &str) -> Result<Part, &'static str> {
    if text.contains("**") || text.contains(['[', ']']) { Ok(Part::Anything) } else { matcher(text).map(Part::Name) }
}

/// `path` without empty parts, `.`, and `..` where it has something to cancel, nor a leading or trailing `/`
/// (`filepath.Clean`, and the leading slash that `.dockerignore` gives no meaning). `.` where nothing is left.
fn clean(path: &str) -> String {
    // On Windows both slashes separate, and nothing escapes.
    let path = system::with_slashes(path.to_owned());
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if path.starts_with('/') => {}
            _ => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The matcher of a pattern, or what is wrong with the pattern.
fn matcher(pattern: &str) -> Result<Matcher, &'static str> {
    const SPECIAL: [char; 5] = ['*', '?', '[', ']', '\\'];
    if !pattern.contains(SPECIAL) {
        return Ok(Matcher::Exact(pattern.to_owned()));
    }
    if let Some(prefix) = pattern.strip_suffix("**").filter(|prefix| !prefix.is_empty() && !prefix.contains(SPECIAL)) {
        return Ok(Matcher::Prefix(prefix.to_owned()));
    }
    if let Some(suffix) = pattern.strip_prefix("**").filter(|suffix| !suffix.contains(SPECIAL)) {
        return Ok(Matcher::Suffix(suffix.to_owned()));
    }
    Regex::new(&expression(pattern)?)
        .map(Matcher::Regex)
        .map_err(|_| "it is too large, or a range is the wrong way round")
}

/// The regular expression of a pattern.
fn expression(pattern: &str) -> Result<String, &'static str> {
    let mut expression = "^".to_owned();
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.next_if_eq(&'*').is_some() => {
                // `**/` is the same as `**`: any number of directories, also none.
                rest.next_if_eq(&'/');
                expression.push_str(if rest.peek().is_none() { ".*" } else { "(.*/)?" });
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => brackets(&mut rest, &mut expression)?,
            '\\' => literal(rest.next().ok_or("it ends in `\\`")?, &mut expression),
            other => literal(other, &mut expression),
        }
    }
    expression.push('$');
    Ok(expression)
}

/// The rest of `[…]`: at least one character or range, after a `^` for any other (`filepath.Match`).
fn brackets(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, expression: &mut String) -> Result<(), &'static str> {
    expression.push('[');
    if rest.next_if_eq(&'^').is_some() {
        expression.push('^');
    }
    for count in 0.. {
        if count > 0 && rest.next_if_eq(&']').is_some() {
            break;
        }
        member(rest, expression)?;
        if rest.next_if_eq(&'-').is_some() {
            expression.push('-');
            member(rest, expression)?;
        }
    }
    expression.push(']');
    Ok(())
}

/// One character in brackets.
fn member(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, expression: &mut String) -> Result<(), &'static str> {
    const OPEN: &str = "a `[` is not closed";
    match rest.next().ok_or(OPEN)? {
        '-' | ']' => Err("in brackets `-` and `]` need a `\\` before them unless they form a range or end"),
        '\\' => rest.next().ok_or(OPEN).map(|escaped| literal(escaped, expression)),
        other => {
            literal(other, expression);
            Ok(())
        }
    }
}

/// `character` for itself, in and out of brackets.
fn literal(character: char, expression: &mut String) {
    expression.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests;
