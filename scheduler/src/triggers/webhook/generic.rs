//! acre's own format, for hosts that have none of the others and for scripts.
//!
//! Signed as Standard Webhooks has it (standard-webhooks/standard-webhooks, "Standard Webhooks", chapters "Webhook
//! headers" and "Signature scheme"): `webhook-id`, `webhook-timestamp` in Unix seconds, at most five minutes from now,
//! and `webhook-signature`, a list of `v1,` and the HMAC-SHA256 of `ID.TIMESTAMP.BODY` in base 64. A secret `whsec_…`
//! is the key in base 64; any other is the key itself.
//!
//! ```json
//! {
//!   "kind": "commit",
//!   "repository": "https://git.example.com/team/app.git",
//!   "commit": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
//!   "branch": "main",
//!   "by": "jane",
//!   "message": "Fix the build",
//!   "paths": ["src/main.c"]
//! }
//! ```
//!
//! `kind` is `commit` (with `branch`), `tag` (with `tag`), `pull-request` (with `number`, `action`: `opened`, `updated`
//! or `reopened`, `source` and `target`, which are branches, and `fork`, the address of the fork it comes from, if it
//! does) or `ping`. `by`, `message` and `paths` may be left out; `paths` are all that differ.

use super::{Content, Malformed, Reader, Received};
use crate::triggers::{payload::Part, signature};
use acre_model::{
    time::Timestamp,
    trigger::{Change, Origin, PullRequest, PullRequestAction, SourceEvent},
};
use data_encoding::BASE64;

/// What a secret begins with whose rest is base 64.
pub(super) const SECRET_PREFIX: &[u8] = b"whsec_";
/// How far the sender's clock may be from ours, and how long a request may have been on its way.
const TOLERANCE_MS: u64 = 5 * 60 * 1000;

pub(super) const READER: Reader =
    Reader { is_authentic, delivery: |received, _| received.header("webhook-id").map(str::to_owned), content };

/// Whether one of the signatures is right, and it is of these minutes.
pub(super) fn is_authentic(received: &Received<'_>) -> bool {
    let id = received.header("webhook-id").unwrap_or_default();
    let timestamp = received.header("webhook-timestamp").unwrap_or_default();
    let list = received.header("webhook-signature").unwrap_or_default();
    let codes: Vec<_> = list.split(' ').map(|one| one.strip_prefix("v1,").and_then(signature::base64)).collect();
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", received.body];
    let signed = signature::signed(&key(received.secret), &parts, &codes);
    signed & is_of_these_minutes(timestamp, received.now) & !id.is_empty()
}

/// The key that a secret stands for. One that is not what it should be is no key, and nothing is signed with it.
fn key(secret: &[u8]) -> Vec<u8> {
    match secret.strip_prefix(SECRET_PREFIX) {
        Some(text) => BASE64.decode(text).unwrap_or_default(),
        None => secret.to_vec(),
    }
}

fn is_of_these_minutes(timestamp: &str, now: Timestamp) -> bool {
    let Ok(seconds) = timestamp.parse::<u64>() else { return false };
    let sent = Timestamp::from_millis(seconds.saturating_mul(1000));
    now.millis_since(sent) <= TOLERANCE_MS && sent.millis_since(now) <= TOLERANCE_MS
}

fn content(_: &Received<'_>, body: &Part<'_>) -> Result<Content, Malformed> {
    let change = match body.text("kind")? {
        "commit" => Change::Commit { branch: body.ref_name("branch")? },
        "tag" => Change::Tag { tag: body.ref_name("tag")? },
        "pull-request" => Change::PullRequest(pull_request(body)?),
        "ping" => return Ok(Content::ignored("ping")),
        _ => return Err(body.wrong("kind", "one of commit, tag, pull-request and ping")),
    };
    body.text("repository")?;
    Ok(Content::one(SourceEvent {
        repository: body.addresses(&["repository"]),
        commit: Some(body.commit("commit")?),
        change,
        by: body.line("by"),
        message: body.line("message"),
        paths: paths(body),
    }))
}

fn pull_request(body: &Part<'_>) -> Result<PullRequest, Malformed> {
    let action = match body.text("action")? {
        "opened" => PullRequestAction::Opened,
        "updated" => PullRequestAction::Updated,
        "reopened" => PullRequestAction::Reopened,
        _ => return Err(body.wrong("action", "one of opened, updated and reopened")),
    };
    Ok(PullRequest {
        number: body.number("number")?,
        action,
        source: body.ref_name("source")?,
        target: body.ref_name("target")?,
        origin: if body.has("fork") {
            Origin::Fork { repository: body.addresses(&["fork"]) }
        } else {
            Origin::SameRepository
        },
        reference: None,
    })
}

fn paths(body: &Part<'_>) -> Option<Vec<String>> {
    let mut paths: Vec<_> = body.texts("paths")?.into_iter().map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Some(paths).filter(|paths| !paths.is_empty())
}
