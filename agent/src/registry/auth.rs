//! What a registry wants to see: a login, or a token of its token service (RFC 7235; distribution's "Token Authentication
//! Specification").

use super::Repository;
use crate::source::{error::Unfetched, web::shown};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The longest answer of a token service, in bytes.
const ANSWER: u64 = 1 << 20;

/// What is asked of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actions {
    /// To read.
    Pull,
    /// To write, too.
    Push,
    /// To remove.
    Delete,
}

impl Actions {
    const fn scope(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete",
        }
    }
}

/// A token of a registry's token service; which of the two names it has differs.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Repository<'_> {
    /// What the challenges of the registry ask to be shown; `None` where there is nothing to show.
    pub(super) async fn authorize(
        &self,
        headers: &HeaderMap,
        actions: Actions,
    ) -> Result<Option<HeaderValue>, Unfetched> {
        let login = self.login.map(|login| basic(&format!("{}:{}", login.username, login.secret))).transpose()?;
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        for challenge in challenges {
            match challenge.split_once(' ') {
                Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => {
                    return self.token(&parameters(rest), login, actions).await.map(Some);
                }
                Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => return Ok(login),
                _ => {}
            }
        }
        Ok(None)
    }

    async fn token(
        &self,
        parameters: &BTreeMap<String, String>,
        login: Option<HeaderValue>,
        actions: Actions,
    ) -> Result<HeaderValue, Unfetched> {
        let realm = parameters.get("realm").and_then(|realm| Url::parse(realm).ok());
        let mut realm = realm.ok_or_else(|| self.unfit("its registry names no place for tokens".to_owned()))?;
        if !is_of_registry(realm.host_str().unwrap_or_default(), self.base.host_str().unwrap_or_default()) {
            let why = format!("its registry sends for tokens to another place, {}, where no login goes", shown(&realm));
            return Err(Unfetched::Refused(format!("{}: {why}", self.reference)));
        }
        let scope = format!("repository:{}:{}", self.reference.full_repository(), actions.scope());
        realm.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = parameters.get("service") {
            realm.query_pairs_mut().append_pair("service", service);
        }
        let headers = HeaderMap::from_iter(login.map(|login| (AUTHORIZATION, login)));
        let (response, _) = self.web.get(&realm, &headers, Some(self.line.zone)).await?;
        if !response.status().is_success() {
            return Err(Unfetched::NotFound(self.answered("gives no token", response.status())));
        }
        let mut answer = Vec::new();
        self.web.save(response, ANSWER, &mut answer, |_| {}).await?;
        let token: Option<Token> = serde_json::from_slice(&answer).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let value = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
        let mut value = value.ok_or_else(|| self.unfit("its registry gave a token that is none".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A user and a password, as a header.
pub(crate) fn basic(login: &str) -> Result<HeaderValue, Unfetched> {
    let text = format!("Basic {}", data_encoding::BASE64.encode(login.as_bytes()));
    let mut value = HeaderValue::from_str(&text).map_err(|why| Unfetched::Refused(why.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
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
