//! Which messages a run calls for.

use super::{Moment, Tiding};
use acre_model::{
    ids::{CommitId, RunId},
    notification::{Notification, Occasion},
    run::RunStatus,
    time::Timestamp,
    trigger::{CommitStatus, StatusHost},
};
use serde::{Deserialize, Serialize};

/// What a commit's host was told last by one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StatusTold {
    /// Of which run.
    pub run: RunId,
    /// Of which moment of it.
    pub moment: Moment,
    /// When.
    pub at: Timestamp,
}

/// How a task stands: the end of its newest run that succeeded or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    /// Which run.
    pub run: RunId,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// The host that is told of this moment, and of which commit. `None`: nobody is.
pub fn status(tiding: &Tiding, setting: CommitStatus) -> Option<(StatusHost, CommitId)> {
    let commit = tiding.cause.commit()?.parse().ok()?;
    Some((setting.host(tiding.cause.provider())?, commit))
}

impl StatusTold {
    /// Whether what was told last is as new: an older status never takes the place of a newer one.
    pub fn is_past(&self, run: &RunId, moment: Moment) -> bool {
        (&self.run, self.moment) >= (run, moment)
    }
}

/// What is worth a notification in this moment, and how the task stands then. `None`: nothing is, and it stands as before.
pub fn occasion(tiding: &Tiding, before: Option<&Standing>) -> Option<(Occasion, Standing)> {
    let succeeded = match tiding.end()?.status {
        RunStatus::Succeeded => true,
        RunStatus::Failed | RunStatus::Error | RunStatus::Timeout => false,
        RunStatus::Canceled | RunStatus::Queued | RunStatus::Started | RunStatus::Running => return None,
    };
    let occasion = match before {
        _ if !succeeded => Occasion::Failure,
        Some(before) if !before.succeeded && before.run < tiding.run => Occasion::Recovery,
        Some(_) | None => Occasion::Success,
    };
    // An earlier run that took longer says nothing of how the task stands.
    let newest = before.filter(|before| before.run > tiding.run).cloned();
    Some((occasion, newest.unwrap_or_else(|| Standing { run: tiding.run.clone(), succeeded })))
}

/// As what somebody is notified of this; `None`: they are not.
pub fn wanted(who: &Notification, tiding: &Tiding, occasion: Occasion) -> Option<Occasion> {
    let is_of_task = who.tasks.is_empty() || who.tasks.contains(&tiding.task);
    let is_of_kind =
        who.on.contains(&occasion) || occasion == Occasion::Recovery && who.on.contains(&Occasion::Success);
    (is_of_task && is_of_kind).then_some(occasion)
}

#[cfg(test)]
mod tests;
