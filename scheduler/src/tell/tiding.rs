//! A moment of a run of which others may be told, as it is stored with what it is about.

use super::text::line;
use crate::store::{self, Change, keys};
use acre_model::{
    ids::{ProjectName, RunId, TaskName},
    origin::Start,
    report::Report,
    run::{RunStatus, RunView},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The longest error that is told, in characters.
const ERROR: usize = 500;

/// A moment of a run's life, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// It was taken in.
    Accepted,
    /// Its first unit was assigned.
    Started,
    /// It ended.
    Ended,
}

impl Moment {
    /// Its place among the moments of a run.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What others may be told of a run of a stored task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tiding {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: ProjectName,
    /// Its task.
    pub task: TaskName,
    /// What started it.
    pub cause: Start,
    /// Its source as a person would name it, without secrets.
    pub source: String,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// What has become of it.
    pub news: News,
}

/// What has become of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// It was taken in.
    Accepted,
    /// Its first unit was assigned.
    Started,
    /// It ended.
    Ended(End),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct End {
    /// In one word.
    pub status: RunStatus,
    /// Why it did not succeed, in one line.
    pub error: Option<String>,
    /// When its first unit was assigned.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The commit of its source, where it had one.
    pub commit: Option<String>,
    /// What its tests came to, where it had some.
    pub tests: Option<Tests>,
}

impl End {
    /// How long the run took, in milliseconds; of one that never began, how long it waited.
    pub const fn elapsed_ms(&self, submitted_at: Timestamp) -> u64 {
        let began = match self.started_at {
            Some(at) => at,
            None => submitted_at,
        };
        self.ended_at.millis_since(began)
    }
}

/// Counts of test cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tests {
    /// Those that passed.
    pub passed: u32,
    /// Those that failed.
    pub failed: u32,
}

impl Tiding {
    /// That a run was taken in, or has begun. `None`: nobody is told, since it is not about a commit.
    pub fn begun(view: &RunView, moment: Moment) -> Option<Self> {
        let news = match moment {
            Moment::Accepted => News::Accepted,
            Moment::Started => News::Started,
            Moment::Ended => return None,
        };
        view.origin.cause.commit()?;
        Self::new(view, news)
    }

    /// That a run ended. `None`: nobody is told, since it is of no stored task.
    pub fn ended(view: &RunView, report: &Report) -> Option<Self> {
        let end = End {
            status: report.status,
            error: view.error.as_ref().map(|error| line(error, ERROR)),
            started_at: view.started_at,
            ended_at: report.ended_at,
            commit: report.git.as_ref().map(|git| git.git_head_revision.clone()),
            tests: report.tests.as_ref().map(|tests| Tests { passed: tests.passed, failed: tests.failed }),
        };
        Self::new(view, News::Ended(end))
    }

    fn new(view: &RunView, news: News) -> Option<Self> {
        Some(Self {
            run: view.id.clone(),
            project: view.project.clone(),
            task: view.origin.task.clone()?,
            cause: view.origin.cause.clone(),
            source: view.source.clone(),
            submitted_at: view.submitted_at,
            news,
        })
    }

    /// Which moment it is of.
    pub const fn moment(&self) -> Moment {
        match self.news {
            News::Accepted => Moment::Accepted,
            News::Started => Moment::Started,
            News::Ended(_) => Moment::Ended,
        }
    }

    /// How the run ended, if it has.
    pub const fn end(&self) -> Option<&End> {
        match &self.news {
            News::Ended(end) => Some(end),
            News::Accepted | News::Started => None,
        }
    }

    /// The commit that the run is about, as it was told, or as its source turned out to be.
    pub fn commit(&self) -> Option<&str> {
        self.cause.commit().or_else(|| self.end().and_then(|end| end.commit.as_deref()))
    }

    /// Where it is stored.
    pub fn key(&self) -> String {
        keys::tiding(&self.project, &self.run, self.moment().number())
    }

    /// How it is stored.
    pub fn put(&self) -> Change {
        Change::Put(self.key(), store::encode(self))
    }
}
