//! Path patterns as Docker matches them in `.dockerignore` and in what BuildKit asks for (github.com/moby/patternmatcher,
//! `New` and `MatchesUsingParentResults`): `*` and `?` stop at `/`, `**` does not, `[…]` is a class, `\` takes the next
//! character as it is, a leading `!` excepts, the last pattern that matches decides, and what matches a directory matches
//! all below it. Pure.

use acre_model::text::clip;

/// A list of patterns.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns(Vec<Pattern>);

/// Which patterns match a path, for the paths below it to build on.
#[derive(Clone, Debug, Default)]
pub(super) struct Matched(Vec<bool>);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pattern: {1}")]
pub(super) struct BadPattern(String, &'static str);

#[derive(Clone, Debug)]
struct Pattern {
    excepts: bool,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// Without anything special, as most are.
    Literal(String),
    Tokens(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// This character.
    Just(char),
    /// One character, not `/`.
    One,
    /// Any characters, not `/`.
    Some,
    /// Any directories, each with its `/`, or none.
    Directories,
    /// Anything.
    All,
    /// One of these, or none of these.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// The patterns in the text of a `.dockerignore` file, cleaned: comments and blank lines left out, `.` and `..` and a
/// leading `/` resolved.
pub(super) fn ignore_file(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(clean_line).collect()
}

fn clean_line(line: &str) -> String {
    let (mark, path) = match line.strip_prefix('!') {
        Some(path) => ("!", path.trim()),
        None => ("", line),
    };
    if path.is_empty() {
        return mark.to_owned();
    }
    let cleaned = clean(path);
    let relative = if cleaned.len() > 1 { cleaned.strip_prefix('/').unwrap_or(&cleaned) } else { &cleaned };
    format!("{mark}{relative}")
}

/// A path without `.`, empty names and resolvable `..` (Go's `path.Clean`).
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            ".." if rooted => {}
            name => names.push(name),
        }
    }
    match (rooted, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}

impl Patterns {
    /// Reads patterns, one text each.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPattern> {
        let texts = texts.into_iter().map(str::trim).filter(|text| !text.is_empty());
        texts.map(Pattern::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `path` matches, given what matched its parent; and what matches it.
    pub(super) fn matches(&self, path: &str, parent: &Matched) -> (bool, Matched) {
        let characters: Vec<char> = path.chars().collect();
        let mut decided = false;
        let each = self.0.iter().enumerate().map(|(index, pattern)| {
            let inherited = parent.0.get(index).copied().unwrap_or(false);
            // A pattern that could not change the decision is not tried, and so not inherited.
            let matches = inherited || (pattern.excepts == decided && pattern.matches(path, &characters));
            if matches {
                decided = !pattern.excepts;
            }
            matches
        });
        let matched = Matched(each.collect());
        (decided, matched)
    }

    /// Whether a single name or path matches one of the patterns, parents not considered.
    pub(super) fn matches_alone(&self, path: &str) -> bool {
        self.matches(path, &Matched::default()).0
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, BadPattern> {
        let cleaned = clean(text);
        let (excepts, path) = match cleaned.strip_prefix('!') {
            Some("") => return Err(BadPattern(clip(text), "`!` must be followed by what it excepts")),
            Some(path) => (true, path),
            None => (false, cleaned.as_str()),
        };
        let tokens = tokens(path).map_err(|why| BadPattern(clip(text), why))?;
        let just = |token: &Token| if let Token::Just(c) = token { Some(*c) } else { None };
        let literal: Option<String> = tokens.iter().map(just).collect();
        Ok(Self { excepts, matcher: literal.map_or(Matcher::Tokens(tokens), Matcher::Literal) })
    }

    fn matches(&self, path: &str, characters: &[char]) -> bool {
        match &self.matcher {
            Matcher::Literal(literal) => literal == path,
            Matcher::Tokens(tokens) => all_match(tokens, characters),
        }
    }
}

/// Follows all ways to match at once: time is the product of the lengths, whatever the pattern.
fn all_match(tokens: &[Token], path: &[char]) -> bool {
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for token in tokens {
        reached = token.advance(&reached, path);
    }
    reached[path.len()]
}

impl Token {
    /// Where in the path one can be after this token, from where one could be before it.
    fn advance(&self, before: &[bool], path: &[char]) -> Vec<bool> {
        let mut after = vec![false; before.len()];
        // Whether the token could begin anywhere further left.
        let mut begun = false;
        for at in 0..before.len() {
            let last = at.checked_sub(1);
            let came_with = |may: &dyn Fn(char) -> bool| last.is_some_and(|last| may(path[last]));
            after[at] = match self {
                Self::Some => before[at] || (last.is_some_and(|last| after[last]) && came_with(&|c| c != '/')),
                Self::All => before[at] || begun,
                Self::Directories => before[at] || (begun && came_with(&|c| c == '/')),
                one => last.is_some_and(|last| before[last]) && came_with(&|c| one.is(c)),
            };
            begun |= before[at];
        }
        after
    }

    fn is(&self, c: char) -> bool {
        match self {
            Self::Just(just) => *just == c,
            Self::One => c != '/',
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
            Self::Some | Self::Directories | Self::All => false,
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                // `**/` is `**`.
                rest.next_if_eq(&'/');
                if rest.peek().is_none() { Token::All } else { Token::Directories }
            }
            '*' => Token::Some,
            '?' => Token::One,
            '\\' => Token::Just(rest.next().ok_or("it ends with a backslash")?),
            '[' => class(&mut rest)?,
            c => Token::Just(c),
        });
    }
    Ok(tokens)
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const OPEN: &str = "a `[` has no `]`";
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let mut one = || match rest.next() {
            Some('\\') => rest.next().ok_or(OPEN),
            Some(c) => Ok(c),
            None => Err(OPEN),
        };
        let low = one()?;
        if low == ']' && !ranges.is_empty() {
            return Ok(Token::Class { negated, ranges });
        }
        if low == ']' || low == '-' {
            return Err("a `[` is followed by no character");
        }
        let high = if rest.next_if_eq(&'-').is_some() {
            match rest.next() {
                Some('\\') => rest.next().ok_or(OPEN)?,
                Some(c) if c != ']' => c,
                _ => return Err("a range in `[…]` has no end"),
            }
        } else {
            low
        };
        ranges.push((low, high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches a path as a walk does: from its first parent down.
    fn matches(patterns: &[&str], path: &str) -> bool {
        let patterns = Patterns::new(patterns.iter().copied()).unwrap();
        let mut parent = Matched::default();
        let mut last = false;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            (last, parent) = patterns.matches(&path[..end], &parent);
        }
        last
    }

    #[test]
    fn patterns_match_as_in_a_dockerignore_file() {
        let table: &[(&[&str], &str, bool)] = &[
            (&["a"], "a", true),
            (&["a"], "a/b/c", true),
            (&["a"], "ab", false),
            (&["a"], "x/a", false),
            (&["a/b"], "a", false),
            (&["a/"], "a/b", true),
            (&["./a/../b"], "b", true),
            (&["*"], "a", true),
            (&["*"], "a/b", true),
            (&["*.go"], "a.go", true),
            (&["*.go"], "d/a.go", false),
            (&["*/a"], "d/a", true),
            (&["*/a"], "d/e/a", false),
            (&["**"], "a/b/c", true),
            (&["**/a"], "a", true),
            (&["**/a"], "d/e/a", true),
            (&["**/a"], "d/e/xa", false),
            (&["**/a"], "d/e/a/f", true),
            (&["**/*.txt"], "d/a.txt", true),
            (&["d/**"], "d/e/f", true),
            (&["d/**"], "d", false),
            (&["d/**/f"], "d/f", true),
            (&["d/**/f"], "d/e/e/f", true),
            (&["d/**/f"], "df", false),
            (&["a**b"], "ab", true),
            (&["a?c"], "abc", true),
            (&["a?c"], "a/c", false),
            (&["a[b-d]e"], "ace", true),
            (&["a[^b-d]e"], "ace", false),
            (&["a\\*b"], "a*b", true),
            (&["a\\*b"], "axb", false),
            (&["a.b"], "axb", false),
            (&["ü *"], "ü a.txt", true),
            (&["a", "!a/b"], "a/b", false),
            (&["a", "!a/b"], "a/b/c", false),
            (&["a", "!a/b"], "a/c", true),
            (&["a", "!a/b", "a/b/c"], "a/b/c", true),
            (&["!a"], "a", false),
            (&["*", "!keep"], "keep", false),
            (&["*", "!keep"], "keep/x", false),
            (&["**/n", "!x/n"], "x/n/f", false),
            (&["*.md", "!R*.md"], "R.md", false),
            (&[], "a", false),
        ];
        for (patterns, path, expected) in table {
            assert_eq!(matches(patterns, path), *expected, "{patterns:?} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for text in ["!", "a[", "a[]", "a[b-]", "a\\", "[a-"] {
            assert!(Patterns::new([text]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!matches(&[&pattern], &"a".repeat(2000)));
    }

    #[test]
    fn an_ignore_file_is_cleaned() {
        let text = b"\xef\xbb\xbf# comment\n\n  /a/b/ \n!  /c\n./d\n #kept\n/\n";
        assert_eq!(ignore_file(text), ["a/b", "!c", "d", "#kept", "/"]);
    }
}
