//! The service `Notifications`.

use crate::farm::{Farm, Refusal, refusal};
use acre_proto::v1::{self, add_notification_request::To, notifications_client::NotificationsClient};
use acre_scheduler::store::Order;
use tonic::{Code, transport::Channel};

const URL: &str = "https://hooks.example/services/s3cret";

fn slack(name: &str, url: &str) -> v1::AddNotificationRequest {
    let to = Some(To::Slack(v1::SlackReceiver { url: url.as_bytes().to_vec() }));
    v1::AddNotificationRequest { name: name.to_owned(), to, ..Default::default() }
}

fn webhook(secret: &str) -> v1::AddNotificationRequest {
    let (url, secret) = (URL.as_bytes().to_vec(), secret.as_bytes().to_vec());
    v1::AddNotificationRequest { to: Some(To::Webhook(v1::WebhookReceiver { url, secret })), ..slack("hook", URL) }
}

fn email(address: &str) -> v1::AddNotificationRequest {
    v1::AddNotificationRequest {
        to: Some(To::Email(v1::EmailReceiver { address: address.to_owned() })),
        ..slack("me", URL)
    }
}

struct Asked(NotificationsClient<Channel>);

impl Asked {
    fn of(farm: &Farm) -> Self {
        Self(NotificationsClient::new(farm.channel.clone()))
    }

    /// The secret that was drawn, if one was.
    async fn add(&mut self, request: v1::AddNotificationRequest) -> Result<String, Refusal> {
        let answer = self.0.add(request).await.map_err(refusal)?.into_inner();
        Ok(String::from_utf8(answer.secret).unwrap())
    }

    async fn list(&mut self, project: &str) -> Vec<v1::NotificationView> {
        let request = v1::ListNotificationsRequest { project: project.to_owned() };
        self.0.list(request).await.unwrap().into_inner().notifications
    }

    async fn remove(&mut self, name: &str) -> Result<(), Refusal> {
        let request = v1::RemoveNotificationRequest { project: String::new(), name: name.to_owned() };
        self.0.remove(request).await.map(drop).map_err(refusal)
    }
}

#[tokio::test]
async fn whom_to_notify_is_kept_sealed_and_shown_by_host() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    let mut asked = Asked::of(&farm);
    assert_eq!(asked.add(slack("ops", URL)).await.unwrap(), "");
    let drawn = asked.add(webhook("")).await.unwrap();
    assert!(drawn.starts_with("whsec_") && drawn.len() > 40, "{drawn}");
    asked.add(email("me@example.com")).await.unwrap();
    let again = asked.add(slack("ops", URL)).await.unwrap_err();
    assert!(again.0 == Code::AlreadyExists && again.1.contains("notifies a `ops` already"), "{again:?}");

    let listed = asked.list("").await;
    let shown: Vec<_> =
        listed.iter().map(|one| (one.name.as_str(), one.kind.as_str(), one.receiver.as_str())).collect();
    assert_eq!(
        shown,
        [("hook", "webhook", "hooks.example"), ("me", "email", "me@example.com"), ("ops", "slack", "hooks.example")]
    );
    assert_eq!(
        (&listed[0].on[..], asked.list("other").await.len()),
        (&["failure".to_owned(), "recovery".to_owned()][..], 0)
    );
    let stored = farm.store.range("a".to_owned().."z".to_owned(), Order::Ascending, usize::MAX).await.unwrap();
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(stored.iter().all(|one| !holds(&one.value, "s3cret") && !holds(&one.value, &drawn)));

    asked.remove("ops").await.unwrap();
    let missing = asked.remove("ops").await.unwrap_err();
    assert_eq!(missing, (Code::NotFound, "project `default` notifies no `ops`".to_owned()));
    farm.stop().await;
}

#[tokio::test]
async fn who_cannot_be_notified_is_refused_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let farm = Farm::start(folder.path()).await;
    let mut asked = Asked::of(&farm);
    let table = [
        (slack("a b", URL), "name: "),
        (slack("ops", "s3cret"), "slack.url: is no address"),
        (slack("ops", ""), "slack.url: is no address"),
        (slack("ops", "ftp://h.example/s3cret"), "slack.url: begins with `ftp:`"),
        (slack("ops", "https://me:s3cret@h.example/"), "slack.url: has a login in it"),
        (webhook("s3cret"), "webhook.secret: a webhook's secret is `whsec_`"),
        (email("me@example.com\r\nBcc: a@b.example"), "email.address: "),
        (v1::AddNotificationRequest { to: None, ..slack("ops", URL) }, "to: must be set"),
        (v1::AddNotificationRequest { on: vec!["always".to_owned()], ..slack("ops", URL) }, "on: "),
    ];
    for (request, expected) in table {
        let (code, why) = asked.add(request.clone()).await.unwrap_err();
        assert!(code == Code::InvalidArgument && why.starts_with(expected), "{request:?}: {why}");
        assert!(!why.contains("s3cret"), "{why}");
    }
    for number in 0..50 {
        asked.add(slack(&format!("n{number}"), URL)).await.unwrap();
    }
    let full = asked.add(slack("ops", URL)).await.unwrap_err();
    assert_eq!((full.0, full.1.contains("at most 50")), (Code::ResourceExhausted, true), "{full:?}");
    farm.stop().await;
}
