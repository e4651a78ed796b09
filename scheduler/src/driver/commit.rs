//! Committing: effects become transactions. The one place from which the farm's state is written.

use super::{
    Driver,
    request::{Answer, Guard, IdempotencyKey, Refused},
};
use crate::{
    blobs::{BlobError, digest_of},
    farm::{Effects, Final, Session},
    graph::Lineage,
    hooks::{Pushed, Told},
    join::{Shown, TokenRecord, TokenRefused},
    store::{self, Change, Transaction, keys},
    tell::{Moment, Tiding},
};
use acre_model::{
    attempt::{Assignment, Fence},
    capability::Capability,
    digest::Digest,
    ids::{AgentId, RunId},
    joining::Identity,
    run::{RunStatus, RunView},
    time::Timestamp,
};
use bytes::Bytes;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What an idempotency key stands for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    pub(super) run: RunId,
    pub(super) body: Digest,
}

/// An agent that has a session.
#[derive(Debug, Serialize, Deserialize)]
struct AgentRecord {
    capability: Capability,
    /// Since when.
    since: Timestamp,
}

/// What becomes known of a task by a run of it that succeeded, and is told to those that build on it.
fn lineage(last: &Final) -> Vec<Change> {
    let RunView { id, project, origin, status, .. } = &last.view;
    let task = origin.task.clone().filter(|_| *status == RunStatus::Succeeded);
    let Some(lineage) = task.and_then(|task| Lineage::of(task, &last.report)) else { return Vec::new() };
    let pushed =
        |(image, digest): (&String, &Option<Digest>)| Some(Pushed { image: image.clone(), digest: (*digest)? });
    let built = Told::Built(lineage.outputs.iter().filter_map(pushed).collect());
    vec![
        Change::Put(keys::lineage(project, &lineage.task), store::encode(&lineage)),
        Change::Put(keys::inbox(project, &digest_of(format!("run/{id}").as_bytes()).hex()), store::encode(&built)),
    ]
}

/// What others are to be told of a run that was taken in, or has begun.
fn beginnings(view: &RunView, effects: &Effects) -> Vec<Change> {
    let moments = [(&effects.accepted, Moment::Accepted), (&effects.started, Moment::Started)];
    let moments = moments.into_iter().filter(|(runs, _)| runs.contains(&view.id));
    moments.filter_map(|(_, moment)| Tiding::begun(view, moment)).map(|tiding| tiding.put()).collect()
}

