//! Gitea and Forgejo: `POST /repos/{owner}/{repo}/statuses/{sha}` under `/api/v1` (operation `repoCreateStatus`).

use super::{Repository, Request, State, Status, below, signed};
use serde_json::json;

/// The request that sets a status. What stands before owner and name is where the host itself is.
pub(super) fn request(repository: &Repository, status: &Status<'_>, token: &[u8]) -> Option<Request> {
    let (before, owner, name) = repository.owner_and_name()?;
    let root = before.iter().map(String::as_str).chain(["api", "v1"]);
    let path = root.chain(["repos", owner, name, "statuses", status.commit]);
    let body = json!({
        "state": word(status.state),
        "context": status.context,
        "description": status.description,
    });
    signed(below(&repository.base, path)?, "authorization", &[b"token ", token].concat(), &body)
}

/// One of `pending`, `success`, `error`, `failure` (and `warning`, which nothing here is).
const fn word(state: State) -> &'static str {
    match state {
        State::Pending | State::Running => "pending",
        State::Success => "success",
        State::Failure => "failure",
        State::Error | State::Canceled => "error",
    }
}
