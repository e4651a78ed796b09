//! Notifications, at receivers that check what they get.

use super::{
    receiver::{Heard, Receiver, plain},
    *,
};
use crate::{
    tell::{
        examples::{WHY, ended, run},
        notice::WebhookSecret,
    },
    triggers::webhook::{self, Content},
};
use acre_model::{
    notification::{Occasion, Receiver as To},
    run::RunStatus,
    trigger::Provider,
};

fn secret(text: String) -> SecretValue {
    SecretValue::new(text.into_bytes())
}

fn to(name: &str, to: To) -> Notification {
    Notification { name: name.parse().unwrap(), to, on: Occasion::ALL.into(), tasks: Default::default() }
}

/// Somebody who is notified as Slack is, of everything.
pub(super) fn slack(name: &str, at: &Receiver) -> Notification {
    to(name, To::Slack { url: secret(at.url("/services/T0/B0/s3cret")) })
}

/// Runs by number, and how they ended.
fn tidings(ends: &[(u32, RunStatus)]) -> Vec<Tiding> {
    ends.iter().map(|(number, status)| Tiding { run: run(*number), ..ended(*status, Some(WHY)) }).collect()
}

/// Whether a request is signed as the standard wants it: read as those of others are.
fn is_signed(heard: &Heard, key: &SecretValue, now: u64) -> bool {
    let read = webhook::read(Provider::Generic, &heard.headers, &heard.body, key, Timestamp::from_millis(now));
    // It is signed, and is no event of a source.
    match read {
        Ok(delivered) => !matches!(delivered.content, Content::Events(_)),
        Err(why) => matches!(why, crate::triggers::Refused::Malformed(_)),
    }
}

#[tokio::test]
async fn a_webhook_is_signed_anew_for_each_try_and_is_one_message() {
    let (_folder, clock, working) = world().await;
    let mut ops = Receiver::start().await;
    let key = WebhookSecret::text(&[7; 32]);
    working.keep(to("ops", To::Webhook { url: secret(ops.url("/acre?x=1")), secret: key.clone() })).await;
    ops.answers([plain(500)]);
    working.tell(&tidings(&[(1, RunStatus::Failed)])).await;
    let first = ops.hears().await;
    clock.sees_rest().await;
    clock.pass(1_000);
    let second = ops.hears().await;
    working.is_empty().await;
    for (heard, now) in [(&first, BEGIN), (&second, BEGIN + 1_000)] {
        assert!(is_signed(heard, &key, now), "{heard:?}");
        assert!(!is_signed(heard, &WebhookSecret::text(&[8; 32]), now), "{heard:?}");
        assert_eq!((heard.path.as_str(), &heard.json()["type"]), ("/acre", &"run.failed".into()));
        assert_eq!(heard.json()["data"]["error"], WHY);
    }
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_ne!(first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]);
    working.stop().await;
}

#[tokio::test]
async fn a_recovery_is_told_as_one_also_after_a_death() {
    let (folder, clock, working) = world().await;
    let mut ops = Receiver::start().await;
    let key = WebhookSecret::text(&[7; 32]);
    working.keep(to("ops", To::Webhook { url: secret(ops.url("/")), secret: key })).await;
    working.tell(&tidings(&[(1, RunStatus::Succeeded), (2, RunStatus::Failed), (3, RunStatus::Canceled)])).await;
    let kind = |heard: Heard| heard.json()["type"].as_str().unwrap().to_owned();
    assert_eq!([kind(ops.hears().await), kind(ops.hears().await)], ["run.succeeded", "run.failed"]);
    working.is_empty().await;
    working.stop().await;
    let working = Working::on(folder.path(), &clock).await;
    working.tell(&tidings(&[(4, RunStatus::Succeeded), (5, RunStatus::Succeeded)])).await;
    assert_eq!([kind(ops.hears().await), kind(ops.hears().await)], ["run.recovered", "run.succeeded"]);
    working.is_empty().await;
    working.stop().await;
}

#[tokio::test]
async fn a_slow_receiver_holds_up_nobody_but_itself() {
    let (_folder, clock, working) = world().await;
    let (mut slow, mut quick) = (Receiver::start().await, Receiver::start().await);
    working.keep(slack("a", &slow)).await;
    working.keep(slack("b", &quick)).await;
    slow.falls_silent();
    working.tell(&tidings(&[(1, RunStatus::Failed), (2, RunStatus::Failed)])).await;
    slow.hears().await;
    quick.hears().await;
    quick.hears().await;
    slow.has_heard_nothing();
    // It is given a minute, and then the message is sent again, when it has rested.
    clock.pass(60_000);
    clock.sees_rest().await;
    slow.speaks();
    clock.pass(1_000);
    slow.hears().await;
    slow.hears().await;
    working.is_empty().await;
    working.stop().await;
}

#[tokio::test]
async fn a_test_is_sent_at_once_and_its_answer_is_said_without_secrets() {
    let (_folder, _clock, working) = world().await;
    let mut ops = Receiver::start().await;
    working.keep(slack("ops", &ops)).await;
    let test = |name: &str| {
        let name = name.parse().unwrap();
        let outbox = working.outbox.clone();
        async move { outbox.test(&Default::default(), &name).await }
    };
    ops.answers([
        (200, Vec::new(), "ok".to_owned()),
        (404, Vec::new(), format!("no {}", ops.url("/services/T0/B0/s3cret"))),
    ]);
    assert_eq!(test("ops").await.unwrap(), Ok("it answers 200 OK: ok".to_owned()));
    assert_eq!(test("ops").await.unwrap(), Err("it answers 404 Not Found: no ***".to_owned()));
    assert!(ops.hears().await.json()["text"].as_str().unwrap().starts_with("*A test of project default*"));
    let missing = test("nobody").await.unwrap_err().to_string();
    assert_eq!(missing, "project `default` notifies no `nobody`");
    working.stop().await;
}

#[tokio::test]
async fn an_address_that_may_not_be_asked_is_not_and_is_not_said() {
    let (_folder, _clock, working) = world().await;
    let table = [
        ("a", "http://192.0.2.7/s3cret", "http:// is for this machine's own addresses"),
        ("b", "https://169.254.169.254/s3cret", "not fetched from"),
        ("c", "ftp://127.0.0.1/s3cret", "not fetched by ftp"),
    ];
    for (name, url, expected) in table {
        working.keep(to(name, To::Slack { url: secret(url.to_owned()) })).await;
        let told = working.outbox.test(&Default::default(), &name.parse().unwrap()).await.unwrap();
        let why = told.unwrap_err();
        assert!(why.contains(expected) && !why.contains("s3cret"), "{url}: {why}");
    }
    working.stop().await;
}
