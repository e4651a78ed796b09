//! What registries want to see before they give or take anything (distribution's "Token Authentication Specification",
//! RFC 7235, RFC 7617).

use super::Login;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The largest answer of a token service, in bytes.
pub(super) const TOKEN: usize = 1 << 20;

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User name and password.
    Basic,
    /// A token, to be had at its realm.
    Bearer(BTreeMap<String, String>),
    /// Nothing that is known.
    None,
}

impl Challenge {
    /// The first challenge of an answer that can be met.
    pub fn of(headers: &HeaderMap) -> Self {
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        for challenge in challenges {
            match challenge.split_once(' ') {
                Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => {
                    return Self::Bearer(parameters(rest));
                }
                Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => return Self::Basic,
                _ => {}
            }
        }
        Self::None
    }
}

/// A token of a registry's token service; which of the two names it has differs.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a header says that shows the token in an answer of a token service; `None`: it has none.
pub(super) fn bearer(answer: &[u8]) -> Option<HeaderValue> {
    let token: Token = serde_json::from_slice(answer).ok()?;
    let token = token.token.or(token.access_token)?;
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What a header says that shows this login.
pub(super) fn basic(login: &Login) -> Option<HeaderValue> {
    crate::basic(format!("{}:{}", login.username, login.secret).as_bytes())
}

/// Where tokens for these scopes are to be had, by what a registry at `base` said. No login goes to another place.
pub(super) fn realm(parameters: &BTreeMap<String, String>, base: &Url, scopes: &[String]) -> Result<Url, String> {
    let realm = parameters.get("realm").and_then(|realm| Url::parse(realm).ok());
    let mut realm = realm.ok_or("its registry names no place for tokens")?;
    if !is_of_registry(realm.host_str().unwrap_or_default(), base.host_str().unwrap_or_default()) {
        let mut shown = realm;
        shown.set_query(None);
        return Err(format!("its registry sends for tokens to another place, {shown}, where no login goes"));
    }
    let mut query = realm.query_pairs_mut();
    query.extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
    if let Some(service) = parameters.get("service") {
        query.append_pair("service", service);
    }
    drop(query);
    Ok(realm)
}

/// Whether a registry is asked without TLS.
pub fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a token service is its registry's: the same host, or one of the same domain.
fn is_of_registry(realm: &str, registry: &str) -> bool {
    fn domain(host: &str) -> Option<&str> {
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        host.split_once('.').map(|(_, domain)| domain).filter(|domain| !is_address && domain.contains('.'))
    }
    let above = domain(registry);
    realm == registry || above.is_some() && (above == Some(realm) || above == domain(realm))
}

/// `key="value"` pairs of a challenge.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let key = key.trim_matches([',', ' ']).to_ascii_lowercase();
        found.insert(key, value.to_owned());
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_service_is_its_registrys() {
        let table = [
            ("auth.docker.io", "registry-1.docker.io", true),
            ("h.example", "h.example", true),
            ("gitlab.example.com", "registry.gitlab.example.com", true),
            ("gitlab.com", "registry.gitlab.com", true),
            ("auth.r.example", "index.r.example", true),
            ("a.example", "b.example", false),
            ("com", "h.com", false),
            ("10.0.0.2", "10.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
        ];
        for (realm, registry, is_its_own) in table {
            assert_eq!(is_of_registry(realm, registry), is_its_own, "{realm} {registry}");
        }
    }
}
