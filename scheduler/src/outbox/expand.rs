//! From what has become of a run to messages to those who want to know.

use super::Outbox;
use crate::{
    store::{self, Change, Order, Stored, keys},
    stored_tasks::TaskError,
    tell::{self, Message, Queue, Standing, StatusTold, Tiding, To},
};
use acre_model::trigger::CommitStatus;

/// How many tidings are looked at at once.
const AT_ONCE: usize = 50;

impl Outbox {
    /// Makes messages of all that is to be told, in the order in which it happened.
    pub(super) async fn take_in(&self, queue: &mut Queue) -> Result<(), TaskError> {
        loop {
            let records = self.store.range(keys::all_tidings(), Order::Ascending, AT_ONCE).await?;
            if records.is_empty() {
                return Ok(());
            }
            for Stored { key, value, .. } in records {
                match store::decode::<Tiding>(&value) {
                    Ok(tiding) => self.expand(key, tiding, queue).await?,
                    Err(why) => self.put_aside(key, value, &why).await?,
                }
            }
        }
    }

    /// Messages take the place of a tiding in one transaction.
    async fn expand(&self, key: String, tiding: Tiding, queue: &mut Queue) -> Result<(), TaskError> {
        let mut changes = vec![Change::Delete(key)];
        let messages = match self.setting(&tiding).await? {
            Some(setting) => self.messages(&tiding, setting, &mut changes).await?,
            None => Vec::new(),
        };
        changes.extend(messages.iter().map(|message| Change::Put(message.key(), store::encode(message))));
        self.driver.records(changes).await?;
        for message in messages {
            let dropped = queue.push(message);
            self.drop_all(dropped).await?;
        }
        Ok(())
    }

    /// What the task says of statuses; `None`: it is gone, and nobody is told of it any more.
    async fn setting(&self, tiding: &Tiding) -> Result<Option<CommitStatus>, TaskError> {
        match self.stored_tasks.get(&tiding.project, &tiding.task).await {
            Ok(task) => Ok(Some(task.triggers.source.commit_status)),
            Err(TaskError::Missing { .. } | TaskError::Damaged(..)) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// The messages that a tiding calls for. How its task stands then goes to the changes.
    async fn messages(
        &self,
        tiding: &Tiding,
        setting: CommitStatus,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Message>, TaskError> {
        let mut whom: Vec<To> = self.status(tiding, setting).await?.into_iter().collect();
        let standing = keys::standing(&tiding.project, &tiding.task);
        if let Some((occasion, stands)) = tell::occasion(tiding, self.read::<Standing>(&standing).await?.as_ref()) {
            changes.push(Change::Put(standing, store::encode(&stands)));
            for (who, _) in self.secrets.notification_records(&tiding.project).await? {
                let wanted = tell::wanted(&who, tiding, occasion);
                whom.extend(wanted.map(|occasion| To::Notice { name: who.name, occasion }));
            }
        }
        let since = self.clock.now().wall;
        Ok(whom.into_iter().map(|to| Message { since, to, about: tiding.clone() }).collect())
    }

    /// The host that is told of it, unless it was told of something newer.
    async fn status(&self, tiding: &Tiding, setting: CommitStatus) -> Result<Option<To>, TaskError> {
        let Some((host, commit)) = tell::status(tiding, setting) else { return Ok(None) };
        let told = self.read::<StatusTold>(&keys::status_told(&tiding.project, &tiding.task, &commit)).await?;
        if told.is_some_and(|told| told.is_past(&tiding.run, tiding.moment())) {
            return Ok(None);
        }
        if self.secrets.task(&tiding.project, &tiding.task).await?.git_token.is_none() {
            self.say_tokenless(tiding);
            return Ok(None);
        }
        Ok(Some(To::Status { host, commit }))
    }

    fn say_tokenless(&self, tiding: &Tiding) {
        let task = (tiding.project.clone(), tiding.task.clone());
        let is_new = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(task);
        if is_new {
            let (project, task) = (&tiding.project, &tiding.task);
            tracing::info!(%project, %task, "commits get no status: the task has no --git-access-token");
        }
    }

    /// A record; one that cannot be read says nothing.
    async fn read<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, TaskError> {
        let stored = self.store.get(key).await?;
        Ok(stored.and_then(|stored| {
            store::decode(&stored.value).inspect_err(|why| tracing::warn!(key, %why, "left out")).ok()
        }))
    }
}
