//! Rule `unfinished`: what is in the tree is done. No placeholder, no leftover of debugging, no test that never runs.

use super::Source;
use crate::{
    Finding,
    house::UNFINISHED,
    tokens::{Kind, Token},
};

const RULE: &str = "unfinished";
const MACRO: &str = "what is not finished is left out";
const IGNORE: &str = "a test that is not run proves nothing: mend it or remove it";

/// Finds calls of placeholder macros, and ignored tests.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    let starts = (0..source.tokens.len()).map(|at| &source.tokens[at..]);
    starts
        .filter_map(|tokens| {
            let line = tokens[0].line;
            if let Some(name) = placeholder(tokens) {
                return Some(source.finding(line, RULE, format!("`{name}!`"), MACRO));
            }
            ignores(tokens).then(|| source.finding(line, RULE, "`#[ignore]`".to_owned(), IGNORE))
        })
        .collect()
}

/// The placeholder macro that is called at the beginning of `tokens`.
fn placeholder(tokens: &[Token]) -> Option<&str> {
    match tokens {
        [name, call, arguments, ..] if call.is_sign('!') && matches!(arguments.kind, Kind::Open(_)) => {
            name.word().filter(|name| UNFINISHED.contains(name))
        }
        _ => None,
    }
}

/// Whether an attribute begins here that keeps a test from running, be it under a condition.
fn ignores(tokens: &[Token]) -> bool {
    let [sign, open, first, rest @ ..] = tokens else {
        return false;
    };
    if !sign.is_sign('#') || open.kind != Kind::Open('[') {
        return false;
    }
    let mut within = rest.iter().take_while(|token| token.kind != Kind::Close('['));
    match first.word() {
        Some("ignore") => true,
        Some("cfg_attr") => within.any(|token| token.word() == Some("ignore")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn placeholders_are_found() {
        for (text, what) in [
            ("fn f() { todo!() }", "`todo!`"),
            ("fn f() { unimplemented!(\"x\") }", "`unimplemented!`"),
            ("fn f() { dbg!(x); }", "`dbg!`"),
            ("#[test] #[ignore] fn f() {}", "`#[ignore]`"),
            ("#[ignore = \"slow\"] fn f() {}", "`#[ignore]`"),
            ("#[cfg_attr(windows, ignore)] fn f() {}", "`#[ignore]`"),
        ] {
            assert_eq!(found("a/tests/b.rs", text), [format!("1: unfinished: {what}")], "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_them_passes() {
        let text = "/// todo!() #[ignore]\nfn ignore(todo: bool) { if todo != dbg { \"dbg!(x)\"; [ignore] } }\n\
            #[cfg(unix)] fn f() { ignore() }";
        assert_eq!(found("a/src/b.rs", text), Vec::<String>::new());
    }
}
