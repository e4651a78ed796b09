//! Notifications as they go out.

use super::*;
use crate::tell::examples::{AT, COMMIT, WHY, accepted, ended, run};
use acre_model::{origin::Start, run::RunStatus, secret::SecretValue, time::Timestamp};
use data_encoding::BASE64;
use serde_json::{Value, json};

fn secret(text: &str) -> SecretValue {
    SecretValue::new(text.as_bytes().to_vec())
}

fn hook(subject: &Subject<'_>, now: u64) -> crate::tell::status::Request {
    let key = WebhookSecret::parse(&secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    let url = "https://h.example/x".parse().unwrap();
    webhook(url, &key, "msg_1", subject, Timestamp::from_millis(now))
}

#[test]
fn a_webhook_says_what_the_documentation_says() {
    let failed = ended(RunStatus::Failed, Some(WHY));
    let request = hook(&Subject::Run(&failed, Occasion::Failure), AT + 200_000);
    let expected = json!({
        "type": "run.failed",
        "timestamp": "2026-11-20T18:05:16Z",
        "data": {
            "project": "default", "task": "web", "run": run(1).as_str(), "status": "Failed", "error": WHY,
            "started-by": "Commit", "source": format!("https://github.com/octocat/Hello-World.git#{COMMIT}"),
            "commit": COMMIT, "branch": "main", "tag": null,
            "submitted-at": "2026-11-20T18:03:01Z", "started-at": "2026-11-20T18:03:11Z",
            "ended-at": "2026-11-20T18:05:16Z", "elapsed-ms": 125_000, "tests": null,
        },
    });
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), expected);
    let kinds = [(Occasion::Success, "run.succeeded"), (Occasion::Recovery, "run.recovered")];
    for (occasion, kind) in kinds {
        let request = hook(&Subject::Run(&ended(RunStatus::Succeeded, None), occasion), AT);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((&body["type"], &body["data"]["tests"]), (&kind.into(), &json!({"passed": 12, "failed": 0})));
    }
    let test: Value = serde_json::from_slice(&hook(&Subject::Test { project: "default" }, AT).body).unwrap();
    assert_eq!(test, json!({"type": "test", "timestamp": "2026-11-20T18:03:01Z", "data": {"project": "default"}}));
}

/// Read by the half of this crate that takes webhooks of others.
#[test]
fn a_signature_is_one_by_the_standard() {
    let failed = ended(RunStatus::Failed, Some(WHY));
    let request = hook(&Subject::Run(&failed, Occasion::Failure), AT);
    assert_eq!(request.headers["webhook-id"], "msg_1");
    assert_eq!(request.headers["webhook-timestamp"], (AT / 1000).to_string().as_str());
    let signature = request.headers["webhook-signature"].to_str().unwrap().strip_prefix("v1,").unwrap();
    let key = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let mut mac = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(&key).unwrap();
    hmac::Mac::update(&mut mac, &[format!("msg_1.{}.", AT / 1000).as_bytes(), &request.body].concat());
    let given = BASE64.decode(signature.as_bytes()).unwrap();
    assert!(hmac::Mac::verify_slice(mac, &given).is_ok(), "{signature}");
}

#[test]
fn a_webhooks_secret_has_the_length_that_is_wanted() {
    let of = |bytes: usize| format!("whsec_{}", BASE64.encode(&vec![7; bytes]));
    let drawn = WebhookSecret::text(&[7; 32]);
    assert!(WebhookSecret::parse(&drawn).is_ok());
    let table = [(of(24), true), (of(64), true), (of(23), false), (of(65), false), ("whsec_".to_owned(), false)];
    let others = [(BASE64.encode(&[7; 32]), false), ("whsec_%%%".to_owned(), false), (String::new(), false)];
    for (text, expected) in table.into_iter().chain(others) {
        assert_eq!(WebhookSecret::parse(&secret(&text)).is_ok(), expected, "{text}");
    }
}

#[test]
fn slack_gets_text_that_cannot_mention_or_link() {
    let failed = ended(RunStatus::Failed, Some("<!channel> & <https://x.example|here> &lt;"));
    let body: Value = serde_json::from_slice(&slack(&Subject::Run(&failed, Occasion::Failure))).unwrap();
    let text = body["text"].as_str().unwrap();
    let escaped = "&lt;!channel&gt; &amp; &lt;https://x.example|here&gt; &amp;lt;";
    assert_eq!(text, format!("*default/web failed*\nFailed after 2m05s: {escaped}"));
    assert_eq!(
        body["blocks"][0],
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
    );
    let rest = body["blocks"][1]["elements"][0]["text"].as_str().unwrap();
    assert!(
        rest.starts_with(&format!("run: {}\ncommit: {COMMIT}\nbranch: main\nstarted by: Commit\n", run(1))),
        "{rest}"
    );
    assert!(rest.ends_with(&format!("log: acre --project default logs {}", run(1))), "{rest}");
    let test: Value = serde_json::from_slice(&slack(&Subject::Test { project: "default" })).unwrap();
    assert_eq!(test["blocks"].as_array().unwrap().len(), 1);
}

#[test]
fn slack_gets_no_more_than_it_takes() {
    // Each character becomes five.
    let mut long = accepted();
    long.cause = Start::Commit { commit: COMMIT.to_owned(), branch: Some("&".repeat(600)), tag: None, provider: None };
    long.source = "&".repeat(600);
    let body: Value = serde_json::from_slice(&slack(&Subject::Run(&long, Occasion::Failure))).unwrap();
    let rest = body["blocks"][1]["elements"][0]["text"].as_str().unwrap();
    assert!(rest.chars().count() <= 3000 && rest.ends_with("&amp;"), "{}: {rest}", rest.len());
}

#[test]
fn a_letter_holds_no_line_that_could_be_a_header() {
    let mut hostile = ended(RunStatus::Failed, Some("x\r\nBcc: a@b.example\r\n\r\nbody"));
    hostile.source = "https://h.example/a\r\nBcc: c@d.example".to_owned();
    let letter = letter(&Subject::Run(&hostile, Occasion::Failure));
    assert_eq!(letter.subject, "[acre] default/web failed");
    assert!(letter.text.starts_with("Failed after 2m05s: x Bcc: a@b.example body\n\nrun         "), "{}", letter.text);
    assert!(!letter.text.contains("\nBcc") && !letter.text.contains('\r'), "{}", letter.text);
}
