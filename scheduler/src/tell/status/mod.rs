//! What hosts of sources are told of a commit: one request for each moment of a run, as each kind of host takes it.

mod gitea;
mod github;
mod gitlab;
#[cfg(test)]
mod tests;

use super::{News, Tiding, text};
use acre_model::{ids::CommitId, run::RunStatus, secret::SecretValue, trigger::StatusHost};
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};
use reqwest::Url;
use serde_json::Value;

/// The longest description that all hosts take, in characters (GitHub's limit; the others take more).
const DESCRIPTION: usize = 140;

/// A request that is sent by `POST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub url: Url,
    /// Its headers; those that are secret are marked so.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// How a commit stands, in words that all hosts have one for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Running,
    Success,
    Failure,
    Error,
    Canceled,
}

/// A status, before it is put as a host takes it.
struct Status<'a> {
    state: State,
    commit: &'a str,
    /// Tells it from statuses by others.
    context: String,
    description: String,
    /// The branch or tag that was pushed.
    reference: Option<&'a str>,
}

/// A repository at its host.
struct Repository {
    /// The host's address, with nothing behind it.
    base: Url,
    /// Folders and name, without `.git`.
    path: Vec<String>,
}

/// What a host of this kind is asked for the commit to have the status that the moment calls for. `address`: of the task's
/// own repository; `token`: what it is written with. `None`: the address is not that of a repository on such a host, or
/// the token cannot stand in a header.
pub fn request(
    host: StatusHost,
    address: &str,
    token: &SecretValue,
    commit: &CommitId,
    about: &Tiding,
) -> Option<Request> {
    let repository = Repository::of(address)?;
    let status = Status {
        state: state(about),
        commit: commit.as_str(),
        context: format!("acre/{}", about.task),
        description: text::line(&text::sentence(about), DESCRIPTION),
        reference: about.cause.branch().or_else(|| about.cause.tag()),
    };
    match host {
        StatusHost::Github => github::request(&repository, &status, token.expose()),
        StatusHost::Gitlab => gitlab::request(&repository, &status, token.expose()),
        StatusHost::Gitea => gitea::request(&repository, &status, token.expose()),
    }
}

const fn state(about: &Tiding) -> State {
    let end = match &about.news {
        News::Accepted => return State::Pending,
        News::Started => return State::Running,
        News::Ended(end) => end,
    };
    match end.status {
        RunStatus::Succeeded => State::Success,
        RunStatus::Failed | RunStatus::Timeout => State::Failure,
        RunStatus::Canceled => State::Canceled,
        RunStatus::Error | RunStatus::Queued | RunStatus::Started | RunStatus::Running => State::Error,
    }
}

impl Repository {
    /// Of an address as git takes it. What is asked is the host's own TLS, unless the address is plain HTTP.
    fn of(address: &str) -> Option<Self> {
        let address = address.split_once('#').map_or(address, |(address, _)| address);
        let (base, path) = match address.split_once("://") {
            Some((scheme @ ("https" | "http"), rest)) => {
                let (authority, path) = rest.split_once('/')?;
                (format!("{scheme}://{}", without_user(authority)), path)
            }
            // The port is that of its shell.
            Some(("ssh" | "git", rest)) => {
                let (authority, path) = rest.split_once('/')?;
                let host = without_user(authority);
                (format!("https://{}", host.rsplit_once(':').map_or(host, |(host, _)| host)), path)
            }
            Some(_) => return None,
            // `git@host:path`, as scp has it.
            None => {
                let (authority, path) = address.split_once(':')?;
                (format!("https://{}", without_user(authority)), path)
            }
        };
        let path = path.trim_matches('/');
        let path: Vec<String> = path.strip_suffix(".git").unwrap_or(path).split('/').map(str::to_owned).collect();
        let is_path = path.len() >= 2 && path.iter().all(|part| !matches!(part.as_str(), "" | "." | ".."));
        is_path.then_some(Self { base: Url::parse(&base).ok()?, path })
    }

    /// Owner and name, and before them what the host itself stands under.
    fn owner_and_name(&self) -> Option<(&[String], &str, &str)> {
        match self.path.as_slice() {
            [before @ .., owner, name] => Some((before, owner, name)),
            _ => None,
        }
    }
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// An address below another one; each part is one part of its path, whatever is in it.
fn below<'a>(base: &Url, parts: impl IntoIterator<Item = &'a str>) -> Option<Url> {
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(parts);
    Some(url)
}

/// A request with a JSON body; the header `name` says who asks.
fn signed(url: Url, name: &'static str, who: &[u8], body: &Value) -> Option<Request> {
    let mut who = HeaderValue::from_bytes(who).ok()?;
    who.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(name, who);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Some(Request { url, headers, body: body.to_string().into_bytes() })
}
