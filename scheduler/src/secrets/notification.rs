//! Whom projects notify: where that is goes in, and comes out for sending alone.

use super::{Secrets, SecretsError, Unsealable};
use crate::store::{Change, Order, Stored, keys};
use acre_model::{
    ids::{NotificationName, ProjectName},
    notification::Notification,
    text::clip,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Most of them in one project: what one run leads to is stored in one transaction.
const NOTIFICATIONS: usize = 50;

#[derive(Serialize, Deserialize)]
struct NotificationRecord {
    notification: Notification,
    set_at: Timestamp,
}

impl Secrets {
    /// How the store changes for a project to notify somebody, too.
    pub async fn add_notification(
        &self,
        project: &ProjectName,
        notification: Notification,
        now: Timestamp,
    ) -> Result<Change, SecretsError> {
        let key = keys::notification(project, &notification.name);
        let known = self.store.range(keys::all_notifications(project), Order::Ascending, NOTIFICATIONS).await?;
        if known.len() >= NOTIFICATIONS {
            return Err(SecretsError::TooMany(format!("a project notifies at most {NOTIFICATIONS}; remove one first")));
        }
        let sealed = self.sealer.seal(&key, &NotificationRecord { notification, set_at: now });
        Ok(Change::Put(key, sealed))
    }

    /// How the store changes for a project to notify somebody no more.
    pub async fn delete_notification(
        &self,
        project: &ProjectName,
        name: &NotificationName,
    ) -> Result<Change, SecretsError> {
        let key = keys::notification(project, name);
        let missing = || SecretsError::Missing(format!("project `{project}` notifies no `{}`", clip(name.as_str())));
        self.store.get(&key).await?.ok_or_else(missing)?;
        Ok(Change::Delete(key))
    }

    /// Whom a project notifies, by name, and since when. What cannot be read is left out, and said.
    pub async fn notification_records(
        &self,
        project: &ProjectName,
    ) -> Result<Vec<(Notification, Timestamp)>, SecretsError> {
        let records = self.store.range(keys::all_notifications(project), Order::Ascending, NOTIFICATIONS).await?;
        let read = |stored: &Stored| {
            let record = self.opened(stored).inspect_err(|why| tracing::warn!(%why, "left out")).ok()?;
            Some((record.notification, record.set_at))
        };
        Ok(records.iter().filter_map(read).collect())
    }

    /// One of them; `None`: there is none of this name.
    pub async fn notification(
        &self,
        project: &ProjectName,
        name: &NotificationName,
    ) -> Result<Option<Notification>, SecretsError> {
        let stored = self.store.get(&keys::notification(project, name)).await?;
        stored.map(|stored| self.opened(&stored).map(|record| record.notification)).transpose()
    }

    fn opened(&self, stored: &Stored) -> Result<NotificationRecord, SecretsError> {
        let unsealable = |why: Unsealable| SecretsError::Unsealable { what: stored.key.clone(), why };
        self.sealer.open(&stored.key, &stored.value).map_err(unsealable)
    }
}
