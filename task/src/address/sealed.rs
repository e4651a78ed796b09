//! What is secret of an address: taken out of it before it is stored, a token left in its place.

use super::cut;
use acre_model::{
    ids::SecretId,
    secret::{Nonce, SecretValue, Token},
};

/// With which the ids of these secrets begin, and no other's.
pub const RESERVED: &str = "acre.";

/// An address that may be stored, and what was secret of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// With tokens.
    pub address: String,
    /// What they stand for.
    pub secrets: Vec<(SecretId, SecretValue)>,
}

/// Takes the password (or a user who stands alone, since that may be one) and the query of an http address out of it,
/// and the password of another.
pub fn seal(text: &str, nonce: &Nonce) -> Sealed {
    let mut sealed = Sealed { address: String::with_capacity(text.len()), secrets: Vec::new() };
    let (address, fragment) = cut(text);
    let Some((scheme, rest)) = address.split_once("://").filter(|(scheme, _)| *scheme != "oci") else {
        return Sealed { address: text.to_owned(), ..sealed };
    };
    let is_http = matches!(scheme, "https" | "http");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    sealed.address.push_str(&format!("{scheme}://"));
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            sealed.user(user, path, is_http, nonce);
            sealed.address.push('@');
            host
        }
        None => authority,
    };
    sealed.address.push_str(host);
    match path.split_once('?') {
        Some((path, query)) if is_http && !query.is_empty() => {
            sealed.address.push_str(&format!("{path}?"));
            sealed.take("query", query, nonce);
        }
        _ => sealed.address.push_str(path),
    }
    if let Some(fragment) = fragment {
        sealed.address.push_str(&format!("#{fragment}"));
    }
    sealed
}

impl Sealed {
    fn user(&mut self, user: &str, path: &str, is_http: bool, nonce: &Nonce) {
        match user.split_once(':') {
            Some((name, password)) if !password.is_empty() => {
                self.address.push_str(&format!("{name}:"));
                self.take("password", password, nonce);
            }
            // Azure's organization is a user and a folder: what stands in an address twice is no secret.
            None if is_http && !user.is_empty() && !path.split('/').any(|part| part == user) => {
                self.take("user", user, nonce);
            }
            _ => self.address.push_str(user),
        }
    }

    fn take(&mut self, part: &str, value: &str, nonce: &Nonce) {
        let id: SecretId = format!("{RESERVED}source.{part}").parse().expect("letters and dots are a secret's id");
        self.address.push_str(&Token { id: id.clone(), filters: Vec::new() }.write(nonce));
        self.secrets.push((id, SecretValue::new(value.as_bytes().to_vec())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{parse, parse_sealed, shown};
    use acre_model::{plan::Fetch, secret::Opener};

    #[test]
    fn what_is_secret_leaves_a_token_and_comes_back() {
        let table: [(&str, &[&str]); 10] = [
            ("https://user:t0ken@h/r.git#main:x", &["t0ken"]),
            ("https://t0ken@h/r.git", &["t0ken"]),
            ("https://user:t0ken@h/x.tar.gz?sig=a&b=c#:y", &["t0ken", "sig=a&b=c"]),
            ("http://127.0.0.1:80/x.tar?t0ken", &["t0ken"]),
            ("ssh://git:t0ken@h/r", &["t0ken"]),
            ("ssh://git@h/r", &[]),
            ("https://contoso@dev.azure.com/contoso/p/_git/r", &[]),
            ("https://user:@h/r.git", &[]),
            ("git@h:r", &[]),
            ("https://h/r.git#main", &[]),
        ];
        let nonce = Nonce::new(7);
        for (text, secrets) in table {
            let sealed = seal(text, &nonce);
            let values: Vec<&[u8]> = sealed.secrets.iter().map(|(_, value)| value.expose()).collect();
            assert_eq!(values, secrets.iter().map(|secret| secret.as_bytes()).collect::<Vec<_>>(), "{text}");
            assert!(secrets.iter().all(|secret| !sealed.address.contains(secret)), "{text}: {}", sealed.address);
            assert_eq!(shown(&sealed.address), shown(text), "it is shown as before");

            let mut fetch = parse_sealed(&sealed.address).unwrap();
            let known = sealed.secrets.into_iter().collect();
            let mut opener = Opener::new(&nonce, &known);
            fetch.addresses_mut().for_each(|part| *part = opener.open(part).unwrap());
            assert_eq!(Ok(fetch), parse(text), "{text}");
        }
        assert!(matches!(parse_sealed("oci://r.example/x:1"), Ok(Fetch::Oci(_))));
        assert!(seal("oci://r.example/x:1", &nonce).secrets.is_empty());
    }

    #[test]
    fn a_token_cannot_come_from_outside() {
        let nonce = Nonce::new(7);
        for text in ["https://t0ken@h/r.git", "https://h/x.tar?t0ken"] {
            let forged = seal(text, &nonce).address;
            assert!(parse(&forged).is_err() && parse_sealed(&forged).is_ok(), "{forged}");
        }
    }
}
