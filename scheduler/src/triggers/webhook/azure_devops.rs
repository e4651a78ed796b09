//! Service hooks of Azure DevOps.
//!
//! Sources: Azure DevOps documentation, "Webhooks" (basic authentication) and "Service hooks events" (`git.push`,
//! `git.pullrequest.created`, `git.pullrequest.updated`); "Pull Requests - Get" for `forkSource`.
//!
//! Nothing is signed: whoever knows the password may send anything, so the address must be https.

use super::{Content, Malformed, Reader, Received, events};
use crate::triggers::{
    payload::{Part, Ref, is_nothing},
    signature,
};
use acre_model::trigger::{Change, Origin, PullRequest, PullRequestAction, SourceEvent};

pub(super) const READER: Reader = Reader {
    is_authentic: |received| signature::authorized(received.secret, received.headers),
    // No header names the delivery; the event has an id, which stays the same when it is sent again.
    delivery: |_, body| body.maybe_text("id").map(str::to_owned),
    content,
};

fn content(_: &Received<'_>, body: &Part<'_>) -> Result<Content, Malformed> {
    match body.text("eventType")? {
        "git.push" => push(body),
        "git.pullrequest.created" => pull_request(body, PullRequestAction::Opened),
        "git.pullrequest.updated" => updated(body),
        other => Ok(Content::unsupported(other)),
    }
}

fn push(body: &Part<'_>) -> Result<Content, Malformed> {
    let push = body.part("resource")?;
    let commits = push.list("commits").unwrap_or_default();
    events(push.list("refUpdates")?, |update| {
        let change = match update.reference("name")? {
            Ref::Branch(branch) => Change::Commit { branch },
            Ref::Tag(tag) => Change::Tag { tag },
            Ref::Other => return Ok(None),
        };
        if is_nothing(update.text("newObjectId")?) {
            return Ok(None);
        }
        let commit = update.commit("newObjectId")?;
        let head = commits.iter().find(|one| one.maybe_text("commitId") == Some(commit.as_str()));
        Ok(Some(SourceEvent {
            repository: addresses(&push),
            message: head.and_then(|head| head.line("comment")),
            commit: Some(commit),
            change,
            by: push.line("pushedBy.displayName"),
            paths: None,
        }))
    })
}

/// An update is told of every vote and every comment, too; what it was stands in words only, where the hook was not
/// set up to send none.
fn updated(body: &Part<'_>) -> Result<Content, Malformed> {
    match body.maybe_text("message.text") {
        _ if body.maybe_text("resource.status") != Some("active") => Ok(Content::unchanged("closed")),
        None => pull_request(body, PullRequestAction::Updated),
        Some(text) if text.contains("updated the source branch") => pull_request(body, PullRequestAction::Updated),
        Some(text) if text.contains("reactivated") => pull_request(body, PullRequestAction::Reopened),
        Some(other) => Ok(Content::unchanged(other)),
    }
}

fn pull_request(body: &Part<'_>, action: PullRequestAction) -> Result<Content, Malformed> {
    let request = body.part("resource")?;
    let number = request.number("pullRequestId")?;
    Ok(Content::one(SourceEvent {
        repository: addresses(&request),
        commit: Some(request.commit("lastMergeSourceCommit.commitId")?),
        change: Change::PullRequest(PullRequest {
            number,
            action,
            source: branch(&request, "sourceRefName")?,
            target: branch(&request, "targetRefName")?,
            origin: if request.has("forkSource") {
                Origin::Fork { repository: request.addresses(&["forkSource.repository.remoteUrl"]) }
            } else {
                Origin::SameRepository
            },
            // What is kept is the merge with the target (`refs/pull/7/merge`), not what is asked to be merged.
            reference: None,
        }),
        by: request.line("createdBy.displayName"),
        message: request.line("title"),
        paths: None,
    }))
}

fn branch(request: &Part<'_>, path: &str) -> Result<String, Malformed> {
    match request.reference(path)? {
        Ref::Branch(branch) => Ok(branch),
        Ref::Tag(_) | Ref::Other => Err(request.wrong(path, "a branch")),
    }
}

fn addresses(resource: &Part<'_>) -> Vec<String> {
    resource.addresses(&["repository.remoteUrl", "repository.sshUrl"])
}
