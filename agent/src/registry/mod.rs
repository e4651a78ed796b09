//! Registries that the agent asks itself (OCI distribution specification): for artifacts, and for the manifests that an
//! image index is made of. Images go by the engine.
//!
//! Written on [`Web`] rather than with a client of registries, so that registries, too, are only asked where sources may
//! be fetched from, what they send is limited, and a login goes nowhere else.

mod auth;
mod challenge;
pub(crate) mod index;
mod manifests;
mod patience;
mod tokens;

pub(crate) use auth::{Actions, basic};
pub(crate) use challenge::Challenge;
pub(crate) use manifests::{Manifest, Manifests, Removed};
pub(crate) use tokens::Tokens;

use crate::{
    engine::{Login, Logins},
    source::{
        error::Unfetched,
        web::{Line, Web},
    },
};
use acre_model::reference::Reference;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};

/// One repository of a registry, and what it wants to see before it gives or takes anything.
pub(crate) struct Repository<'a> {
    line: Line<'a>,
    web: &'a Web,
    reference: &'a Reference,
    base: Url,
    login: Option<&'a Login>,
    actions: Actions,
    authorization: Option<HeaderValue>,
}

/// A request to a repository.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    method: Method,
    /// Below the repository: `manifests/…`, `blobs/…`.
    path: &'a str,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads what is of one of these media types.
    pub(crate) fn get(path: &'a str, accept: &'static str) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        Self { method: Method::GET, path, headers, body: &[] }
    }

    /// Writes.
    fn put(path: &'a str, kind: &'static str, body: &'a [u8]) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Self { method: Method::PUT, path, headers, body }
    }

    /// Removes.
    fn delete(path: &'a str) -> Self {
        Self { method: Method::DELETE, path, headers: HeaderMap::new(), body: &[] }
    }
}

impl<'a> Repository<'a> {
    /// The repository of a reference, whose host is looked up, and what will be asked of it.
    pub(crate) async fn open(
        web: &'a Web,
        reference: &'a Reference,
        logins: &'a Logins,
        actions: Actions,
    ) -> Result<Self, Unfetched> {
        let name = reference.registry().unwrap_or("docker.io");
        let host = if name == "docker.io" { "registry-1.docker.io" } else { name };
        let scheme = if is_this_machine(host) || web.is_plain(without_port(host)) { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{host}/v2/{}/", reference.full_repository()));
        let base = base.map_err(|why| Unfetched::Refused(format!("{reference}: {why}")))?;
        let line = web.line(&base).await?;
        Ok(Self { line, web, reference, base, login: logins.get(name), actions, authorization: None })
    }

    /// Whether the run has a login for the registry.
    pub(crate) const fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Asks, and asks again with what the registry wants to see. The answer is the caller's to judge.
    pub(crate) async fn ask(&mut self, request: &Request<'_>) -> Result<Response, Unfetched> {
        let response = self.once(request).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // Also where something was shown: a token may have come of age.
        let actions = if request.method == Method::DELETE { Actions::Delete } else { self.actions };
        match self.authorize(response.headers(), actions).await? {
            None => Ok(response),
            authorization => {
                self.authorization = authorization;
                self.once(request).await
            }
        }
    }

    async fn once(&self, request: &Request<'_>) -> Result<Response, Unfetched> {
        let url = self.base.join(request.path).map_err(|why| self.unfit(why.to_string()))?;
        let mut headers = request.headers.clone();
        headers.extend(self.authorization.as_ref().map(|shown| (AUTHORIZATION, shown.clone())));
        self.line.send(request.method.clone(), &url, headers, request.body.to_vec()).await
    }

    /// What the registry said, for people.
    pub(crate) fn answered(&self, what: &str, status: StatusCode) -> String {
        format!("{}: registry {} {what}: {status}", self.reference, self.reference.registry_or_hub())
    }

    fn unfit(&self, why: String) -> Unfetched {
        Unfetched::Unfit(format!("{}: {why}", self.reference))
    }
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Whether a host is this machine, and so asked without TLS.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let name = without_port(host);
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
