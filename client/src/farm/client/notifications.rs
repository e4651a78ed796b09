//! Whom a project notifies.

use super::{ANSWER, FarmClient, limited, nonsense};
use crate::error::Error;
use acre_model::{
    ids::NotificationName,
    notification::{Notification, NotificationView},
    secret::SecretValue,
};
use acre_proto::v1;

impl FarmClient {
    /// Has the project notify somebody. Returns what webhooks are signed with, where the farm drew it.
    pub async fn add_notification(&self, notification: Notification) -> Result<Option<SecretValue>, Error> {
        let request: v1::AddNotificationRequest = (self.project.clone(), notification).into();
        let answer = self.ask(self.notifications_client().add(limited(request, ANSWER))).await?;
        Ok((!answer.secret.is_empty()).then(|| SecretValue::new(answer.secret)))
    }

    /// Whom the project notifies, by name.
    pub async fn notifications(&self) -> Result<Vec<NotificationView>, Error> {
        let request = v1::ListNotificationsRequest { project: self.project.to_string() };
        let answer = self.ask(self.notifications_client().list(limited(request, ANSWER))).await?;
        answer.notifications.into_iter().map(|view| view.try_into().map_err(nonsense)).collect()
    }

    /// Has the project notify somebody no more.
    pub async fn remove_notification(&self, name: &NotificationName) -> Result<(), Error> {
        let request = v1::RemoveNotificationRequest { project: self.project.to_string(), name: name.to_string() };
        self.ask(self.notifications_client().remove(limited(request, ANSWER))).await.map(drop)
    }

    /// Sends somebody a test: whether it was taken, and what was answered.
    pub async fn test_notification(&self, name: &NotificationName) -> Result<(bool, String), Error> {
        let request = v1::TestNotificationRequest { project: self.project.to_string(), name: name.to_string() };
        let answer = self.ask(self.notifications_client().test(limited(request, LONG_ANSWER))).await?;
        Ok((answer.taken, answer.answer))
    }
}

/// How long a test may take: others are asked, and the farm waits for them for a minute.
const LONG_ANSWER: std::time::Duration = std::time::Duration::from_secs(75);
