//! What is told arrives: at hosts and receivers that tests play, under a clock that they move, by a scheduler that they stop
//! in between.

mod mail;
mod notices;
mod receiver;
mod statuses;

use super::*;
use crate::{
    bed::Bed,
    farm::{Mono, Now},
    store::{Embedded, StoreError},
    stored_tasks::{Expected, Given},
    tell::{
        Tiding,
        examples::{self, accepted},
    },
};
use acre_model::{
    notification::Notification,
    secret::SecretValue,
    stored_task::{Definition, StoredTask},
    submission::Source,
    time::Timestamp,
};
use futures::future::BoxFuture;
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tokio::sync::watch;

/// Nothing that comes takes longer than this.
const LIMIT: Duration = Duration::from_secs(20);
/// When tests begin.
const BEGIN: u64 = examples::AT;

/// A clock that stands until it is moved.
pub(super) struct Hands {
    now: watch::Sender<u64>,
    /// The last instant that was waited for, of those that are near: a message rests until then.
    rest: watch::Sender<u64>,
}

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::new(BEGIN), rest: watch::Sender::new(0) })
    }

    fn pass(&self, millis: u64) {
        self.now.send_modify(|now| *now += millis);
    }

    /// Waits until a message rests: then it is not under way.
    async fn sees_rest(&self) {
        let now = *self.now.borrow();
        let mut rest = self.rest.subscribe();
        let rests = rest.wait_for(|until| *until > now);
        tokio::time::timeout(LIMIT, rests).await.expect("a message rests").unwrap();
    }
}

impl Clock for Hands {
    fn now(&self) -> Now {
        let millis = *self.now.borrow();
        Now { wall: Timestamp::from_millis(millis), mono: Mono(millis) }
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        // A delivery is given a minute; rests in these tests are shorter.
        if at.0 < *self.now.borrow() + 60_000 {
            self.rest.send_modify(|rest| *rest = at.0.max(*rest));
        }
        let mut seen = self.now.subscribe();
        Box::pin(async move {
            if seen.wait_for(|now| *now >= at.0).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// A scheduler at work on a folder.
pub(super) struct Working {
    outbox: Outbox,
    bed: Bed,
}

impl Working {
    async fn on(folder: &Path, clock: &Arc<Hands>) -> Self {
        Self::with(folder, clock, None).await
    }

    async fn with(folder: &Path, clock: &Arc<Hands>, mailer: Option<Mailer>) -> Self {
        let bed = Bed::on(Arc::new(opened(&folder.join("farm.redb")).await), folder, clock.clone()).await;
        let outbox = Outbox {
            store: bed.store.clone(),
            driver: bed.driver.clone(),
            stored_tasks: bed.stored_tasks.clone(),
            secrets: bed.secrets.clone(),
            board: bed.board.clone(),
            clock: bed.clock.clone(),
            random: bed.random.clone(),
            web: Web::impatient(Duration::from_secs(5)),
            mailer: mailer.map(Arc::new),
            said: Arc::default(),
        };
        bed.tasks.spawn("outbox", outbox.clone().run());
        Self { outbox, bed }
    }

    /// As a kill does it, but that the folder is free when it is done.
    async fn stop(self) {
        let Self { outbox, bed } = self;
        drop(outbox);
        bed.stop().await;
    }

    /// Stores a task whose source is at this address, with this token.
    async fn keep_task(&self, source: &str, token: Option<&str>) {
        let task = StoredTask {
            source: Source::Address(format!("{source}#main")),
            definition: Definition::Cmd("base true".to_owned()),
            ..StoredTask::new("web".parse().unwrap())
        };
        let git_token = token.map(|token| SecretValue::new(token.as_bytes().to_vec()));
        let given = Given { git_token, ..Given::default() };
        self.outbox.stored_tasks.put(task, Expected::Any, given).await.unwrap();
    }

    /// Has the project notify somebody.
    async fn keep(&self, notification: Notification) {
        let now = self.outbox.clock.now().wall;
        let change = self.outbox.secrets.add_notification(&Default::default(), notification, now).await.unwrap();
        self.outbox.driver.record(change).await.unwrap();
    }

    /// Stores what is to be told, as the driver does it.
    async fn tell(&self, tidings: &[Tiding]) {
        self.outbox.driver.records(tidings.iter().map(Tiding::put).collect()).await.unwrap();
        self.outbox.board.note_tidings();
    }

    /// Waits until nothing is to be told any more, and says how many messages wait.
    async fn at_rest(&self) -> usize {
        let all = |keys| self.outbox.store.range(keys, Order::Ascending, usize::MAX);
        let rest = async {
            loop {
                // Taking the messages of one tiding is one commit: when none is left, all are there.
                if all(keys::all_tidings()).await.unwrap().is_empty() {
                    return all(keys::all_messages()).await.unwrap().len();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, rest).await.expect("tidings become messages")
    }

    /// Waits until no message is left.
    async fn is_empty(&self) {
        let empty = async {
            while self.at_rest().await > 0 {
                tokio::task::yield_now().await
            }
        };
        tokio::time::timeout(LIMIT, empty).await.expect("all messages go");
    }
}

/// A read that nobody waits for any more may keep the file for a moment.
async fn opened(path: &Path) -> Embedded {
    let open = async {
        loop {
            match Embedded::open(path) {
                Err(StoreError::InUse { .. }) => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    };
    tokio::time::timeout(LIMIT, open).await.expect("the file is free")
}

async fn world() -> (TempDir, Arc<Hands>, Working) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hands::new());
    let working = Working::on(folder.path(), &clock).await;
    working.keep_task("https://h.example/o/r.git", None).await;
    (folder, clock, working)
}
