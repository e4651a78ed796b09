//! GitHub.
//!
//! Sources: GitHub Docs, "Validating webhook deliveries" (`X-Hub-Signature-256`), "Webhook events and payloads"
//! (headers, `push`, `pull_request`, `ping`).

use super::{Content, Malformed, Reader, Received};
use crate::triggers::{
    payload::{Part, Ref, changed_paths, is_nothing},
    signature,
};
use acre_model::trigger::{Change, Origin, PullRequest, PullRequestAction, SourceEvent};
use http::HeaderMap;

/// The most commits that a `push` lists ("Webhook events and payloads", `push`, `commits`).
const MOST_COMMITS: usize = 2048;

pub(super) const READER: Reader = Reader {
    is_authentic: |received| is_authentic(received.headers, received.body, received.secret),
    delivery: |received, _| received.header("x-github-delivery").map(str::to_owned),
    content,
};

/// `X-Hub-Signature-256: sha256=` and the HMAC-SHA256 of the body in hexadecimal digits.
pub(in crate::triggers) fn is_authentic(headers: &HeaderMap, body: &[u8], secret: &[u8]) -> bool {
    let given = signature::hex(headers, "x-hub-signature-256", "sha256=");
    signature::signed(secret, &[body], &[given])
}

fn content(received: &Received<'_>, body: &Part<'_>) -> Result<Content, Malformed> {
    match received.need("x-github-event")? {
        "push" => push(body),
        "pull_request" => pull_request(body),
        "ping" => Ok(Content::ignored("ping")),
        other => Ok(Content::unsupported(other)),
    }
}

fn push(body: &Part<'_>) -> Result<Content, Malformed> {
    if body.flag("deleted") || is_nothing(body.text("after")?) {
        return Ok(Content::ignored("a ref was deleted"));
    }
    // `after` of an annotated tag names the tag object, the head commit what it points to.
    let (change, commit) = match body.reference("ref")? {
        Ref::Branch(branch) => (Change::Commit { branch }, body.commit("after")?),
        Ref::Tag(tag) => (Change::Tag { tag }, body.commit("head_commit.id").or_else(|_| body.commit("after"))?),
        Ref::Other => return Ok(Content::ignored("a ref that is neither branch nor tag")),
    };
    Ok(Content::one(SourceEvent {
        repository: body.addresses(&["repository.clone_url", "repository.ssh_url"]),
        commit: Some(commit),
        change,
        by: body.line("pusher.name"),
        message: body.line("head_commit.message"),
        paths: paths(body)?,
    }))
}

/// What differs. A push that was forced takes away, too, which no list of new commits tells.
fn paths(body: &Part<'_>) -> Result<Option<Vec<String>>, Malformed> {
    let commits = body.list("commits")?;
    let complete = commits.len() < MOST_COMMITS && !body.flag("forced");
    Ok(changed_paths(&commits).filter(|_| complete))
}

fn pull_request(body: &Part<'_>) -> Result<Content, Malformed> {
    let action = match body.text("action")? {
        "opened" => PullRequestAction::Opened,
        "synchronize" => PullRequestAction::Updated,
        "reopened" => PullRequestAction::Reopened,
        other => return Ok(Content::unchanged(other)),
    };
    request(body, action)
}

/// A pull request as GitHub and Gitea write it.
pub(super) fn request(body: &Part<'_>, action: PullRequestAction) -> Result<Content, Malformed> {
    let number = body.number("number")?;
    let request = body.part("pull_request")?;
    Ok(Content::one(SourceEvent {
        repository: request.addresses(&["base.repo.clone_url", "base.repo.ssh_url"]),
        commit: Some(request.commit("head.sha")?),
        change: Change::PullRequest(PullRequest {
            number,
            action,
            source: request.ref_name("head.ref")?,
            target: request.ref_name("base.ref")?,
            origin: origin(&request)?,
            reference: Some(format!("refs/pull/{number}/head")),
        }),
        by: body.line("sender.login"),
        message: request.line("title"),
        paths: None,
    }))
}

/// A fork is what is not the target itself; one that is gone is `null`.
fn origin(request: &Part<'_>) -> Result<Origin, Malformed> {
    let target = request.number("base.repo.id")?;
    match request.maybe_part("head.repo") {
        Some(source) if source.number("id")? == target => Ok(Origin::SameRepository),
        Some(source) => Ok(Origin::Fork { repository: source.addresses(&["clone_url", "ssh_url"]) }),
        None => Ok(Origin::Fork { repository: Vec::new() }),
    }
}
