//! The roster: the one owner of what the agent does. It compares what the farm wants with what is there, starts what is
//! missing, stops what is too much, and tells what it has. Levels in, levels out: hearing a wish twice changes nothing.

use crate::{
    attempt::{self, Attempt, Detached, Followed, Stop, Works},
    labels,
    sandbox::{self, Sandbox},
};
use acre_model::{
    attempt::{AttemptId, Ended, Fence, Progress},
    plan::Action,
    session::{AttemptState, Desired, DesiredAttempt, DesiredGroup, GroupKey, Intent},
    time::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{SetOnce, mpsc, watch};

/// All attempts and groups that the agent has.
pub(crate) type Level = (Vec<AttemptState>, Vec<GroupKey>);

/// What the roster is told.
pub(crate) enum Told {
    /// The farm's identity, once it has welcomed the agent.
    Welcome(String),
    /// What the farm wants.
    Desired(Desired),
    /// An attempt's work has begun.
    Started(AttemptId, Timestamp),
    /// An attempt has ended.
    Ended(AttemptId, Ended),
    /// A group's sandbox is gone.
    Removed(GroupKey),
    /// The farm was silent for too long.
    Isolated,
}

/// Tells the roster, and sees what it has.
#[derive(Clone)]
pub(crate) struct RosterHandle {
    told: mpsc::UnboundedSender<Told>,
    level: watch::Receiver<Level>,
    fences: Arc<Mutex<BTreeMap<AttemptId, Fence>>>,
    farm: Arc<SetOnce<String>>,
}

impl RosterHandle {
    /// The farm has welcomed the agent.
    pub(crate) fn welcome(&self, farm: String) {
        drop(self.farm.set(farm.clone()));
        self.tell(Told::Welcome(farm));
    }

    /// The farm's identity, once it has welcomed the agent.
    pub(crate) fn farm(&self) -> Option<String> {
        self.farm.get().cloned()
    }

    /// The farm's identity; waits until it has welcomed the agent.
    pub(crate) async fn welcomed(&self) -> String {
        self.farm.wait().await.clone()
    }

    /// The farm wants this.
    pub(crate) fn desire(&self, desired: Desired) {
        self.tell(Told::Desired(desired));
    }

    /// Something has happened. Bounded by what the farm asks for: one message of each kind per attempt or group.
    pub(crate) fn tell(&self, told: Told) {
        drop(self.told.send(told));
    }

    /// What the agent has.
    pub(crate) fn state(&self) -> watch::Receiver<Level> {
        self.level.clone()
    }

    /// The fence of an attempt the agent has.
    pub(crate) fn fence(&self, attempt: &AttemptId) -> Option<Fence> {
        self.fences.lock().unwrap_or_else(PoisonError::into_inner).get(attempt).copied()
    }
}

/// The one owner of what the agent does.
pub(crate) struct Roster {
    works: Arc<Works>,
    inbox: mpsc::UnboundedReceiver<Told>,
    handle: RosterHandle,
    level: watch::Sender<Level>,
    farm: Option<String>,
    groups: BTreeMap<GroupKey, Group>,
    attempts: BTreeMap<AttemptId, Known>,
    wanted: BTreeSet<GroupKey>,
    reaped: bool,
}

struct Group {
    sandbox: Arc<Sandbox>,
    /// Its sandbox is being removed.
    closing: bool,
}

struct Known {
    group: GroupKey,
    fence: Fence,
    progress: Progress,
    stop: watch::Sender<Stop>,
    /// The farm no longer names it.
    unwanted: bool,
    /// Its container outlives it, and what becomes of that is told with its end once more.
    detached: bool,
}

impl Roster {
    /// An empty roster.
    pub(crate) fn new(works: Arc<Works>) -> (Self, RosterHandle) {
        let (told, inbox) = mpsc::unbounded_channel();
        let (level, shown) = watch::channel(Level::default());
        let handle = RosterHandle { told, level: shown, fences: Arc::default(), farm: Arc::default() };
        let roster = Self {
            works,
            inbox,
            handle: handle.clone(),
            level,
            farm: None,
            groups: BTreeMap::new(),
            attempts: BTreeMap::new(),
            wanted: BTreeSet::new(),
            reaped: false,
        };
        (roster, handle)
    }

    /// Works until it is dropped.
    pub(crate) async fn run(mut self) {
        while let Some(told) = self.inbox.recv().await {
            match told {
                Told::Welcome(farm) => self.farm = Some(farm),
                Told::Desired(desired) => self.converge(desired),
                Told::Started(attempt, at) => self.progress(&attempt, Progress::Started { at }),
                Told::Ended(attempt, ended) => self.progress(&attempt, Progress::Ended(ended)),
                Told::Removed(group) => drop(self.groups.remove(&group)),
                Told::Isolated => self.stop_all(),
            }
            self.close_groups();
            self.show();
        }
    }

    fn converge(&mut self, desired: Desired) {
        let Some(farm) = self.farm.clone() else { return };
        self.wanted = desired.groups.iter().map(|group| group.key.clone()).collect();
        let named: BTreeMap<&AttemptId, Fence> = desired
            .groups
            .iter()
            .flat_map(|group| group.attempts.iter().map(|attempt| (&attempt.attempt, attempt.fence)))
            .collect();
        let unwanted: Vec<AttemptId> = self
            .attempts
            .iter()
            .filter(|(attempt, known)| named.get(attempt) != Some(&known.fence))
            .map(|(attempt, _)| attempt.clone())
            .collect();
        unwanted.iter().for_each(|attempt| self.let_go(attempt));
        let mut going_on = Vec::new();
        if !self.reaped {
            self.reaped = true;
            going_on = self.reap(&farm, &named.keys().copied().cloned().collect());
        }
        for group in desired.groups {
            self.converge_group(&farm, group);
        }
        going_on.into_iter().for_each(|(attempt, detached)| self.follow_on(attempt, &detached));
    }

    fn converge_group(&mut self, farm: &str, desired: DesiredGroup) {
        if self.groups.get(&desired.key).is_some_and(|group| group.closing) {
            return;
        }
        let works = &self.works;
        let group = self
            .groups
            .entry(desired.key.clone())
            .or_insert_with(|| Group { sandbox: Arc::new(Sandbox::new(works, farm, &desired)), closing: false });
        group.sandbox.set_images(desired.images);
        group.sandbox.set_masks(&desired.confidential);
        group.sandbox.set_fetched(desired.fetched);
        group.sandbox.set_changes(desired.changes);
        let sandbox = group.sandbox.clone();
        for attempt in desired.attempts {
            self.converge_attempt(&sandbox, &desired.key, attempt);
        }
    }

    fn converge_attempt(&mut self, sandbox: &Arc<Sandbox>, group: &GroupKey, desired: DesiredAttempt) {
        let wish = match desired.intent {
            Intent::Run => Stop::No,
            Intent::Stop { grace_ms } => Stop::Gracefully { grace_ms },
        };
        if let Some(known) = self.attempts.get(&desired.attempt) {
            if !known.unwanted {
                raise(&known.stop, wish);
            }
            return;
        }
        let stop = watch::Sender::new(wish);
        let known = Known {
            group: group.clone(),
            fence: desired.fence,
            progress: Progress::Preparing,
            stop: stop.clone(),
            unwanted: false,
            detached: matches!(&desired.unit.action, Action::Cmd(cmd) if cmd.detach),
        };
        self.attempts.insert(desired.attempt.clone(), known);
        let attempt = Attempt {
            id: desired.attempt,
            unit: desired.unit,
            sandbox: sandbox.clone(),
            stop: stop.subscribe(),
            trace: desired.trace,
        };
        let (works, handle) = (self.works.clone(), self.handle.clone());
        self.works.tasks.spawn("attempt", async move { attempt::run(works, attempt, handle).await });
    }

    /// A container that an earlier process has detached, in a group that goes on: the farm does not name its attempt,
    /// which has ended, and hears all the same what becomes of it.
    fn follow_on(&mut self, attempt: AttemptId, detached: &Detached) {
        let key = detached.group(&attempt.run);
        let (Some(group), Ok(spool)) = (self.groups.get(&key), self.works.spools.spool(&attempt)) else { return };
        let Some(ended) = spool.ended() else { return };
        let (works, sandbox, roster) = (self.works.clone(), group.sandbox.clone(), self.handle.clone());
        let known = Known {
            group: key,
            fence: detached.fence,
            progress: Progress::Ended(ended.clone()),
            stop: watch::Sender::new(Stop::No),
            unwanted: true,
            detached: true,
        };
        self.attempts.insert(attempt.clone(), known);
        let followed = Followed { works, attempt, step: detached.step.clone(), sandbox, spool, roster };
        self.works.tasks.spawn("detached container", attempt::again(followed, ended));
    }

    /// An attempt that the farm does not name: it is stopped if it runs, and forgotten when it has ended.
    fn let_go(&mut self, attempt: &AttemptId) {
        let Some(known) = self.attempts.get_mut(attempt) else { return };
        known.unwanted = true;
        raise(&known.stop, Stop::Now);
        self.forget_if_over(attempt);
    }

    /// Forgets an attempt that the farm does not name and that has ended; a detached one only with its group.
    fn forget_if_over(&mut self, attempt: &AttemptId) {
        let Some(known) = self.attempts.get(attempt) else { return };
        let goes_on = known.detached && self.wanted.contains(&known.group);
        if known.unwanted && matches!(known.progress, Progress::Ended(_)) && !goes_on {
            self.forget(attempt);
        }
    }

    fn forget(&mut self, attempt: &AttemptId) {
        self.attempts.remove(attempt);
        if let Ok(spool) = self.works.spools.spool(attempt) {
            spool.forget();
            self.works.spools.tidy(attempt);
        }
    }

    fn progress(&mut self, attempt: &AttemptId, progress: Progress) {
        let Some(known) = self.attempts.get_mut(attempt) else { return };
        known.progress = progress;
        self.forget_if_over(attempt);
    }

    fn stop_all(&mut self) {
        self.attempts.values().for_each(|known| raise(&known.stop, Stop::Isolated));
    }

    /// Sandboxes that the farm does not name go, once none of their attempts runs any more.
    fn close_groups(&mut self) {
        let busy: BTreeSet<&GroupKey> = self
            .attempts
            .values()
            .filter(|known| !matches!(known.progress, Progress::Ended(_)))
            .map(|known| &known.group)
            .collect();
        for (key, group) in &mut self.groups {
            if group.closing || self.wanted.contains(key) || busy.contains(key) {
                continue;
            }
            group.closing = true;
            let (sandbox, handle, key) = (group.sandbox.clone(), self.handle.clone(), key.clone());
            self.works.tasks.spawn("remove sandbox", async move {
                sandbox.remove().await;
                handle.tell(Told::Removed(key));
            });
        }
    }

    /// What an earlier process left and nobody wants is removed: sandboxes from the engine, logs once they are sent.
    /// Returns what outlives its attempt.
    fn reap(&self, farm: &str, wanted: &BTreeSet<AttemptId>) -> Vec<(AttemptId, Detached)> {
        let mut going_on = Vec::new();
        for (attempt, spool) in self.works.spools.all() {
            if wanted.contains(&attempt) {
                continue;
            }
            match spool.detached().filter(|detached| self.wanted.contains(&detached.group(&attempt.run))) {
                Some(detached) if spool.ended().is_some() => going_on.push((attempt, detached)),
                _ => {
                    spool.close();
                    spool.forget();
                    self.works.spools.tidy(&attempt);
                }
            }
        }
        sandbox::forget_markers(&self.works.config.data, &self.wanted);
        sandbox::forget_unwanted(&self.works.config.data, &self.wanted);
        let (works, groups) = (self.works.clone(), self.wanted.clone());
        let agent = labels::of_agent(farm, &self.works.config.id);
        self.works.tasks.spawn("reaper", async move { crate::reaper::reap(&works, agent, groups).await });
        going_on
    }

    fn show(&self) {
        let attempts = self.attempts.iter().map(|(attempt, known)| AttemptState {
            attempt: attempt.clone(),
            fence: known.fence,
            progress: known.progress.clone(),
        });
        let level = (attempts.collect(), self.groups.keys().cloned().collect());
        let fences = self.attempts.iter().map(|(attempt, known)| (attempt.clone(), known.fence)).collect();
        *self.handle.fences.lock().unwrap_or_else(PoisonError::into_inner) = fences;
        self.level.send_if_modified(|shown| {
            let is_new = *shown != level;
            *shown = level;
            is_new
        });
    }
}

/// A wish to stop only ever becomes stronger.
fn raise(stop: &watch::Sender<Stop>, wish: Stop) {
    stop.send_if_modified(|current| {
        let is_stronger = wish.strength() > current.strength();
        if is_stronger {
            *current = wish;
        }
        is_stronger
    });
}
