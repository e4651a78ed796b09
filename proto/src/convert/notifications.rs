//! Whom a project notifies.

use super::{Invalid, parsed, parsed_or_default};
use crate::v1::{self, add_notification_request::To};
use acre_model::{
    ids::{NotificationName, ProjectName, TaskName},
    notification::{Notification, NotificationView, Occasion, Receiver},
    secret::SecretValue,
};
use std::collections::BTreeSet;

/// Most bytes of a receiver's address, and of a secret.
const ADDRESS: usize = 2048;

impl From<(ProjectName, Notification)> for v1::AddNotificationRequest {
    fn from((project, notification): (ProjectName, Notification)) -> Self {
        let Notification { name, to, on, tasks } = notification;
        let bytes = |value: &SecretValue| value.expose().to_vec();
        let to = match to {
            Receiver::Webhook { url, secret } => {
                To::Webhook(v1::WebhookReceiver { url: bytes(&url), secret: bytes(&secret) })
            }
            Receiver::Slack { url } => To::Slack(v1::SlackReceiver { url: bytes(&url) }),
            Receiver::Email { address } => To::Email(v1::EmailReceiver { address }),
        };
        Self {
            project: project.to_string(),
            name: name.to_string(),
            to: Some(to),
            on: on.iter().map(Occasion::to_string).collect(),
            tasks: tasks.iter().map(TaskName::to_string).collect(),
        }
    }
}

impl TryFrom<v1::AddNotificationRequest> for (ProjectName, Notification) {
    type Error = Invalid;

    fn try_from(wire: v1::AddNotificationRequest) -> Result<Self, Invalid> {
        let v1::AddNotificationRequest { project, name, to, on, tasks } = wire;
        let short = |name: &'static str, bytes: Vec<u8>| match bytes.len() {
            0..=ADDRESS => Ok(bytes),
            _ => Err(Invalid::new(name, "is longer than 2 KiB")),
        };
        let value = |name: &'static str, bytes: Vec<u8>| short(name, bytes).map(SecretValue::new);
        let to = match to.ok_or_else(|| Invalid::missing("to"))? {
            To::Webhook(v1::WebhookReceiver { url, secret }) => {
                Receiver::Webhook { url: value("webhook.url", url)?, secret: value("webhook.secret", secret)? }
            }
            To::Slack(v1::SlackReceiver { url }) => Receiver::Slack { url: value("slack.url", url)? },
            To::Email(v1::EmailReceiver { address }) => {
                short("email.address", address.clone().into_bytes())?;
                Receiver::Email { address }
            }
        };
        if tasks.len() > Notification::TASKS {
            return Err(Invalid::new("tasks", "are more than 100"));
        }
        let on: BTreeSet<Occasion> = occasions(&on)?;
        let notification = Notification {
            name: parsed::<NotificationName>("name", &name)?,
            to,
            on: if on.is_empty() { Notification::default_on() } else { on },
            tasks: task_names(&tasks)?,
        };
        Ok((parsed_or_default("project", &project)?, notification))
    }
}

impl From<NotificationView> for v1::NotificationView {
    fn from(view: NotificationView) -> Self {
        let NotificationView { name, kind, receiver, on, tasks, set_at } = view;
        Self {
            name: name.to_string(),
            kind: kind.to_string(),
            receiver,
            on: on.iter().map(Occasion::to_string).collect(),
            tasks: tasks.iter().map(TaskName::to_string).collect(),
            set_at: Some(set_at.into()),
        }
    }
}

impl TryFrom<v1::NotificationView> for NotificationView {
    type Error = Invalid;

    fn try_from(wire: v1::NotificationView) -> Result<Self, Invalid> {
        let v1::NotificationView { name, kind, receiver, on, tasks, set_at } = wire;
        Ok(Self {
            name: parsed("notification.name", &name)?,
            kind: parsed("notification.kind", &kind)?,
            receiver,
            on: occasions(&on)?,
            tasks: task_names(&tasks)?,
            set_at: set_at.unwrap_or_default().into(),
        })
    }
}

fn occasions(texts: &[String]) -> Result<BTreeSet<Occasion>, Invalid> {
    texts.iter().map(|text| parsed("on", text)).collect()
}

fn task_names(texts: &[String]) -> Result<BTreeSet<TaskName>, Invalid> {
    texts.iter().map(|text| parsed("tasks", text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_to_notify_comes_back_as_it_went() {
        let secret = |text: &str| SecretValue::new(text.as_bytes().to_vec());
        let receivers = [
            Receiver::Webhook { url: secret("https://h.example/x"), secret: secret("") },
            Receiver::Slack { url: secret("https://h.example/y") },
            Receiver::Email { address: "a@b.example".to_owned() },
        ];
        for to in receivers {
            let on = BTreeSet::from([Occasion::Failure]);
            let tasks = BTreeSet::from(["web".parse().unwrap()]);
            let notification = Notification { name: "ops".parse().unwrap(), to, on, tasks };
            let wire = v1::AddNotificationRequest::from((ProjectName::default(), notification.clone()));
            assert_eq!(wire.clone().try_into(), Ok((ProjectName::default(), notification.clone())));
            let unsaid = v1::AddNotificationRequest { on: Vec::new(), ..wire };
            let (_, read): (_, Notification) = unsaid.try_into().unwrap();
            assert_eq!(read.on, Notification::default_on());
            let view = notification.view(acre_model::time::Timestamp::from_millis(7));
            assert_eq!(v1::NotificationView::from(view.clone()).try_into(), Ok(view));
        }
    }

    #[test]
    fn what_is_wrong_is_said_by_field() {
        let good = v1::AddNotificationRequest {
            project: String::new(),
            name: "ops".to_owned(),
            to: Some(To::Email(v1::EmailReceiver { address: "a@b.example".to_owned() })),
            on: Vec::new(),
            tasks: Vec::new(),
        };
        let long = vec![b'x'; ADDRESS + 1];
        let table = [
            (v1::AddNotificationRequest { name: "a b".to_owned(), ..good.clone() }, "name"),
            (v1::AddNotificationRequest { to: None, ..good.clone() }, "to"),
            (v1::AddNotificationRequest { on: vec!["always".to_owned()], ..good.clone() }, "on"),
            (v1::AddNotificationRequest { tasks: vec!["a/b".to_owned()], ..good.clone() }, "tasks"),
            (v1::AddNotificationRequest { tasks: vec!["a".to_owned(); 101], ..good.clone() }, "tasks"),
            (v1::AddNotificationRequest { to: Some(To::Slack(v1::SlackReceiver { url: long })), ..good }, "slack.url"),
        ];
        for (wire, field) in table {
            let read: Result<(ProjectName, Notification), Invalid> = wire.clone().try_into();
            let why = read.map(drop).unwrap_err().to_string();
            assert!(why.starts_with(field), "{wire:?}: {why}");
        }
    }
}
