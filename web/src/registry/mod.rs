//! Registries that are asked by acre itself (OCI distribution specification); images go by the engine.
//!
//! Written on [`Web`] rather than with a client of registries, so that registries, too, are only asked where addresses may
//! lead, what they send is limited, and a login goes nowhere else.

mod auth;
mod login;
pub mod patience;
mod tokens;

pub use auth::{Challenge, is_this_machine};
pub use login::{Login, Logins};
pub use tokens::Tokens;

use crate::{Line, Unfetched, Web};
use acre_model::reference::Reference;
use auth::{TOKEN, basic, bearer, realm};
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

/// One repository of a registry, and what it wants to see before it gives or takes anything. Copies use the same connections.
#[derive(Clone)]
pub struct Repository<'a> {
    line: Line<'a>,
    web: &'a Web,
    reference: &'a Reference,
    base: Url,
    login: Option<&'a Login>,
    actions: Actions,
    authorization: Option<HeaderValue>,
}

/// What is asked of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actions {
    /// To read.
    Pull,
    /// To write, too.
    Push,
    /// To remove.
    Delete,
}

impl Actions {
    /// As a token service calls them.
    const fn scope(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete",
        }
    }
}

/// A request to a repository.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    method: Method,
    /// Below the repository: `manifests/…`, `blobs/…`.
    path: &'a str,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Asks what something of one of these media types is, and not for itself.
    pub fn head(path: &'a str, accept: &'static str) -> Self {
        Self { method: Method::HEAD, ..Self::get(path, accept) }
    }

    /// The same with a further header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Reads what is of one of these media types.
    pub fn get(path: &'a str, accept: &'static str) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        Self { method: Method::GET, path, headers, body: &[] }
    }

    /// Writes.
    pub fn put(path: &'a str, kind: &'static str, body: &'a [u8]) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Self { method: Method::PUT, path, headers, body }
    }

    /// Removes.
    pub fn delete(path: &'a str) -> Self {
        Self { method: Method::DELETE, path, headers: HeaderMap::new(), body: &[] }
    }
}

impl<'a> Repository<'a> {
    /// The repository of a reference, whose host is looked up, and what will be asked of it.
    pub async fn open(
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

    /// The way to it.
    pub const fn web(&self) -> &'a Web {
        self.web
    }

    /// Whether there is a login for the registry.
    pub const fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Asks, and asks again with what the registry wants to see. The answer is the caller's to judge.
    pub async fn ask(&mut self, request: &Request<'_>) -> Result<Response, Unfetched> {
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

    /// What the challenges of the registry ask to be shown; `None` where there is nothing to show.
    async fn authorize(&self, headers: &HeaderMap, actions: Actions) -> Result<Option<HeaderValue>, Unfetched> {
        let login = self.login.and_then(basic);
        let parameters = match Challenge::of(headers) {
            Challenge::Bearer(parameters) => parameters,
            Challenge::Basic => return Ok(login),
            Challenge::None => return Ok(None),
        };
        let scope = format!("repository:{}:{}", self.reference.full_repository(), actions.scope());
        let realm = realm(&parameters, &self.base, &[scope]);
        let realm = realm.map_err(|why| Unfetched::Refused(format!("{}: {why}", self.reference)))?;
        let headers = HeaderMap::from_iter(login.map(|login| (AUTHORIZATION, login)));
        let (response, _) = self.web.get(&realm, &headers, Some(self.line.zone)).await?;
        if !response.status().is_success() {
            return Err(Unfetched::NotFound(self.answered("gives no token", response.status())));
        }
        let mut answer = Vec::new();
        self.web.save(response, TOKEN as u64, &mut answer, |_| {}).await?;
        let token = bearer(&answer);
        token.map(Some).ok_or_else(|| self.unfit("its registry gave a token that is none".to_owned()))
    }

    /// What the registry said, for people.
    pub fn answered(&self, what: &str, status: StatusCode) -> String {
        format!("{}: registry {} {what}: {status}", self.reference, self.reference.registry_or_hub())
    }

    fn unfit(&self, why: String) -> Unfetched {
        Unfetched::Unfit(format!("{}: {why}", self.reference))
    }
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}