impl From<BlobError> for Refused {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => Self::Full(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl Driver {
    /// The run that an idempotency key stands for, in the store or in this turn.
    pub(super) async fn earlier_run(
        &self,
        key: Option<&IdempotencyKey>,
        effects: &mut Effects,
        answers: &[Answer],
    ) -> Result<Option<RunId>, Refused> {
        let Some(key) = key else { return Ok(None) };
        let in_this_turn = answers.iter().find_map(|answer| match answer {
            Answer::Handed { run, key: Some(other), .. } if other.stored_under == key.stored_under => {
                Some(KeyRecord { run: run.clone(), body: other.body })
            }
            _ => None,
        });
        let stored = match in_this_turn {
            Some(record) => Some(record),
            None => self.store.get(&key.stored_under).await?.and_then(|stored| store::decode(&stored.value).ok()),
        };
        match stored {
            None => Ok(None),
            Some(KeyRecord { run, body }) if body == key.body => {
                effects.changed.extend(self.state.runs.contains_key(&run).then(|| run.clone()));
                Ok(Some(run))
            }
            Some(KeyRecord { run, .. }) => Err(Refused::KeyReused(run)),
        }
    }

    /// Whether a record is what it must be, in the store and in this turn. Nobody else writes there.
    pub(super) async fn holds(&self, guard: Option<Guard>, effects: &Effects) -> Result<bool, Refused> {
        let Some(Guard { key, value }) = guard else { return Ok(true) };
        let current = match effects.beside.get(&key) {
            Some(changed) => changed.clone(),
            None => self.store.get(&key).await?.map(|stored| stored.value),
        };
        Ok(current == value)
    }

    /// Takes a token out of those that are good: two who show it in one turn do not both have it. What the store says is
    /// the truth, since nobody else writes there.
    pub(super) async fn taken_token(
        &self,
        shown: Shown,
        effects: &mut Effects,
    ) -> Result<Result<Identity, TokenRefused>, Refused> {
        let key = keys::token(&shown.id);
        let stored = match effects.beside.get(&key) {
            Some(changed) => changed.clone(),
            None => self.store.get(&key).await?.map(|stored| stored.value),
        };
        let record = stored.and_then(|bytes| store::decode::<TokenRecord>(&bytes).ok());
        let taken = record.ok_or(TokenRefused::Unknown).and_then(|record| record.take(shown, self.clock.now().wall));
        Ok(taken.map(|(record, identity)| {
            effects.beside.insert(key, Some(store::encode(&record)));
            identity
        }))
    }

    /// Stores what has changed. Reports first: a record never names a blob that is not there.
    pub(super) async fn commit(&mut self, effects: &mut Effects) -> Result<(), Refused> {
        let blobs = &self.blobs;
        let reports = effects.ended.values_mut().map(|last| async move {
            let report = serde_json::to_vec_pretty(&last.report).expect("a report is serializable");
            last.view.report = Some(blobs.put_bytes(Bytes::from(report)).await?);
            Ok::<_, Refused>(())
        });
        try_join_all(reports).await?;
        let mut parts = Transaction::split_between(self.changes(effects));
        if parts.is_empty() && effects.to_prove {
            parts.push(Transaction::default());
        }
        for part in parts {
            let put: BTreeSet<String> = part.changes.iter().map(|change| change.key().to_owned()).collect();
            let revision = self.store.commit(part).await?;
            self.take_fences(effects, &put, Fence(revision.0));
        }
        if !effects.ended.is_empty() {
            self.news.notify_one();
        }
        Ok(())
    }

    /// What is stored; what belongs together is a list of its own. What others are to be told of a run is stored with what
    /// it is about, so that neither is there without the other.
    fn changes(&self, effects: &Effects) -> Vec<Vec<Change>> {
        let mut wholes = Vec::new();
        for run in effects.changed.iter().filter_map(|id| self.state.runs.get(id)) {
            let id = &run.record.id;
            let record = Change::Put(keys::live(id), store::encode(&run.record));
            let begins = effects.accepted.contains(id) || effects.started.contains(id);
            let view = begins.then(|| self.state.view(id)).flatten();
            wholes.push([record].into_iter().chain(view.iter().flat_map(|view| beginnings(view, effects))).collect());
        }
        let over: BTreeSet<String> = effects.ended.keys().map(keys::confidential).collect();
        wholes.extend(effects.ended.iter().map(|(run, last)| {
            let mut whole = vec![
                Change::Put(keys::ended(&last.view.project, run), store::encode(&last.view)),
                Change::Delete(keys::live(run)),
                Change::Delete(keys::confidential(run)),
            ];
            whole.extend(lineage(last));
            whole.extend(beginnings(&last.view, effects));
            whole.extend(Tiding::ended(&last.view, &last.report).map(|tiding| tiding.put()));
            whole
        }));
        let mut changes = Vec::new();
        for ((agent, run, unit), assignment) in &effects.assignments {
            let key = keys::assignment(agent, run, *unit);
            changes.push(match assignment {
                Some(assignment) => Change::Put(key, store::encode::<Assignment>(assignment)),
                None => Change::Delete(key),
            });
        }
        changes.extend(effects.agents.iter().map(|agent| self.announcement(agent)));
        for (key, record) in effects.beside.iter().filter(|(key, _)| !over.contains(*key)) {
            changes.push(match record {
                Some(record) => Change::Put(key.clone(), record.clone()),
                None => Change::Delete(key.clone()),
            });
        }
        wholes.extend(changes.into_iter().map(|change| vec![change]));
        wholes
    }

    /// What the other schedulers see of an agent, for as long as this one has its session.
    fn announcement(&self, id: &AgentId) -> Change {
        let key = keys::agent(id);
        match self.state.agents.get(id).map(|agent| (&agent.capability, agent.session)) {
            Some((capability, Session::Connected { since, .. })) => {
                Change::Announce(key, store::encode(&AgentRecord { capability: capability.clone(), since }))
            }
            _ => Change::Delete(key),
        }
    }

    /// Assignments of this commit have its revision as their fence.
    fn take_fences(&mut self, effects: &Effects, committed: &BTreeSet<String>, fence: Fence) {
        for ((agent, run, unit), assignment) in &effects.assignments {
            let is_committed = || committed.contains(&keys::assignment(agent, run, *unit));
            if assignment.is_some() && is_committed() {
                self.state.set_fence(run, *unit, fence);
            }
        }
    }
}

/// The record of an idempotency key.
pub(super) fn key_record(run: &RunId, key: &IdempotencyKey) -> (String, Option<Bytes>) {
    (key.stored_under.clone(), Some(store::encode(&KeyRecord { run: run.clone(), body: key.body })))
}
