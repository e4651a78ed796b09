//! Commits: one transaction each. One that nobody answers is found out about before anything else is done.

use super::super::{Change, Revision, StoreError, Transaction, keys};
use super::{
    Etcd, PAUSE,
    call::{Refusal, Trouble, bounded},
    role::Role,
};
use etcd_client::{KeyValue, Txn, TxnOp, TxnOpResponse, TxnResponse};
use tokio::time::Instant;

/// What became of a commit that nobody answered.
enum Fate {
    /// It was done, at this revision.
    Done(u64),
    /// It was not, and can no longer be.
    Never,
    /// The chain of commits goes on elsewhere, in this leader's name.
    Unclear,
    /// Somebody else leads.
    Deposed,
}

impl Etcd {
    /// A commit of somebody who does not lead.
    pub(super) async fn commit_once(&self, transaction: &Transaction) -> Result<Revision, StoreError> {
        if transaction.changes.iter().any(|change| matches!(change, Change::Announce(..))) {
            return Err(StoreError::Conflict);
        }
        let operations = self.space.operations(transaction, 0);
        let txn = Txn::new().when(self.space.compares(transaction)).and_then(operations);
        match self.transact(txn).await {
            Ok(answer) if answer.succeeded() => Ok(Revision(revision(&answer))),
            Ok(_) => Err(StoreError::Conflict),
            Err(Trouble::Refused(refusal)) => Err(refusal.into_error(&self.place)),
            Err(Trouble::Unanswered(why)) => Err(StoreError::Unknown { place: self.place.clone(), why }),
        }
    }

    /// The leader's next commit. Done twice it would not fit the chain, so it is tried again once it is known that it
    /// was not done.
    pub(super) async fn commit_next(&self, role: &mut Role, wanted: &Transaction) -> Result<Revision, StoreError> {
        let deadline = self.deadline();
        match self.find_out(role, deadline).await? {
            Fate::Done(_) | Fate::Never => {}
            Fate::Unclear | Fate::Deposed => return Err(StoreError::Conflict),
        }
        loop {
            let nonce = role.next_nonce();
            let txn = self.chained(role, wanted, &nonce);
            // Before it is sent: whoever waits for this may be gone before there is an answer.
            role.doubt = Some(nonce);
            let why = match self.transact(txn).await {
                Ok(answer) => {
                    role.doubt = None;
                    if !answer.succeeded() {
                        return Err(StoreError::Conflict);
                    }
                    self.follow(role, revision(&answer));
                    return Ok(Revision(role.last));
                }
                // What goes beyond the quota is refused and done all the same (etcd's `quotaApplierV3`).
                Err(Trouble::Refused(Refusal::Full)) => return Err(Refusal::Full.into_error(&self.place)),
                Err(Trouble::Refused(refusal)) => {
                    role.doubt = None;
                    return Err(refusal.into_error(&self.place));
                }
                Err(Trouble::Unanswered(why)) => why,
            };
            match self.find_out(role, deadline).await {
                Ok(Fate::Done(revision)) => return Ok(Revision(revision)),
                Ok(Fate::Never) if Instant::now() < deadline => {}
                Ok(Fate::Never) => return Err(StoreError::Unavailable { place: self.place.clone(), why }),
                Ok(Fate::Unclear | Fate::Deposed) => return Err(StoreError::Conflict),
                Err(_) => return Err(StoreError::Unknown { place: self.place.clone(), why }),
            }
        }
    }

    /// Finds out what became of everything before, proves that the role is held, and closes the chain to what may
    /// still be under way. `false`: somebody else leads.
    pub(super) async fn prove(&self, role: &mut Role) -> Result<bool, StoreError> {
        let doubted = role.doubt.take().unwrap_or_else(|| role.next_nonce());
        role.doubt = Some(doubted);
        Ok(!matches!(self.find_out(role, self.deadline()).await?, Fate::Deposed))
    }

    /// What became of the commit in doubt (without one: never). By a transaction that contains a put: one that only
    /// reads may be answered from a past state.
    async fn find_out(&self, role: &mut Role, deadline: Instant) -> Result<Fate, StoreError> {
        let Some(doubted) = role.doubt.clone() else { return Ok(Fate::Never) };
        let void = format!("{doubted} void");
        let read = [keys::LEADER, keys::COMMIT].map(|key| self.space.read(key));
        let put = self.space.put(keys::COMMIT, void.as_bytes(), None);
        let txn = Txn::new().when(self.is_next(role)).and_then([put]).or_else(read);
        let answer = loop {
            match self.transact(txn.clone()).await {
                Ok(answer) => break answer,
                Err(Trouble::Unanswered(_)) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(trouble) => return Err(trouble.into_error(&self.place)),
            }
        };
        role.doubt = None;
        if answer.succeeded() {
            self.follow(role, revision(&answer));
            return Ok(Fate::Never);
        }
        let [leader, commit] = found(&answer);
        if leader.is_none_or(|leader| leader.create_revision().unsigned_abs() != role.token) {
            return Ok(Fate::Deposed);
        }
        let Some(commit) = commit else { return Ok(Fate::Deposed) };
        self.follow(role, commit.mod_revision().unsigned_abs());
        Ok(match commit.value() {
            value if value == doubted.as_bytes() => Fate::Done(role.last),
            // An earlier try to find out was done, and not answered.
            value if value == void.as_bytes() => Fate::Never,
            _ => Fate::Unclear,
        })
    }

    /// The chain of commits has come to this revision.
    fn follow(&self, role: &mut Role, revision: u64) {
        role.last = revision;
        self.node.seen.note(revision);
    }

    /// A transaction of the leader: only while it leads, and only right after its last one.
    fn chained(&self, role: &Role, wanted: &Transaction, nonce: &str) -> Txn {
        let mut compares = self.is_next(role);
        compares.extend(self.space.compares(wanted));
        let mut operations: Vec<TxnOp> = self.space.operations(wanted, role.lease);
        operations.push(self.space.put(keys::COMMIT, nonce.as_bytes(), None));
        Txn::new().when(compares).and_then(operations)
    }

    fn is_next(&self, role: &Role) -> Vec<etcd_client::Compare> {
        vec![self.space.is_made_at(keys::LEADER, role.token), self.space.is_written_at(keys::COMMIT, role.last)]
    }

    pub(super) async fn transact(&self, txn: Txn) -> Result<TxnResponse, Trouble> {
        let mut kv = self.kv.clone();
        let answer = bounded(self.limits.call, kv.txn(txn)).await?;
        match answer.header() {
            Some(_) => Ok(answer),
            None => Err(Trouble::Refused(Refusal::Wrong("an answer without a revision".to_owned()))),
        }
    }
}

/// The revision at which a transaction was done.
pub(super) fn revision(answer: &TxnResponse) -> u64 {
    answer.header().map_or(0, |header| header.revision().unsigned_abs())
}

/// What the reads of a transaction found, in their order.
pub(super) fn found<const N: usize>(answer: &TxnResponse) -> [Option<KeyValue>; N] {
    let mut reads = answer.op_responses().into_iter().map(|response| match response {
        TxnOpResponse::Get(mut get) => get.take_kvs().pop(),
        TxnOpResponse::Put(_) | TxnOpResponse::Delete(_) | TxnOpResponse::Txn(_) => None,
    });
    std::array::from_fn(|_| reads.next().flatten())
}
