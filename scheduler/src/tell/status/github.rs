//! GitHub: `POST /repos/{owner}/{repo}/statuses/{sha}` (REST API, "Create a commit status").

use super::{Repository, Request, State, Status, below, signed};
use http::{HeaderValue, header::ACCEPT};
use reqwest::Url;
use serde_json::json;

/// The request that sets a status. The interface of github.com has a host of its own; GitHub Enterprise Server has it
/// under `/api/v3`.
pub(super) fn request(repository: &Repository, status: &Status<'_>, token: &[u8]) -> Option<Request> {
    let (before, owner, name) = repository.owner_and_name()?;
    let is_public = matches!(repository.base.host_str(), Some("github.com" | "www.github.com"));
    let base = if is_public { Url::parse("https://api.github.com").ok()? } else { repository.base.clone() };
    let root: &[&str] = if is_public { &[] } else { &["api", "v3"] };
    if !before.is_empty() {
        return None;
    }
    let path = root.iter().copied().chain(["repos", owner, name, "statuses", status.commit]);
    let body = json!({
        "state": word(status.state),
        "context": status.context,
        "description": status.description,
    });
    let mut request = signed(below(&base, path)?, "authorization", &[b"Bearer ", token].concat(), &body)?;
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
    request.headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
    Some(request)
}

/// One of `error`, `failure`, `pending`, `success`.
const fn word(state: State) -> &'static str {
    match state {
        State::Pending | State::Running => "pending",
        State::Success => "success",
        State::Failure => "failure",
        State::Error | State::Canceled => "error",
    }
}
