//! Requests to machines that addresses name. Each hop is looked up, judged ([`reach`]) and only then asked, at the very
//! addresses that were judged.

pub mod reach;
pub mod registry;
#[cfg(any(test, feature = "served"))]
pub mod served;
mod unfetched;

pub use unfetched::Unfetched;

use acre_model::text::clip;
use data_encoding::BASE64;
use futures::StreamExt as _;
use reach::{Zone, objection};
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION},
    redirect::Policy,
};
use std::{net::SocketAddr, time::Duration};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Most hops from an address to what it leads to.
const HOPS: usize = 5;

/// How long a machine may take to be connected to, and to say anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// The slowest that a download is waited for, in bytes a second, after the first while.
const SLOWEST: u64 = 1_000;
const FIRST_WHILE: Duration = Duration::from_secs(60);

/// The way to other machines.
#[derive(Clone, Debug, Default)]
pub struct Web {
    /// Hosts that may be asked without TLS, besides this machine.
    plain: Vec<String>,
    patience: Option<Duration>,
}

/// Where an address leads.
#[derive(Debug)]
pub struct Place {
    /// The address itself, without user and password.
    pub url: Url,
    /// Where its host is.
    pub addresses: Vec<SocketAddr>,
    /// How public that is.
    pub zone: Zone,
}

impl Web {
    /// A way to everywhere that takes TLS, and to these hosts without.
    pub const fn new(plain: Vec<String>) -> Self {
        Self { plain, patience: None }
    }

    /// The same that waits no longer than this for anything.
    pub fn impatient(patience: Duration) -> Self {
        Self { plain: Vec::new(), patience: Some(patience) }
    }

    /// Asks for what is at an address, redirects followed; an answer that is not 200 is the caller's to judge. Headers are
    /// sent to the address itself, and of what it leads to only to the same host.
    /// `from` is the zone of what led to it.
    pub async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        from: Option<Zone>,
    ) -> Result<(Response, Place), Unfetched> {
        let mut place = self.place(url, from).await?;
        for _ in 0..=HOPS {
            let mut headers = headers.clone();
            if place.url.origin() != url.origin() {
                headers.remove(AUTHORIZATION);
            }
            let response = self.ask(&place, headers).await?;
            let Some(to) = redirect(&response, &place.url)? else { return Ok((response, place)) };
            place = self.place(&to, Some(place.zone)).await?;
        }
        Err(Unfetched::Unfit(format!("{} leads from one address to the next, more than {HOPS} times", shown(url))))
    }

    /// Where an address is, if it may be asked.
    pub async fn place(&self, url: &Url, from: Option<Zone>) -> Result<Place, Unfetched> {
        let refused = |why: String| Unfetched::Refused(format!("{}: {why}", shown(url)));
        let host = url.host_str().zip(url.port_or_known_default());
        let (host, port) = host.ok_or_else(|| refused("it has no host that can be asked".to_owned()))?;
        let (addresses, zone) = self.look_up(&shown(url), host, port, from).await?;
        match url.scheme() {
            "https" => {}
            "http" if zone == Zone::Machine || self.is_plain(host) => {}
            "http" => return Err(refused("http:// is for this machine's own addresses; write https://".to_owned())),
            other => return Err(refused(format!("sources are not fetched by {}", clip(other)))),
        }
        Ok(Place { url: url.clone(), addresses, zone })
    }

    /// The addresses of a host, if it may be asked, and its zone. `what` is to be fetched, for messages.
    pub async fn look_up(
        &self,
        what: &str,
        host: &str,
        port: u16,
        from: Option<Zone>,
    ) -> Result<(Vec<SocketAddr>, Zone), Unfetched> {
        let away = |why: &str| Unfetched::Away(format!("{what}: the host cannot be found: {why}"));
        let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port));
        let found = tokio::time::timeout(self.patience(), found).await.map_err(|_| away("no answer"))?;
        let addresses: Vec<SocketAddr> = found.map_err(|why| away(&why.to_string()))?.collect();
        if let Some(why) = addresses.iter().find_map(|address| objection(host, address.ip(), from)) {
            return Err(Unfetched::Refused(format!("{what}: {why}")));
        }
        let zone = addresses.iter().filter_map(|address| Zone::of(address.ip())).min();
        Ok((addresses, zone.ok_or_else(|| away("it has no address"))?))
    }

    async fn ask(&self, place: &Place, headers: HeaderMap) -> Result<Response, Unfetched> {
        let away = |why: reqwest::Error| Unfetched::Away(format!("{}: {}", shown(&place.url), reason(&why)));
        let host = place.url.host_str().unwrap_or_default();
        let client = client(self.patience(), host, &place.addresses).map_err(away)?;
        client.get(place.url.clone()).headers(headers).send().await.map_err(away)
    }

    /// A line to the host of an address, which is looked up and judged once.
    pub async fn line(&self, url: &Url) -> Result<Line<'_>, Unfetched> {
        let place = self.place(url, None).await?;
        let away = |why: reqwest::Error| Unfetched::Away(format!("{}: {}", shown(url), reason(&why)));
        let host = place.url.host_str().unwrap_or_default();
        let client = client(self.patience(), host, &place.addresses).map_err(away)?;
        Ok(Line { web: self, zone: place.zone, client })
    }

    /// Whether a host may be asked without TLS although it is another machine.
    pub fn is_plain(&self, host: &str) -> bool {
        self.plain.iter().any(|allowed| allowed == host)
    }

    fn patience(&self) -> Duration {
        self.patience.unwrap_or(PATIENCE)
    }

    /// Writes what an answer holds, of at most `limit` bytes; how many there were.
    pub async fn save(
        &self,
        response: Response,
        limit: u64,
        mut to: impl AsyncWrite + Unpin,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<u64, Unfetched> {
        let url = shown(response.url());
        let too_much = || Unfetched::Unfit(format!("{url} has more than {limit} bytes, which is the limit"));
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_much());
        }
        let began = tokio::time::Instant::now();
        let mut pieces = response.bytes_stream();
        let mut count = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|why| Unfetched::Away(format!("{url}: {}", reason(&why))))?;
            count += piece.len() as u64;
            if count > limit {
                return Err(too_much());
            }
            let spent = began.elapsed();
            if spent > FIRST_WHILE && count / spent.as_secs().max(1) < SLOWEST {
                return Err(Unfetched::Away(format!("{url}: it sends less than {SLOWEST} bytes a second")));
            }
            seen(&piece);
            to.write_all(&piece).await.map_err(Unfetched::Disk)?;
        }
        to.flush().await.map_err(Unfetched::Disk)?;
        Ok(count)
    }
}

