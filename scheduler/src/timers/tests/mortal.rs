//! A store whose scheduler dies at one of its commits.

use crate::store::{Order, Revision, Store, StoreError, Stored, Transaction};
use futures::future::BoxFuture;
use std::{
    ops::Range,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// When a scheduler dies: at the commit before which there were so many, and whether that one is stored nevertheless.
#[derive(Clone, Copy, Debug)]
pub(super) struct Death {
    pub(super) commits: u64,
    pub(super) is_stored: bool,
}

/// How it is about a scheduler.
#[derive(Clone, Copy)]
enum Life {
    Healthy,
    Doomed(Death),
    Dead,
}

/// A store that answers nothing any more once its scheduler is dead, nor the commit at which it died.
pub(super) struct Mortal {
    inner: Arc<dyn Store>,
    life: Mutex<Life>,
    died: Notify,
}

impl Mortal {
    pub(super) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, life: Mutex::new(Life::Healthy), died: Notify::new() }
    }

    /// From now on the scheduler's end is near.
    pub(super) fn doom(&self, death: Death) {
        *self.life.lock().unwrap() = Life::Doomed(death);
    }

    /// Resolves when it is dead.
    pub(super) async fn died(&self) {
        self.died.notified().await;
    }

    /// The death that comes with the next commit, if one does.
    fn strike(&self) -> Option<Death> {
        let mut life = self.life.lock().unwrap();
        match *life {
            Life::Healthy => None,
            Life::Doomed(Death { commits: 0, is_stored }) => {
                *life = Life::Dead;
                Some(Death { commits: 0, is_stored })
            }
            Life::Doomed(Death { commits, is_stored }) => {
                *life = Life::Doomed(Death { commits: commits - 1, is_stored });
                None
            }
            Life::Dead => Some(Death { commits: 0, is_stored: false }),
        }
    }
}

impl Store for Mortal {
    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn lead(&self) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.inner.lead()
    }

    fn hold(&self) -> BoxFuture<'_, ()> {
        self.inner.hold()
    }

    fn resign(&self) -> BoxFuture<'_, ()> {
        self.inner.resign()
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        self.inner.get(key)
    }

    fn range(&self, keys: Range<String>, order: Order, limit: usize) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        self.inner.range(keys, order, limit)
    }

    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            let Some(death) = self.strike() else { return self.inner.commit(transaction).await };
            if death.is_stored {
                self.inner.commit(transaction).await?;
            }
            self.died.notify_one();
            std::future::pending().await
        })
    }
}
