//! GitLab.
//!
//! Sources: GitLab Docs, "Webhooks" (`X-Gitlab-Token`, `Idempotency-Key`) and "Webhook events" (push, tag and merge
//! request events); merge request 230944 of gitlab-org/gitlab, "Add webhook HMAC signing token", for `webhook-signature`.

use super::{Content, Malformed, Reader, Received, generic};
use crate::triggers::{
    payload::{Part, Ref, changed_paths, is_nothing},
    signature,
};
use acre_model::trigger::{Change, Origin, PullRequest, PullRequestAction, SourceEvent};

pub(super) const READER: Reader = Reader { is_authentic, delivery, content };

/// A secret that begins with `whsec_` is a signing token: then the body is signed, as Standard Webhooks has it. Any
/// other is a secret token, which is sent as it is.
fn is_authentic(received: &Received<'_>) -> bool {
    if received.secret.starts_with(generic::SECRET_PREFIX) {
        return generic::is_authentic(received);
    }
    let token = received.headers.get("x-gitlab-token").map(http::HeaderValue::as_bytes).unwrap_or_default();
    signature::same(received.secret, token)
}

/// `X-Gitlab-Event-UUID` will not do: hooks that are set off by hooks share one.
fn delivery(received: &Received<'_>, _: &Part<'_>) -> Option<String> {
    received.header("webhook-id").or_else(|| received.header("idempotency-key")).map(str::to_owned)
}

fn content(_: &Received<'_>, body: &Part<'_>) -> Result<Content, Malformed> {
    match body.text("object_kind")? {
        "push" | "tag_push" => push(body),
        "merge_request" => merge_request(body),
        other => Ok(Content::unsupported(other)),
    }
}

fn push(body: &Part<'_>) -> Result<Content, Malformed> {
    if is_nothing(body.text("after")?) {
        return Ok(Content::ignored("a ref was deleted"));
    }
    let change = match body.reference("ref")? {
        Ref::Branch(branch) => Change::Commit { branch },
        Ref::Tag(tag) => Change::Tag { tag },
        Ref::Other => return Ok(Content::ignored("a ref that is neither branch nor tag")),
    };
    // `after` of an annotated tag names the tag object, `checkout_sha` the commit.
    let commit = body.commit("checkout_sha").or_else(|_| body.commit("after"))?;
    let commits = body.list("commits")?;
    let all = body.number("total_commits_count")? == commits.len() as u64;
    let head = commits.iter().find(|one| one.maybe_text("id") == Some(commit.as_str()));
    Ok(Content::one(SourceEvent {
        repository: addresses(body, "project"),
        message: head.and_then(|head| head.line("message")).or_else(|| body.line("message")),
        commit: Some(commit),
        change,
        by: body.line("user_username").or_else(|| body.line("user_name")),
        paths: changed_paths(&commits).filter(|_| all),
    }))
}

fn merge_request(body: &Part<'_>) -> Result<Content, Malformed> {
    let request = body.part("object_attributes")?;
    let action = match request.maybe_text("action") {
        Some("open") => PullRequestAction::Opened,
        Some("reopen") => PullRequestAction::Reopened,
        // `oldrev` is there only where the update is one of the source branch.
        Some("update") if request.maybe_text("oldrev").is_some() => PullRequestAction::Updated,
        other => return Ok(Content::unchanged(other.unwrap_or("test"))),
    };
    let number = request.number("iid")?;
    Ok(Content::one(SourceEvent {
        repository: addresses(&request, "target"),
        commit: Some(request.commit("last_commit.id")?),
        change: Change::PullRequest(PullRequest {
            number,
            action,
            source: request.ref_name("source_branch")?,
            target: request.ref_name("target_branch")?,
            origin: origin(&request)?,
            reference: Some(format!("refs/merge-requests/{number}/head")),
        }),
        by: body.line("user.username"),
        message: request.line("title"),
        paths: None,
    }))
}

fn origin(request: &Part<'_>) -> Result<Origin, Malformed> {
    let target = request.number("target_project_id")?;
    // The project of a source that is gone is null.
    match request.number("source_project_id") {
        Ok(source) if source == target => Ok(Origin::SameRepository),
        _ => Ok(Origin::Fork { repository: addresses(request, "source") }),
    }
}

fn addresses(body: &Part<'_>, project: &str) -> Vec<String> {
    body.maybe_part(project).map_or_else(Vec::new, |project| project.addresses(&["git_http_url", "git_ssh_url"]))
}
