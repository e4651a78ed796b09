//! Secrets as tokens in the texts of this crate: what may not come from outside, and how people see them.

use acre_model::{
    secret::{self, Filter, Nonce, Piece, Token},
    text::clip,
};

/// What begins a token.
pub(crate) const BEGIN: char = '\u{f0002}';
/// What ends a token.
pub(crate) const END: char = '\u{f0003}';

/// Characters that this crate writes marks and tokens with; a text that comes with them could pass for one.
pub(crate) const fn is_reserved(character: char) -> bool {
    matches!(character, '\u{f0000}'..=END)
}

/// The first reserved character of a text from outside: its byte, and how to name it.
pub(crate) fn reserved(text: &str) -> Option<(usize, String)> {
    let (at, found) = text.char_indices().find(|(_, character)| is_reserved(*character))?;
    Some((at, format!("the character U+{:X} is reserved, and cannot stand here", u32::from(found))))
}

/// The text without reserved characters, for facts that nobody can be asked to change.
pub(crate) fn without_reserved(text: &str) -> String {
    text.chars().map(|character| if is_reserved(character) { '\u{fffd}' } else { character }).collect()
}

/// A text for people: tokens by the name of their secret, and nothing of one that was clipped.
pub(crate) fn for_people(text: &str, nonce: &Nonce) -> String {
    if !secret::may_hold_tokens(text) {
        return text.to_owned();
    }
    let shown = secret::shown(text, nonce);
    let (mut out, mut rest) = (String::with_capacity(shown.len()), shown.as_str());
    while let Some((before, tail)) = rest.split_once(BEGIN) {
        out.push_str(before);
        out.push('…');
        let end = tail.find(|c: char| c.is_whitespace() || matches!(c, '`' | '…' | '"' | END)).unwrap_or(tail.len());
        rest = tail[end..].trim_start_matches(['…', END]);
    }
    out + rest
}

/// The token that is the whole of a text.
pub(crate) fn whole(text: &str, nonce: &Nonce) -> Option<Token> {
    match <[Piece<'_>; 1]>::try_from(secret::pieces(text, nonce)) {
        Ok([Piece::Secret(token)]) => Some(token),
        _ => None,
    }
}

/// A text that is one token, without the quotes that were last put around it: those that YAML, the words of a command
/// or ACR's shell would have taken off, had they seen them. `None` where there are none.
pub(crate) fn unquoted(text: &str, nonce: &Nonce) -> Option<String> {
    let mut token = whole(text, nonce)?;
    matches!(token.filters.last(), Some(Filter::Quote | Filter::SingleQuote)).then(|| {
        token.filters.pop();
        token.write(nonce)
    })
}

/// Why a text that must do without secrets is refused.
pub(crate) fn refused(key: &str) -> String {
    format!(
        "a secret cannot stand in `{}`; it can in arguments of `cmd`, values of `env`, build arguments and files of volumes",
        clip(key)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_no_part_of_a_token() {
        let nonce = Nonce::new(7);
        let token = Token { id: "a".parse().unwrap(), filters: vec![Filter::Quote] }.write(&nonce);
        let clipped: String = format!("`{token}").chars().take(20).collect();
        let table = [
            (format!("x {token} y"), "x {{.Secrets.a | quote}} y"),
            (format!("{clipped}…` is wrong"), "`…` is wrong"),
            (clipped.clone(), "`…"),
            ("plain".to_owned(), "plain"),
        ];
        for (text, expected) in table {
            assert_eq!(for_people(&text, &nonce), expected);
        }
        assert_eq!(unquoted(&token, &nonce), Some(Token { id: "a".parse().unwrap(), filters: vec![] }.write(&nonce)));
        assert_eq!(unquoted(&format!("x{token}"), &nonce), None);
    }
}