/// Connections to one host that are used again.
#[derive(Clone)]
pub struct Line<'a> {
    web: &'a Web,
    /// Where the host is.
    pub zone: Zone,
    client: Client,
}

impl Line<'_> {
    /// Makes a request. What is only read is read where the host sends on to, without what the host alone may see.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response, Unfetched> {
        let away = |why: reqwest::Error| Unfetched::Away(format!("{}: {}", shown(url), reason(&why)));
        let is_read = method == Method::GET;
        let request = self.client.request(method, url.clone()).headers(headers.clone()).body(body);
        let response = request.send().await.map_err(away)?;
        let Some(to) = redirect(&response, url)?.filter(|_| is_read) else { return Ok(response) };
        if to.origin() != url.origin() {
            headers.remove(AUTHORIZATION);
        }
        self.web.get(&to, &headers, Some(self.zone)).await.map(|(response, _)| response)
    }
}

/// An answer that holds what was asked for.
pub fn found(response: Response, url: &Url) -> Result<Response, Unfetched> {
    let url = shown(url);
    match response.status() {
        StatusCode::OK => Ok(response),
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
            Err(Unfetched::NotFound(format!("there is nothing at {url}: {status}")))
        }
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(Unfetched::NotFound(format!("{url} is not given to this user: {status}")))
        }
        status => Err(Unfetched::Away(format!("{url} answers {status}"))),
    }
}

/// What a header says that shows a login, `user:password` (RFC 7617); `None`: it cannot stand in one.
pub fn basic(login: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(login))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A client for one hop.
fn client(patience: Duration, host: &str, addresses: &[SocketAddr]) -> Result<Client, reqwest::Error> {
    // Of several providers that may be compiled in, this one; that it is there already is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(patience)
        .read_timeout(patience)
        .resolve_to_addrs(host, addresses)
        .user_agent(concat!("acre/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Where an answer sends on to.
fn redirect(response: &Response, from: &Url) -> Result<Option<Url>, Unfetched> {
    const ON: [StatusCode; 5] = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !ON.contains(&response.status()) {
        return Ok(None);
    }
    let to = response.headers().get(LOCATION).and_then(|to| from.join(to.to_str().ok()?).ok());
    to.map(Some).ok_or_else(|| Unfetched::Unfit(format!("{} leads nowhere", shown(from))))
}

/// An address without what may be a secret in it: user, password, query.
pub fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    clip(&format!("{}://{host}{port}{}", url.scheme(), url.path()))
}

/// Why a request failed, without the address, which the caller shows.
pub fn reason(why: &reqwest::Error) -> String {
    if why.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = why;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let innermost = clip(&innermost.to_string());
    match why.is_builder() {
        true => format!(
            "nothing can be asked by TLS: {innermost}; has this machine certificates of authorities (Debian: ca-certificates)?"
        ),
        false => innermost,
    }
}
