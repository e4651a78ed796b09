//! Proof that a sender knows a trigger's secret.
//!
//! Every check does the same work whether there is no proof, a wrong one or the right one: the code over the whole body
//! is computed before the header is looked at, and comparing takes one time for all texts. An empty secret proves
//! nothing.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A code as HMAC-SHA256 gives it (RFC 2104, FIPS 180-4).
pub(super) type Code = [u8; 32];

/// The most signatures of one request that are compared; Standard Webhooks sends one for each secret that is valid
/// while secrets are changed.
const MOST_SIGNATURES: usize = 8;

/// Whether one of the `given` codes is that of `parts`, put one behind the other, under `secret`.
pub(super) fn signed(secret: &[u8], parts: &[&[u8]], given: &[Option<Code>]) -> bool {
    let expected = code(secret, parts);
    let candidates = given.iter().take(MOST_SIGNATURES);
    let matches = candidates.fold(Choice::from(0), |found, candidate| {
        found | (Choice::from(u8::from(candidate.is_some())) & expected.ct_eq(&candidate.unwrap_or_default()))
    });
    bool::from(matches) && !secret.is_empty()
}

/// HMAC-SHA256 of `parts`, put one behind the other.
pub(super) fn code(secret: &[u8], parts: &[&[u8]]) -> Code {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Whether `given` is the secret itself. Digests are compared, so that not even its length shows.
pub(super) fn same(secret: &[u8], given: &[u8]) -> bool {
    let equal = Sha256::digest(secret).ct_eq(&Sha256::digest(given));
    bool::from(equal) && !secret.is_empty()
}

/// Whether the secret stands in `Authorization`: as it is, as `Bearer SECRET`, or as the password of
/// `Basic USER:SECRET` (RFC 6750, RFC 7617).
pub(super) fn authorized(secret: &[u8], headers: &HeaderMap) -> bool {
    let given = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let password = scheme(given, b"basic ").and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
    let password = password.iter().position(|b| *b == b':').map_or(&[][..], |colon| &password[colon + 1..]);
    let bearer = scheme(given, b"bearer ").unwrap_or_default();
    same(secret, given) | same(secret, bearer) | same(secret, password)
}

/// What follows a scheme's name, which is written in any case.
fn scheme<'a>(given: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = given.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then(|| rest.trim_ascii())
}

/// The code that stands in hexadecimal digits in the header `name`, behind `prefix`.
pub(super) fn hex(headers: &HeaderMap, name: &str, prefix: &str) -> Option<Code> {
    let digits = text(headers, name)?.strip_prefix(prefix)?;
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok()
}

/// The code that a text in base 64 holds.
pub(super) fn base64(text: &str) -> Option<Code> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// The header `name`, if it is there and is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_that_of_the_standard() {
        // RFC 4231, test case 2, in two parts.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let code = code(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(HEXLOWER_PERMISSIVE.encode(&code), expected);
    }

    #[test]
    fn one_right_code_among_those_given_is_enough_and_none_is_not() {
        let right = code(b"secret", &[b"body"]);
        let wrong = code(b"secret", &[b"Body"]);
        let table = [
            ("secret", vec![Some(right)], true),
            ("secret", vec![Some(wrong), None, Some(right)], true),
            ("secret", vec![Some(wrong)], false),
            ("secret", vec![None], false),
            ("secret", vec![], false),
            ("Secret", vec![Some(right)], false),
            ("", vec![Some(code(b"", &[b"body"]))], false),
        ];
        for (secret, given, expected) in table {
            assert_eq!(signed(secret.as_bytes(), &[b"body"], &given), expected, "{secret}: {given:?}");
        }
    }

    #[test]
    fn the_secret_may_stand_in_the_header_in_three_ways() {
        let basic = |login: &str| format!("Basic {}", BASE64.encode(login.as_bytes()));
        let table = [
            ("secret".to_owned(), true),
            ("Bearer secret".to_owned(), true),
            ("bearer  secret".to_owned(), true),
            (basic("user:secret"), true),
            (basic(":secret"), true),
            (basic("user:other:secret"), false),
            (basic("secret"), false),
            (basic("secret:"), false),
            ("Basic secret".to_owned(), false),
            ("Bearer".to_owned(), false),
            ("secret2".to_owned(), false),
            (String::new(), false),
        ];
        for (header, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, header.parse().unwrap());
            assert_eq!(authorized(b"secret", &headers), expected, "{header}");
            assert!(!authorized(b"", &headers), "an empty secret: {header}");
        }
        assert!(!authorized(b"secret", &HeaderMap::new()));
    }
}
