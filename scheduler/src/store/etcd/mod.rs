//! The store on etcd (3.4 and later), for farms of many machines.
//!
//! | module | what |
//! |---|---|
//! | `address` | where an etcd is |
//! | `call` | one call, bounded, and what its failure means |
//! | `commit` | transactions, and what became of one that nobody answered |
//! | `node` | who a scheduler is, across its restarts |
//! | `role` | becoming the leader, staying it, giving it back |
//! | `seen` | the newest revision that was seen, by which an older copy is known |
//! | `wire` | changes and compares as etcd's operations, under the prefix |
//!
//! What makes it safe: the leader's token is the revision at which its key was made, and each of its commits compares
//! that revision, and the revision of the commit before it, and replaces the latter. So there is one chain of commits;
//! nobody else's write fits in, and a late one of our own fits no more once the chain went on. Reads, and answers about
//! leases, are hints.

mod address;
mod call;
mod commit;
mod node;
mod role;
mod seen;
mod wire;

pub use address::{BadAddress, EtcdAddress, Tls};
pub use node::Node;

use super::{Order, Revision, Store, StoreError, Stored, Transaction};
use call::{Trouble, bounded};
use etcd_client::{Certificate, Client, ConnectOptions, Error, GetOptions, Identity, KvClient, TlsOptions};
use futures::future::BoxFuture;
use std::{
    ops::Range,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};
use wire::Space;

/// Values that are read at once. A value has at most 1.5 MiB (etcd's default `--max-request-bytes`).
const PAGE: usize = 100;
/// Bytes of one answer: a page of the largest values.
const ANSWER: usize = PAGE * 2 * 1024 * 1024;
/// Between a call without an answer and the next one.
const PAUSE: Duration = Duration::from_millis(100);
/// Between signs of life on a connection, which tell a dead one; etcd refuses more frequent ones.
const PING: Duration = Duration::from_secs(5);

/// How long the store waits for etcd.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the answer to one call.
    pub call: Duration,
    /// For all calls that one request takes, and another `call`.
    pub request: Duration,
    /// After the leader's last sign of life, until another process may lead; in whole seconds, from 2.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { call: Duration::from_secs(3), request: Duration::from_secs(10), silence: Duration::from_secs(15) }
    }
}

/// A store on an etcd.
pub struct Etcd {
    client: Client,
    kv: KvClient,
    space: Space,
    /// The address, for messages.
    place: String,
    /// Who leads through this store.
    node: Node,
    limits: Limits,
    standing: Mutex<Standing>,
    /// The leader's lease, or [`NO_LEASE`].
    lease: AtomicI64,
}

/// No lease has this number.
const NO_LEASE: i64 = 0;

/// What this process is to the farm.
enum Standing {
    /// It has not led.
    Bystander,
    /// It leads, as far as it knows.
    Leading(role::Role),
    /// It has led. It commits nothing any more.
    Past,
}

/// Why there is no connection.
fn unusable(address: &EtcdAddress, error: &Error) -> StoreError {
    StoreError::Failed { place: address.to_string(), why: error.to_string() }
}

impl Etcd {
    /// A store on the etcd at this address, for this node. Connecting is left to the first call.
    pub async fn open(address: &EtcdAddress, tls: Option<&Tls>, node: Node) -> Result<Self, StoreError> {
        let limits = Limits::default();
        let mut options = ConnectOptions::new().with_connect_timeout(limits.call).with_keep_alive(PING, limits.call);
        if let Some(tls) = tls {
            let mut files = TlsOptions::new().ca_certificate(Certificate::from_pem(&tls.ca));
            if let Some((certificate, key)) = &tls.identity {
                files = files.identity(Identity::from_pem(certificate, key));
            }
            options = options.with_tls(files);
        }
        let client = Client::connect(address.endpoints(), Some(options)).await;
        Ok(Self::on(client.map_err(|error| unusable(address, &error))?, address, node, limits))
    }

