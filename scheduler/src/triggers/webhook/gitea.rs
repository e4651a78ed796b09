//! Gitea and Forgejo.
//!
//! Sources: Gitea Documentation, "Webhooks"; Forgejo Documentation, "Webhooks"; `services/webhook/deliver.go` of
//! both for the headers (`X-Gitea-Signature`, `X-Forgejo-Signature` without, `X-Hub-Signature-256` with `sha256=`).

use super::{Content, Malformed, Reader, Received, github};
use crate::triggers::{
    payload::{Part, Ref, changed_paths, is_nothing},
    signature,
};
use acre_model::trigger::{Change, PullRequestAction, SourceEvent};

pub(super) const READER: Reader =
    Reader { is_authentic, delivery: |received, _| header(received, "delivery").map(str::to_owned), content };

/// The HMAC-SHA256 of the body in hexadecimal digits, under any of the names it is sent by.
fn is_authentic(received: &Received<'_>) -> bool {
    let given = [("x-gitea-signature", ""), ("x-forgejo-signature", ""), ("x-hub-signature-256", "sha256=")]
        .map(|(name, prefix)| signature::hex(received.headers, name, prefix));
    signature::signed(received.secret, &[received.body], &given)
}

/// A header that Forgejo sends under both names and Gitea under its own.
fn header<'a>(received: &Received<'a>, name: &str) -> Option<&'a str> {
    let named = |host: &str| received.header(&format!("x-{host}-{name}"));
    named("gitea").or_else(|| named("forgejo"))
}

fn content(received: &Received<'_>, body: &Part<'_>) -> Result<Content, Malformed> {
    match header(received, "event").ok_or(Malformed::Header("x-gitea-event"))? {
        "push" => push(body),
        "pull_request" | "pull_request_sync" => pull_request(body),
        other => Ok(Content::unsupported(other)),
    }
}

fn push(body: &Part<'_>) -> Result<Content, Malformed> {
    if is_nothing(body.text("after")?) {
        return Ok(Content::ignored("a ref was deleted"));
    }
    let (change, commit) = match body.reference("ref")? {
        Ref::Branch(branch) => (Change::Commit { branch }, body.commit("after")?),
        Ref::Tag(tag) => (Change::Tag { tag }, body.commit("head_commit.id").or_else(|_| body.commit("after"))?),
        Ref::Other => return Ok(Content::ignored("a ref that is neither branch nor tag")),
    };
    Ok(Content::one(SourceEvent {
        repository: body.addresses(&["repository.clone_url", "repository.ssh_url"]),
        commit: Some(commit),
        change,
        by: body.line("pusher.login"),
        message: body.line("head_commit.message"),
        paths: paths(body),
    }))
}

/// What differs. A push lists its last commits only; older hosts do not say how many there were.
fn paths(body: &Part<'_>) -> Option<Vec<String>> {
    let commits = body.list("commits").ok()?;
    let all = body.number("total_commits").ok()? == commits.len() as u64;
    changed_paths(&commits).filter(|_| all)
}

fn pull_request(body: &Part<'_>) -> Result<Content, Malformed> {
    let action = match body.text("action")? {
        "opened" => PullRequestAction::Opened,
        "synchronized" => PullRequestAction::Updated,
        "reopened" => PullRequestAction::Reopened,
        other => return Ok(Content::unchanged(other)),
    };
    github::request(body, action)
}
