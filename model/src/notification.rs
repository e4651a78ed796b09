//! Whom a project notifies of the ends of its tasks' runs, and of which.

use crate::{
    ids::{NotificationName, TaskName},
    secret::SecretValue,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// What may be worth a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A run did not succeed, and nobody had it canceled.
    Failure,
    /// A run succeeded.
    Success,
    /// A run succeeded, and the one before had not.
    Recovery,
}

impl Occasion {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 3] = [Self::Failure, Self::Success, Self::Recovery];

    /// The name on the command line and in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Success => "success",
            Self::Recovery => "recovery",
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Occasion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|occasion| occasion.name() == text);
        found.ok_or_else(|| format!("`{}` is none of failure, success, recovery", crate::text::clip(text)))
    }
}

/// Somebody whom a project notifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Notification {
    /// Its name in the project.
    pub name: NotificationName,
    /// How they are reached.
    pub to: Receiver,
    /// Of what.
    pub on: BTreeSet<Occasion>,
    /// Of the runs of which tasks; empty: of all.
    pub tasks: BTreeSet<TaskName>,
}

impl Notification {
    /// The most tasks that one names.
    pub const TASKS: usize = 100;

    /// What they are notified of, unless said.
    pub fn default_on() -> BTreeSet<Occasion> {
        BTreeSet::from([Occasion::Failure, Occasion::Recovery])
    }

    /// As it is shown: of an address that may hold a secret, its host.
    pub fn view(&self, set_at: Timestamp) -> NotificationView {
        let (kind, receiver) = match &self.to {
            Receiver::Webhook { url, .. } => (ReceiverKind::Webhook, host_of(url)),
            Receiver::Slack { url } => (ReceiverKind::Slack, host_of(url)),
            Receiver::Email { address } => (ReceiverKind::Email, address.clone()),
        };
        let Self { name, on, tasks, .. } = self.clone();
        NotificationView { name, kind, receiver, on, tasks, set_at }
    }
}

/// How somebody is reached. Addresses are secret as a whole: many hold what lets one write there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receiver {
    /// By a webhook that is signed (Standard Webhooks).
    Webhook {
        /// Where it goes.
        url: SecretValue,
        /// What it is signed with.
        secret: SecretValue,
    },
    /// By an incoming webhook as Slack has them.
    Slack {
        /// Where it goes.
        url: SecretValue,
    },
    /// By e-mail.
    Email {
        /// The address.
        address: String,
    },
}

/// How somebody is reached, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiverKind {
    /// By a signed webhook.
    Webhook,
    /// By Slack, or what takes the same.
    Slack,
    /// By e-mail.
    Email,
}

impl fmt::Display for ReceiverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
        })
    }
}

impl FromStr for ReceiverKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Webhook, Self::Slack, Self::Email].into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("`{}` is none of webhook, slack, email", crate::text::clip(text)))
    }
}

/// Somebody whom a project notifies, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NotificationView {
    /// Its name in the project.
    pub name: NotificationName,
    /// How they are reached.
    pub kind: ReceiverKind,
    /// Where: a host, or an e-mail address.
    pub receiver: String,
    /// Of what.
    pub on: BTreeSet<Occasion>,
    /// Of the runs of which tasks; empty: of all.
    pub tasks: BTreeSet<TaskName>,
    /// When it was set.
    pub set_at: Timestamp,
}

/// The host, and the port if there is one, of `https://[user@]host[:port]/…`.
fn host_of(url: &SecretValue) -> String {
    let text = String::from_utf8_lossy(url.expose());
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    crate::text::clip(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_by_its_host() {
        let table = [
            ("https://hooks.slack.example/services/T0/B0/secret", "hooks.slack.example"),
            ("https://u:secret@h.example:8443/x", "h.example:8443"),
            ("https://h.example?token=secret", "h.example"),
            ("https://h.example#secret", "h.example"),
            ("secret", ""),
        ];
        for (url, host) in table {
            assert_eq!(host_of(&SecretValue::new(url.as_bytes().to_vec())), host, "{url}");
        }
    }

    #[test]
    fn occasions_are_read_as_they_are_printed() {
        for occasion in Occasion::ALL {
            assert_eq!(occasion.to_string().parse(), Ok(occasion));
        }
        assert_eq!("always".parse::<Occasion>().unwrap_err(), "`always` is none of failure, success, recovery");
    }
}