    /// A store on an etcd to which there is a client.
    pub fn on(client: Client, address: &EtcdAddress, node: Node, limits: Limits) -> Self {
        Self {
            kv: client.kv_client().max_decoding_message_size(ANSWER),
            client,
            space: Space::new(&address.prefix),
            place: address.to_string(),
            node,
            limits,
            standing: Mutex::new(Standing::Bystander),
            lease: AtomicI64::new(NO_LEASE),
        }
    }

    /// Another user of the same etcd, who has not led, for this node.
    pub fn another(&self, node: Node) -> Self {
        Self {
            client: self.client.clone(),
            kv: self.kv.clone(),
            space: self.space.clone(),
            place: self.place.clone(),
            node,
            limits: self.limits,
            standing: Mutex::new(Standing::Bystander),
            lease: AtomicI64::new(NO_LEASE),
        }
    }

    /// The same store with other limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.limits.request
    }

    /// Makes a call that is harmless twice, until it is answered.
    async fn insist<T, F: Future<Output = Result<T, Error>>>(&self, call: impl Fn() -> F) -> Result<T, Trouble> {
        let deadline = self.deadline();
        loop {
            match bounded(self.limits.call, call()).await {
                Err(Trouble::Unanswered(_)) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
    }

    /// The values of one page at a revision (0: the newest one), whether there are more, and the revision.
    async fn page(
        &self,
        keys: &Range<String>,
        order: Order,
        limit: usize,
        revision: i64,
    ) -> Result<(Vec<Stored>, bool, i64), StoreError> {
        let options = self.space.range(&keys.end, order, limit).with_revision(revision);
        let start = self.space.key(&keys.start);
        let get = || {
            let (mut kv, start, options) = (self.kv.clone(), start.clone(), options.clone());
            async move { kv.get(start, Some(options)).await }
        };
        let mut answer = self.insist(get).await.map_err(|trouble| trouble.into_error(&self.place))?;
        let at = answer.header().map_or(revision, |header| header.revision());
        let more = answer.more();
        let found = answer.take_kvs().into_iter().map(|kv| self.space.stored(kv));
        Ok((
            found.collect::<Option<Vec<_>>>().ok_or_else(|| self.foreign())?,
            more,
            if revision > 0 { revision } else { at },
        ))
    }

    fn foreign(&self) -> StoreError {
        let why = "a key below the prefix is not text: it is not acre's".to_owned();
        StoreError::Failed { place: self.place.clone(), why }
    }
}

impl Store for Etcd {
    fn is_shared(&self) -> bool {
        true
    }

    fn lead(&self) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(self.take_role())
    }

    fn hold(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.keep_role())
    }

    fn resign(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.give_role_back())
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            let get = || {
                let (mut kv, key) = (self.kv.clone(), self.space.key(key));
                async move { kv.get(key, Some(GetOptions::new())).await }
            };
            let mut answer = self.insist(get).await.map_err(|trouble| trouble.into_error(&self.place))?;
            match answer.take_kvs().pop() {
                None => Ok(None),
                Some(kv) => self.space.stored(kv).map(Some).ok_or_else(|| self.foreign()),
            }
        })
    }

    /// All pages are of one revision.
    fn range(&self, keys: Range<String>, order: Order, limit: usize) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        Box::pin(async move {
            let (mut rest, mut found, mut revision) = (keys, Vec::new(), 0);
            while found.len() < limit {
                let (page, more, at) = self.page(&rest, order, PAGE.min(limit - found.len()), revision).await?;
                revision = at;
                found.extend(page);
                let Some(last) = found.last().filter(|_| more) else { break };
                match order {
                    // The key right after it.
                    Order::Ascending => rest.start = format!("{}\0", last.key),
                    Order::Descending => rest.end = last.key.clone(),
                }
            }
            Ok(found)
        })
    }

    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Revision, StoreError>> {
        Box::pin(async move {
            match &mut *self.standing.lock().await {
                Standing::Bystander => self.commit_once(&transaction).await,
                Standing::Leading(role) => self.commit_next(role, &transaction).await,
                Standing::Past => Err(StoreError::Conflict),
            }
        })
    }
}
