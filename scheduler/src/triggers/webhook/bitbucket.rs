//! Bitbucket Cloud.
//!
//! Sources: Bitbucket Cloud Support, "Event payloads" (headers, `repo:push`, `pullrequest:created`,
//! `pullrequest:updated`) and "Manage webhooks" (`X-Hub-Signature: sha256=…`).
//!
//! A payload gives no address to clone from, but that of the repository's page, which serves as one. Of the head of a
//! pull request it gives the first 12 digits. `pullrequest:updated` is sent for a new title, too.

use super::{Content, Malformed, Reader, Received, events};
use crate::triggers::{payload::Part, signature};
use acre_model::trigger::{Change, Origin, PullRequest, PullRequestAction, SourceEvent};

pub(super) const READER: Reader =
    Reader { is_authentic, delivery: |received, _| received.header("x-request-uuid").map(str::to_owned), content };

/// `X-Hub-Signature: sha256=` and the HMAC-SHA256 of the body in hexadecimal digits.
fn is_authentic(received: &Received<'_>) -> bool {
    let given = signature::hex(received.headers, "x-hub-signature", "sha256=");
    signature::signed(received.secret, &[received.body], &[given])
}

fn content(received: &Received<'_>, body: &Part<'_>) -> Result<Content, Malformed> {
    match received.need("x-event-key")? {
        "repo:push" => push(body),
        "pullrequest:created" => pull_request(body, PullRequestAction::Opened),
        "pullrequest:updated" => pull_request(body, PullRequestAction::Updated),
        other => Ok(Content::unsupported(other)),
    }
}

fn push(body: &Part<'_>) -> Result<Content, Malformed> {
    events(body.list("push.changes")?, |change| {
        // `new` of a ref that was deleted is null.
        let Some(new) = change.maybe_part("new") else { return Ok(None) };
        let change = match new.text("type")? {
            "branch" | "named_branch" => Change::Commit { branch: new.ref_name("name")? },
            "tag" | "annotated_tag" => Change::Tag { tag: new.ref_name("name")? },
            _ => return Ok(None),
        };
        Ok(Some(SourceEvent {
            repository: body.addresses(&["repository.links.html.href"]),
            commit: Some(new.commit("target.hash")?),
            change,
            by: actor(body),
            message: new.line("target.message"),
            paths: None,
        }))
    })
}

fn pull_request(body: &Part<'_>, action: PullRequestAction) -> Result<Content, Malformed> {
    let request = body.part("pullrequest")?;
    Ok(Content::one(SourceEvent {
        repository: request.addresses(&["destination.repository.links.html.href"]),
        commit: request.commit("source.commit.hash").ok(),
        change: Change::PullRequest(PullRequest {
            number: request.number("id")?,
            action,
            source: request.ref_name("source.branch.name")?,
            target: request.ref_name("destination.branch.name")?,
            origin: origin(&request)?,
            reference: None,
        }),
        by: actor(body),
        message: request.line("title"),
        paths: None,
    }))
}

/// The repository of a source that is gone is null.
fn origin(request: &Part<'_>) -> Result<Origin, Malformed> {
    let target = request.text("destination.repository.uuid")?;
    match request.maybe_text("source.repository.uuid") {
        Some(source) if source == target => Ok(Origin::SameRepository),
        _ => Ok(Origin::Fork { repository: request.addresses(&["source.repository.links.html.href"]) }),
    }
}

fn actor(body: &Part<'_>) -> Option<String> {
    body.line("actor.nickname").or_else(|| body.line("actor.display_name"))
}
