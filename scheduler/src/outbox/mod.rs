//! What others are told of runs is on its way here: stored before it is sent, sent again until it is taken or given up.
//!
//! What is to be told is stored in the transaction that makes it true ([`crate::tell::Tiding`]). From there it becomes
//! messages, each under a key of its own, in one transaction with the tiding's end; a message goes once its receiver has
//! answered. So nothing is lost, whoever dies meanwhile, and a message whose answer nobody heard is sent once more: at
//! least once.

mod deliver;
mod expand;
mod mail;
mod post;
#[cfg(test)]
mod tests;

pub use mail::{BadSmtp, Mailer, SmtpAddress, check_address};
pub use post::Answer;

use crate::{
    board::Board,
    driver::Handle,
    parts::{Clock, Random},
    secrets::Secrets,
    store::{self, Change, Order, Store, Stored, keys},
    stored_tasks::{StoredTasks, TaskError},
    tell::{Lane, Message, Queue, Settled, StatusTold, Verdict},
};
use acre_model::ids::{ProjectName, TaskName};
use acre_web::Web;
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{Arc, Mutex},
};

/// How long a store that fails is left alone, in milliseconds.
const RETRY: u64 = 1_000;

/// Sends what others are told.
#[derive(Clone)]
pub struct Outbox {
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// Who writes there.
    pub driver: Handle,
    /// What runs are of.
    pub stored_tasks: StoredTasks,
    /// What opens doors.
    pub secrets: Arc<Secrets>,
    /// Where it is seen that something is to be told.
    pub board: Arc<Board>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The way to others.
    pub web: Web,
    /// The way of e-mail; `None`: there is none.
    pub mailer: Option<Arc<Mailer>>,
    /// Tasks of which it was said that they have no token.
    pub said: Arc<Mutex<BTreeSet<(ProjectName, TaskName)>>>,
}

impl Outbox {
    /// Works until it is dropped.
    pub async fn run(self) {
        loop {
            let Err(why) = self.work().await;
            tracing::warn!(%why, "what others are to be told waits");
            self.clock.sleep_until(self.clock.now().mono.plus_millis(RETRY)).await;
        }
    }

    /// Begins with what is stored, since that is the truth after a failure, too.
    async fn work(&self) -> Result<Infallible, TaskError> {
        let mut queue = self.load().await?;
        let (mut sending, mut news) = (FuturesUnordered::new(), self.board.tidings());
        loop {
            news.mark_unchanged();
            self.take_in(&mut queue).await?;
            for message in queue.due(self.clock.now().mono) {
                sending.push(async move {
                    let verdict = self.deliver(&message).await;
                    (message, verdict)
                });
            }
            let wake = async {
                match queue.next(self.clock.now().mono) {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((message, verdict)) = sending.next() => self.settle(&mut queue, message, verdict).await?,
                changed = news.changed() => if changed.is_err() { std::future::pending::<()>().await },
                () = wake => {}
            }
        }
    }

    /// The messages that were on their way.
    async fn load(&self) -> Result<Queue, TaskError> {
        let mut queue = Queue::default();
        for Stored { key, value, .. } in self.store.range(keys::all_messages(), Order::Ascending, usize::MAX).await? {
            match store::decode::<Message>(&value) {
                Ok(message) => {
                    let dropped = queue.push(message);
                    self.drop_all(dropped).await?;
                }
                Err(why) => self.put_aside(key, value, &why).await?,
            }
        }
        Ok(queue)
    }

    async fn put_aside(&self, key: String, value: bytes::Bytes, why: &store::Undecodable) -> Result<(), TaskError> {
        tracing::error!(key, %why, "what others are to be told cannot be read; put aside");
        let aside = Change::Put(keys::quarantine(&key), value);
        Ok(self.driver.records(vec![aside, Change::Delete(key)]).await?)
    }

    async fn drop_all(&self, dropped: Vec<Message>) -> Result<(), TaskError> {
        for message in dropped {
            let project = &message.about.project;
            tracing::warn!(%project, run = %message.about.run, "too many messages wait; the oldest is not sent");
            self.driver.record(Change::Delete(message.key())).await?;
        }
        Ok(())
    }

    async fn settle(&self, queue: &mut Queue, message: Message, verdict: Verdict) -> Result<(), TaskError> {
        let now = self.clock.now();
        let jitter = self.random.number();
        let (project, run) = (&message.about.project, &message.about.run);
        let to = message.door();
        match queue.settle(&message, verdict, (now.wall, now.mono), jitter) {
            Settled::Taken => tracing::debug!(%project, %run, to, "told"),
            Settled::GivenUp(why) => tracing::warn!(%project, %run, to, why, "not told"),
            Settled::Waits { rest_ms, why } => {
                tracing::info!(%project, %run, to, why, rest_ms, "not told yet");
                return Ok(());
            }
        }
        let mut changes = vec![Change::Delete(message.key())];
        if let Lane::Status(project, task, commit) = message.lane() {
            let (run, moment) = message.place();
            let told = StatusTold { run, moment, at: now.wall };
            changes.push(Change::Put(keys::status_told(&project, &task, &commit), store::encode(&told)));
        }
        Ok(self.driver.records(changes).await?)
    }
}
