//! Signed webhooks: <https://www.standardwebhooks.com>, symmetric signatures (`v1`).

use super::Subject;
use crate::tell::status::Request;
use acre_model::{notification::Occasion, secret::SecretValue, time::Timestamp};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::Sha256;

/// What the text of every secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a key, as the specification wants them.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;

/// A text that is no secret of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret is `whsec_` and 24 to 64 bytes in base64")]
pub struct BadSecret;

/// What webhooks are signed with.
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// Reads `whsec_` and a key in base64.
    pub fn parse(text: &SecretValue) -> Result<Self, BadSecret> {
        let text = std::str::from_utf8(text.expose()).map_err(|_| BadSecret)?;
        let key = text.strip_prefix(PREFIX).and_then(|key| BASE64.decode(key.as_bytes()).ok()).ok_or(BadSecret)?;
        if KEY.contains(&key.len()) { Ok(Self(key)) } else { Err(BadSecret) }
    }

    /// The text of a secret with this key.
    pub fn text(key: &[u8; 32]) -> SecretValue {
        SecretValue::new(format!("{PREFIX}{}", BASE64.encode(key)).into_bytes())
    }

    fn signature(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

/// The request that tells `url` of the subject. `id` is one for all tries of a message; `now` is when this one is made.
pub fn webhook(url: Url, secret: &WebhookSecret, id: &str, subject: &Subject<'_>, now: Timestamp) -> Request {
    let body = body(subject, now).to_string().into_bytes();
    let timestamp = now.as_millis() / 1000;
    let mut headers = HeaderMap::new();
    let text = |text: &str| HeaderValue::from_str(text).expect("ids, numbers and base64 are plain text");
    headers.insert("webhook-id", text(id));
    headers.insert("webhook-timestamp", timestamp.into());
    headers.insert("webhook-signature", text(&secret.signature(id, timestamp, &body)));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Request { url, headers, body }
}

/// As docs/tasks.md describes it.
fn body(subject: &Subject<'_>, now: Timestamp) -> Value {
    let (about, occasion) = match subject {
        Subject::Run(about, occasion) => (about, occasion),
        Subject::Test { project } => {
            return json!({"type": "test", "timestamp": now.to_string(), "data": {"project": project}});
        }
    };
    let kind = match occasion {
        Occasion::Failure => "run.failed",
        Occasion::Success => "run.succeeded",
        Occasion::Recovery => "run.recovered",
    };
    let end = about.end();
    let at = end.map_or(about.submitted_at, |end| end.ended_at);
    let data = json!({
        "project": about.project,
        "task": about.task,
        "run": about.run,
        "status": end.map(|end| end.status),
        "error": end.and_then(|end| end.error.as_ref()),
        "started-by": about.cause.to_string(),
        "source": about.source,
        "commit": about.commit(),
        "branch": about.cause.branch(),
        "tag": about.cause.tag(),
        "submitted-at": about.submitted_at.to_string(),
        "started-at": end.and_then(|end| end.started_at).map(|at| at.to_string()),
        "ended-at": end.map(|end| end.ended_at.to_string()),
        "elapsed-ms": end.map(|end| end.elapsed_ms(about.submitted_at)),
        "tests": end.and_then(|end| end.tests),
    });
    json!({"type": kind, "timestamp": at.to_string(), "data": data})
}
