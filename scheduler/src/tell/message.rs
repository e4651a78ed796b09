//! A message on its way to somebody.

use super::{Moment, Tiding};
use crate::store::keys;
use acre_model::{
    ids::{CommitId, NotificationName, ProjectName, RunId, TaskName},
    notification::Occasion,
    time::Timestamp,
    trigger::StatusHost,
};
use serde::{Deserialize, Serialize};

/// A message on its way. What it says is made of its tiding when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Message {
    /// Since when.
    pub since: Timestamp,
    /// Whom it is for.
    pub to: To,
    /// What it is about.
    pub about: Tiding,
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// The host of a commit.
    Status {
        /// Its kind.
        host: StatusHost,
        /// The commit.
        commit: CommitId,
    },
    /// Somebody whom the project notifies.
    Notice {
        /// Who.
        name: NotificationName,
        /// Of what.
        occasion: Occasion,
    },
}

/// Messages that go one after the other, in order of runs and their moments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Statuses of a commit by one task.
    Status(ProjectName, TaskName, CommitId),
    /// Notifications of somebody.
    Notice(ProjectName, NotificationName),
}

/// A message's place in its lane.
pub type Place = (RunId, Moment);

impl Message {
    /// The lane it is in.
    pub fn lane(&self) -> Lane {
        let project = self.about.project.clone();
        match &self.to {
            To::Status { commit, .. } => Lane::Status(project, self.about.task.clone(), commit.clone()),
            To::Notice { name, .. } => Lane::Notice(project, name.clone()),
        }
    }

    /// Its place there.
    pub fn place(&self) -> Place {
        (self.about.run.clone(), self.about.moment())
    }

    /// At whose door it is delivered: nobody has two requests of one project at a time.
    pub fn door(&self) -> String {
        match &self.to {
            To::Status { .. } => host_of(&self.about.source).to_owned(),
            To::Notice { name, .. } => format!("notify/{name}"),
        }
    }

    /// Where it is stored. A message that is made twice is one.
    pub fn key(&self) -> String {
        let lane = match &self.to {
            To::Status { commit, .. } => format!("status/{}/{commit}", self.about.task),
            To::Notice { name, .. } => format!("notify/{name}"),
        };
        keys::message(&self.about.project, &lane, &self.about.run, self.about.moment().number())
    }
}

/// What makes a host one host, of the address of a repository.
fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}
