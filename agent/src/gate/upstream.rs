//! The real repository behind a push: what the gate asks of it (OCI distribution specification, "Push"), and the
//! login that it is shown ("Token Authentication" of the distribution project, RFC 7617).

use crate::{
    engine::{EngineError, Logins},
    registry::answers,
};
use acre_model::{digest::Digest, reference::Reference};
use acre_web::{
    reason,
    registry::{
        Challenge, Tokens, is_this_machine,
        patience::{self, retry_after},
    },
};
use reqwest::{
    Body, Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
    redirect::Policy,
};
use std::{sync::LazyLock, time::Duration};

/// How long a registry may take to be connected to.
const CONNECT: Duration = Duration::from_secs(30);
/// How long it may say nothing to what has no body that streams.
const ANSWER: Duration = Duration::from_secs(60);
/// The most that is read of an answer that is an error.
const SAID: usize = 64 << 10;

/// Connections are kept for the next push: it would pay for them again.
static HTTP: LazyLock<Result<Client, String>> = LazyLock::new(|| {
    // Of several providers that may be compiled in, this one; that it is there already is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT)
        .redirect(Policy::none())
        .user_agent(concat!("acre/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|why| reason(&why))
});

/// A repository of a registry.
pub(super) struct Upstream {
    http: Client,
    base: Url,
    reference: Reference,
    tokens: Tokens,
}

/// Why a registry did not do what it was asked.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// `None`: it did not answer.
    status: Option<StatusCode>,
    /// What it said.
    text: String,
    /// When it wants to be asked again, in seconds.
    after: Option<u64>,
    /// It does not have blobs that a manifest names.
    is_of_blobs: bool,
}

type Answer<T> = Result<T, Fault>;

impl Fault {
    /// Whether asking again would not help.
    pub(super) fn is_final(&self) -> bool {
        self.status.is_some_and(|status| {
            status.is_client_error() && !patience::may_pass(status) && status != StatusCode::CONFLICT
        })
    }

    fn wire(why: &reqwest::Error) -> Self {
        Self { status: None, text: reason(why), after: None, is_of_blobs: false }
    }

    /// Whether the repository does not have what a manifest names.
    pub(super) const fn is_of_blobs(&self) -> bool {
        self.is_of_blobs
    }

    /// The agent stops in the middle of it.
    pub(super) fn stopping() -> Self {
        Self { status: None, text: "the agent is stopping".to_owned(), after: None, is_of_blobs: false }
    }

    pub(super) fn text(&self) -> String {
        self.status.map_or_else(|| self.text.clone(), |status| answers::told(status, &self.text))
    }
}

impl Upstream {
    pub(super) fn new(target: &Reference, logins: &Logins, plain: bool) -> Result<Self, EngineError> {
        let name = target.registry().unwrap_or("docker.io");
        let host = if name == "docker.io" { "registry-1.docker.io" } else { name };
        let scheme = if plain || is_this_machine(host) { "http" } else { "https" };
        let refused = |why: String| answers::refused(target, why);
        let base = Url::parse(&format!("{scheme}://{host}/v2/{}/", target.full_repository()));
        Ok(Self {
            http: HTTP.clone().map_err(refused)?,
            base: base.map_err(|why| refused(why.to_string()))?,
            reference: target.clone(),
            tokens: Tokens::new(logins.get(name).cloned()),
        })
    }

    pub(super) fn registry(&self) -> &str {
        self.reference.registry_or_hub()
    }

    /// Where the tag goes.
    pub(super) fn tag(&self) -> &str {
        self.reference.tag().unwrap_or("latest")
    }

    /// `registry/repository`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.registry(), self.repository())
    }

    pub(super) fn repository(&self) -> String {
        self.reference.full_repository()
    }

    /// The fault as the agent tells it.
    pub(super) fn error(&self, fault: &Fault) -> EngineError {
        let mut why = fault.text();
        if matches!(fault.status, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) {
            why = format!("{why}; {}", answers::remedy(self.registry()));
        }
        let told = if fault.is_final() { answers::refused } else { answers::failed };
        told(&self.reference, why)
    }

    /// The size of a blob, if the repository has it.
    pub(super) async fn blob(&self, digest: Digest) -> Answer<Option<u64>> {
        let response = self.ask(Method::HEAD, self.at(&format!("blobs/{digest}"))?, &[]).await?;
        match response.status() {
            // Where a registry sends to another place for its blobs, it has them.
            status if status.is_success() || status.is_redirection() => Ok(Some(length(response.headers()))),
            // Whoever may not look learns from what comes next, in the registry's own words.
            StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
            _ => Err(fault(response).await),
        }
    }

    /// Takes a blob over from another repository of the registry, if it lets itself be told so.
    pub(super) async fn mount(&self, digest: Digest, from: &str) -> Answer<bool> {
        let mut url = self.at("blobs/uploads/")?;
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let response = self.ask(Method::POST, url.clone(), &[format!("repository:{from}:pull")]).await?;
        match response.status() {
            StatusCode::CREATED => Ok(true),
            StatusCode::ACCEPTED => {
                if let Ok(upload) = located(&url, &response) {
                    self.cancel(upload).await;
                }
                Ok(false)
            }
            // Not every registry knows the other repository, or lets this login see it.
            status if status.is_client_error() => Ok(false),
            _ => Err(fault(response).await),
        }
    }

    /// Where a blob can be sent to.
    pub(super) async fn begin(&self) -> Answer<Url> {
        let url = self.at("blobs/uploads/")?;
        let response = self.ask(Method::POST, url.clone(), &[]).await?;
        match response.status() {
            StatusCode::ACCEPTED => located(&url, &response),
            _ => Err(fault(response).await),
        }
    }

    /// Sends a part of a blob; where it goes on.
    pub(super) async fn part(&self, to: Url, body: Body) -> Answer<Url> {
        let request = self.shown(self.http.patch(to.clone()), &to).header(CONTENT_TYPE, "application/octet-stream");
        let response = request.body(body).send().await.map_err(|why| Fault::wire(&why))?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT | StatusCode::CREATED => located(&to, &response),
            _ => Err(fault(response).await),
        }
    }

    /// Ends a blob, with what is left of it and the length of that.
    pub(super) async fn finish(&self, mut to: Url, digest: Digest, rest: Option<(Body, u64)>) -> Answer<()> {
        to.query_pairs_mut().append_pair("digest", &digest.to_string());
        let request = self.shown(self.http.put(to.clone()), &to);
        let request = match rest {
            Some((body, length)) => {
                request.header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_LENGTH, length).body(body)
            }
            None => request.header(CONTENT_LENGTH, 0).timeout(ANSWER),
        };
        let response = request.send().await.map_err(|why| Fault::wire(&why))?;
        match response.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            _ => Err(fault(response).await),
        }
    }

    /// Forgets what was sent of a blob. A registry that does not know how forgets by itself.
    pub(super) async fn cancel(&self, upload: Url) {
        let request = self.shown(self.http.delete(upload.clone()), &upload).timeout(ANSWER);
        drop(request.send().await);
    }

    /// Puts a manifest: the one request that publishes.
    pub(super) async fn publish(&self, name: &str, media_type: &str, manifest: &bytes::Bytes) -> Answer<()> {
        let url = self.at(&format!("manifests/{name}"))?;
        for tried in 1.. {
            let make = || self.http.put(url.clone()).header(CONTENT_TYPE, media_type).body(manifest.clone());
            let failed = match self.send(&url, &[], make).await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => fault(response).await,
                Err(fault) => fault,
            };
            let wait = patience::wait(tried, failed.after, patience::random()).filter(|_| !failed.is_final());
            let Some(wait) = wait else { return Err(failed) };
            tokio::time::sleep(wait).await;
        }
        unreachable!("the last try returns")
    }

    fn at(&self, path: &str) -> Answer<Url> {
        self.base.join(path).map_err(|why| Fault {
            status: None,
            text: why.to_string(),
            after: None,
            is_of_blobs: false,
        })
    }

    async fn ask(&self, method: Method, url: Url, also: &[String]) -> Answer<Response> {
        self.send(&url, also, || self.http.request(method.clone(), url.clone())).await
    }

    /// Sends a request, and sends it again with what the registry wants to see. `also`: scopes besides that of pushing.
    async fn send(&self, url: &Url, also: &[String], make: impl Fn() -> RequestBuilder) -> Answer<Response> {
        let own = format!("repository:{}:pull,push", self.repository());
        let scopes: Vec<String> = std::iter::once(own).chain(also.iter().cloned()).collect();
        let once = |shown: Option<HeaderValue>| {
            let headers = HeaderMap::from_iter(shown.map(|value| (AUTHORIZATION, value)));
            let sending = make().headers(headers).timeout(ANSWER).send();
            async move { sending.await.map_err(|why| Fault::wire(&why)) }
        };
        let shown = self.tokens.get(&scopes).filter(|_| self.is_own(url));
        let response = once(shown.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let challenge = Challenge::of(response.headers());
        let authorized = self.tokens.authorize(&self.http, &self.base, challenge, &scopes, shown.as_ref()).await;
        match authorized {
            Ok(true) => once(self.tokens.get(&scopes)).await,
            Ok(false) => Ok(response),
            Err(text) => Err(Fault { status: Some(StatusCode::UNAUTHORIZED), text, after: None, is_of_blobs: false }),
        }
    }

    /// The request with what the registry was shown when the upload began.
    fn shown(&self, request: RequestBuilder, url: &Url) -> RequestBuilder {
        let own = format!("repository:{}:pull,push", self.repository());
        match self.tokens.get(&[own]) {
            Some(value) if self.is_own(url) => request.header(AUTHORIZATION, value),
            _ => request,
        }
    }

    /// Whether an address is the registry's own: a login goes nowhere else.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }
}

fn length(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// Where an answer sends to; often relative.
fn located(asked: &Url, response: &Response) -> Answer<Url> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let url = location.and_then(|location| asked.join(location).ok());
    url.ok_or_else(|| Fault {
        status: None,
        text: "it does not say where to send a blob".to_owned(),
        after: None,
        is_of_blobs: false,
    })
}

/// What an answer says that is not as wished (OCI distribution specification, "Error Codes").
async fn fault(mut response: Response) -> Fault {
    let status = response.status();
    let after = retry_after(response.headers());
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await
        && body.len() + piece.len() <= SAID
    {
        body.extend_from_slice(&piece);
    }
    Fault { status: Some(status), text: answers::said(&body), after, is_of_blobs: answers::is_of_blobs(&body) }
}
