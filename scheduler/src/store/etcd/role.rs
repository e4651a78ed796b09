//! The role of the leader: taken, kept alive by a lease, given back.

use super::super::{Revision, StoreError, decode, encode, keys};
use super::{
    Etcd, NO_LEASE, Ordering, Standing,
    call::{Refusal, Trouble, bounded},
    commit::{found, revision},
    seen::WentBack,
};
use etcd_client::{KeyValue, PutOptions, Txn};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Signs of life within the silence after which another process may lead.
const SIGNS: u32 = 3;
/// How often a predecessor's role is ended before it is taken for a living one's.
const ROUNDS: u32 = 3;

/// What the leader knows of its role.
pub(super) struct Role {
    /// Its token: the revision at which its key was made.
    pub(super) token: u64,
    /// What keeps the key, and what is announced.
    pub(super) lease: i64,
    /// The revision of its last commit.
    pub(super) last: u64,
    /// Commits that were sent.
    sent: u64,
    /// The nonce of a commit that was sent and not answered.
    pub(super) doubt: Option<String>,
}

impl Role {
    /// What tells the next commit from all others.
    pub(super) fn next_nonce(&mut self) -> String {
        self.sent += 1;
        format!("{} {}", self.token, self.sent)
    }
}

/// The value of the leader's key.
#[derive(Serialize, Deserialize)]
struct LeaderRecord {
    node: String,
}

impl Etcd {
    pub(super) async fn take_role(&self) -> Result<Revision, StoreError> {
        let mut standing = self.standing.lock().await;
        self.must_not_have_gone_back().await?;
        if let Standing::Leading(role) = &mut *standing {
            if self.prove(role).await? {
                return Ok(Revision(role.token));
            }
            self.lease.store(NO_LEASE, Ordering::SeqCst);
            *standing = Standing::Past;
        }
        let role = self.campaign().await?;
        let token = role.token;
        self.node.seen.note(token);
        self.lease.store(role.lease, Ordering::SeqCst);
        *standing = Standing::Leading(role);
        Ok(Revision(token))
    }

    /// Nothing is written to a store that is behind what this node has seen of it.
    async fn must_not_have_gone_back(&self) -> Result<(), StoreError> {
        let to = self.revision().await?;
        let allowed = self.node.seen.allows(to);
        allowed.map_err(|WentBack { from }| StoreError::WentBack { place: self.place.clone(), from, to })
    }

    /// The revision that the store is at.
    async fn revision(&self) -> Result<u64, StoreError> {
        let get = || {
            let (mut kv, key) = (self.kv.clone(), self.space.key(keys::LEADER));
            async move { kv.get(key, None).await }
        };
        let answer = self.insist(get).await.map_err(|trouble| trouble.into_error(&self.place))?;
        Ok(answer.header().map_or(0, |header| header.revision().unsigned_abs()))
    }

    /// Becomes the leader if there is none, or if the one there is must be dead.
    async fn campaign(&self) -> Result<Role, StoreError> {
        let lease = self.lease().await?;
        for _ in 0..ROUNDS {
            match self.stand(lease).await {
                Ok(Ok(role)) => return Ok(role),
                Ok(Err(leader)) if self.is_predecessor(&leader) => self.revoke(leader.lease()).await,
                Ok(Err(_)) => break,
                Err(error) => {
                    self.revoke(lease).await;
                    return Err(error);
                }
            }
        }
        self.revoke(lease).await;
        Err(StoreError::InUse { place: self.place.clone() })
    }

    /// Makes the leader's key if it is not there; the inner error is the key that is. Done twice it does no harm: a key
    /// that hangs on our lease is ours.
    async fn stand(&self, lease: i64) -> Result<Result<Role, KeyValue>, StoreError> {
        let record = encode(&LeaderRecord { node: self.node.name.clone() });
        let key = self.space.put(keys::LEADER, &record, Some(PutOptions::new().with_lease(lease)));
        let first = self.space.put(keys::COMMIT, format!("{lease:x}").as_bytes(), None);
        let txn = Txn::new().when([self.space.is_absent(keys::LEADER)]).and_then([key, first]);
        let txn = txn.or_else([self.space.read(keys::LEADER)]);
        let stand = || {
            let (mut kv, txn) = (self.kv.clone(), txn.clone());
            async move { kv.txn(txn).await }
        };
        let answer = self.insist(stand).await.map_err(|trouble| trouble.into_error(&self.place))?;
        let role = |token| Role { token, lease, last: token, sent: 0, doubt: None };
        if answer.succeeded() {
            return Ok(Ok(role(revision(&answer))));
        }
        match found(&answer) {
            [Some(leader)] if leader.lease() == lease => Ok(Ok(role(leader.create_revision().unsigned_abs()))),
            [Some(leader)] => Ok(Err(leader)),
            [None] => {
                Err(StoreError::Failed { place: self.place.clone(), why: "its answer makes no sense".to_owned() })
            }
        }
    }

    /// Whether the leader is an earlier process of this node. It is dead, since a node has one process; were it not, its
    /// commits would fail.
    fn is_predecessor(&self, leader: &KeyValue) -> bool {
        decode::<LeaderRecord>(leader.value()).is_ok_and(|record| record.node == self.node.name)
    }

    async fn lease(&self) -> Result<i64, StoreError> {
        let seconds = i64::try_from(self.limits.silence.as_secs()).unwrap_or(i64::MAX);
        let grant = || {
            let mut client = self.client.lease_client();
            async move { client.grant(seconds, None).await }
        };
        self.insist(grant).await.map(|granted| granted.id()).map_err(|trouble| trouble.into_error(&self.place))
    }

    /// Ends a lease, and with it the keys that hang on it. One that cannot be ended ends by itself.
    async fn revoke(&self, lease: i64) {
        match bounded(self.limits.call, self.client.lease_client().revoke(lease)).await {
            Ok(_) | Err(Trouble::Refused(Refusal::LeaseGone)) => {}
            Err(trouble) => tracing::warn!(place = self.place, ?trouble, "a lease is left to expire"),
        }
    }

    pub(super) async fn keep_role(&self) {
        let every = self.limits.silence / SIGNS;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let lease = self.lease.load(Ordering::SeqCst);
            if lease == NO_LEASE {
                continue;
            }
            match bounded(self.limits.call, self.client.lease_client().keep_alive(lease)).await {
                Ok(_) => {}
                Err(Trouble::Refused(Refusal::LeaseGone)) => return,
                Err(trouble) => tracing::warn!(place = self.place, ?trouble, "no sign of life to the state store"),
            }
        }
    }

    pub(super) async fn give_role_back(&self) {
        let mut standing = self.standing.lock().await;
        self.lease.store(NO_LEASE, Ordering::SeqCst);
        if let Standing::Leading(role) = std::mem::replace(&mut *standing, Standing::Past) {
            self.revoke(role.lease).await;
        }
    }
}
