//! Rust text → tokens with their lines, each knowing whether it is test code.
//!
//! Lexical structure as in the Rust reference, by `proc-macro2`. Comments are gone, strings are opaque, documentation
//! has become attributes around strings.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword.
    Word(String),
    /// `::`.
    Separator,
    /// One character of punctuation.
    Sign(char),
    /// An opening parenthesis, bracket or brace.
    Open(char),
    /// Its end, by the character that opened it.
    Close(char),
    /// A number, string or character.
    Literal,
}

/// A token, where it is, and whether only tests are built with it.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The line, from 1.
    pub line: usize,
    /// Whether it lies in an item under `#[cfg(test)]`, `#[test]` or the like.
    pub test: bool,
}

impl Token {
    /// The identifier or keyword, if it is one.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this character of punctuation.
    pub fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// The text is no Rust, at this line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRust {
    /// The line, from 1.
    pub line: usize,
}

/// Takes `text` apart.
///
/// # Errors
/// Where a string or comment is not closed, a bracket has no partner, or a character has no meaning.
pub fn tokenize(text: &str) -> Result<Vec<Token>, NotRust> {
    let stream: TokenStream =
        text.parse().map_err(|why: proc_macro2::LexError| NotRust { line: why.span().start().line })?;
    let mut tokens = Vec::new();
    flatten(stream, false, &mut tokens);
    // The lexer keeps every text it has seen for its spans; lines are all that is wanted of them.
    proc_macro2::extra::invalidate_current_thread_spans();
    Ok(tokens)
}

/// The names of modules that are tests and lie in files of their own: `#[cfg(test)] mod name;`.
pub fn test_modules(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.windows(3).filter_map(|window| match window {
        [before, name, end] if name.test && before.word() == Some("mod") && end.is_sign(';') => name.word(),
        _ => None,
    })
}

/// Appends one level of `stream` and what is below it.
fn flatten(stream: TokenStream, mut test: bool, tokens: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    // A test attribute was seen, and the item it belongs to has not ended.
    let mut pending = false;
    for (at, tree) in trees.iter().enumerate() {
        match attribute(&trees[at..]) {
            Some(Attribute { inner: true, words }) if marks_test(&words) => test = true,
            Some(Attribute { inner: false, words }) if marks_test(&words) => pending = true,
            _ => {}
        }
        push(tree, test || pending, tokens);
        let ends = match tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(sign) => sign.as_char() == ';',
            TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        };
        pending &= !ends;
    }
}

/// Appends one tree; the second half of a `::` joins the first.
fn push(tree: &TokenTree, test: bool, tokens: &mut Vec<Token>) {
    let line = tree.span().start().line;
    let kind = match tree {
        TokenTree::Group(group) => return push_group(group, test, tokens),
        TokenTree::Ident(word) => Kind::Word(word.to_string()),
        TokenTree::Literal(_) => Kind::Literal,
        TokenTree::Punct(sign) => match sign.as_char() {
            ':' if sign.spacing() == Spacing::Joint => Kind::Separator,
            ':' if tokens.last().is_some_and(|last| last.kind == Kind::Separator) => return,
            other => Kind::Sign(other),
        },
    };
    tokens.push(Token { kind, line, test });
}

fn push_group(group: &Group, test: bool, tokens: &mut Vec<Token>) {
    let sign = match group.delimiter() {
        Delimiter::Parenthesis => '(',
        Delimiter::Bracket => '[',
        Delimiter::Brace | Delimiter::None => '{',
    };
    tokens.push(Token { kind: Kind::Open(sign), line: group.span_open().start().line, test });
    flatten(group.stream(), test, tokens);
    tokens.push(Token { kind: Kind::Close(sign), line: group.span_close().start().line, test });
}

/// An attribute, by the words in it.
struct Attribute {
    /// Whether it is about what encloses it: `#![…]`.
    inner: bool,
    words: Vec<String>,
}

/// The attribute that begins at the first of `trees`, if one does.
fn attribute(trees: &[TokenTree]) -> Option<Attribute> {
    let is = |tree: Option<&TokenTree>, sign| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    if !is(trees.first(), '#') {
        return None;
    }
    let inner = is(trees.get(1), '!');
    match trees.get(if inner { 2 } else { 1 }) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            let mut inside = Vec::new();
            flatten(group.stream(), false, &mut inside);
            let words = inside.iter().filter_map(|token| token.word().map(str::to_owned)).collect();
            Some(Attribute { inner, words })
        }
        _ => None,
    }
}

/// Whether an attribute of these words says "only for tests": `cfg(test)`, `cfg(any(test, …))`, `test`, `tokio::test`.
fn marks_test(words: &[String]) -> bool {
    let has = |word: &str| words.iter().any(|other| other == word);
    match words.first().map(String::as_str) {
        Some("cfg") => has("test") && !has("not"),
        Some("test" | "rstest") => true,
        Some("tokio") => words.get(1).is_some_and(|word| word == "test"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, test: bool) -> Vec<String> {
        let tokens = tokenize(text).unwrap();
        tokens.iter().filter(|token| token.test == test).filter_map(|token| token.word().map(str::to_owned)).collect()
    }

    #[test]
    fn comments_and_strings_have_no_words() {
        assert_eq!(words("//! a\n/* b */ c // d\n \"e\" r#\"f\"# 'g' 1u8", false), ["doc", "c"]);
    }

    #[test]
    fn lines_count_from_one() {
        let lines: Vec<usize> = tokenize("a\n{ b\n}\n::").unwrap().iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 2, 3, 4]);
    }

    #[test]
    fn test_code_ends_with_its_item() {
        let text = "fn a() {} #[cfg(test)] mod b { fn c() {} } fn d() {} #[tokio::test(x = 1)] async fn e() { f } g";
        assert_eq!(words(text, false), ["fn", "a", "fn", "d", "g"]);
        assert_eq!(
            words("#[cfg(not(test))] fn a() {} #[test] fn b() {}", true),
            ["test", "fn", "b"].map(str::to_owned)
        );
        assert_eq!(words("fn a() {} #![cfg(test)] fn b() {}", true), ["cfg", "test", "fn", "b"].map(str::to_owned));
    }

    #[test]
    fn test_modules_in_their_own_files_are_named() {
        let tokens = tokenize("mod a; #[cfg(test)] mod b; #[cfg(test)] mod c {} mod d;").unwrap();
        assert_eq!(test_modules(&tokens).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_is_not_rust_is_refused_with_its_line() {
        assert!(tokenize("a\n)").is_err_and(|why| why.line == 2));
    }
}
