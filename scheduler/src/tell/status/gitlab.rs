//! GitLab: `POST /projects/:id/statuses/:sha` (Commits API, "Set commit pipeline status"). The project is its path,
//! encoded as one part.

use super::{Repository, Request, State, Status, below, signed};
use serde_json::json;

/// The request that sets a status.
pub(super) fn request(repository: &Repository, status: &Status<'_>, token: &[u8]) -> Option<Request> {
    let project = repository.path.join("/");
    let path = ["api", "v4", "projects", &project, "statuses", status.commit];
    let mut body = json!({
        "state": word(status.state),
        "name": status.context,
        "description": status.description,
    });
    if let Some(reference) = status.reference {
        body["ref"] = reference.into();
    }
    signed(below(&repository.base, path)?, "private-token", token, &body)
}

/// One of `pending`, `running`, `success`, `failed`, `canceled`.
const fn word(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Running => "running",
        State::Success => "success",
        State::Failure | State::Error => "failed",
        State::Canceled => "canceled",
    }
}
