//! What is in projects: a project is there as long as something is in it, and `default` always.

use crate::{
    board::Board,
    driver::{Handle, Refused},
    logs::{LogError, Logs},
    secrets::{Secrets, SecretsError},
    store::{Change, Order, Store, StoreError, keys},
    stored_tasks::StoredTasks,
};
use acre_model::ids::{ProjectName, RunId};
use std::{collections::BTreeSet, ops::Range, sync::Arc};

/// Projects that are told in one answer, at most.
const LISTED: usize = 1000;
/// Records that are removed at once.
const AT_ONCE: usize = 100;

/// The projects of the farm.
pub struct Projects {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// Who writes there.
    pub driver: Handle,
    /// Runs that go on.
    pub board: Arc<Board>,
    /// Logs of runs.
    pub logs: Logs,
    /// What is kept secret.
    pub secrets: Arc<Secrets>,
    /// Tasks, of whose going those hear who start them.
    pub stored_tasks: StoredTasks,
}

/// What is in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectView {
    /// Its name.
    pub name: ProjectName,
    /// Tasks that it keeps.
    pub tasks: usize,
    /// Runs that go on.
    pub going_on: usize,
    /// Runs that have ended.
    pub ended: usize,
    /// Of them, those that are kept whatever their age.
    pub archived: usize,
    /// Names of its secrets.
    pub secrets: Vec<String>,
    /// Registries to which it has logins.
    pub logins: Vec<String>,
}

/// Why nothing came of what was asked of a project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Nothing is in it.
    #[error("there is no project `{0}`: nothing is in it")]
    Missing(ProjectName),
    /// Runs of it go on.
    #[error("{count} of the runs of project `{project}` {} on, the newest {newest}; cancel them, or wait", if *.count == 1 { "goes" } else { "go" })]
    Busy {
        /// The project.
        project: ProjectName,
        /// How many.
        count: usize,
        /// The newest of them.
        newest: RunId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The driver does not store it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What it keeps secret cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Logs were not removed.
    #[error(transparent)]
    Logs(#[from] LogError),
}

impl Projects {
    /// The projects, by name.
    pub async fn list(&self) -> Result<Vec<ProjectView>, ProjectError> {
        let mut names: BTreeSet<ProjectName> = self.board.runs().iter().map(|run| run.project.clone()).collect();
        names.insert(ProjectName::default());
        for kind in keys::OF_PROJECTS {
            self.named_by(keys::all_of_kind(kind), &mut names).await?;
        }
        let mut views = Vec::new();
        for name in names.into_iter().take(LISTED) {
            views.push(self.look(name).await?);
        }
        Ok(views)
    }

    /// One project.
    pub async fn get(&self, project: &ProjectName) -> Result<ProjectView, ProjectError> {
        let view = self.look(project.clone()).await?;
        let is_empty = view.tasks + view.going_on + view.ended + view.secrets.len() + view.logins.len() == 0;
        if is_empty && *project != ProjectName::default() && !self.has_hook(project).await? {
            return Err(ProjectError::Missing(project.clone()));
        }
        Ok(view)
    }

    /// Removes everything that is in a project; returns what that was. What starts its runs goes first: a run that
    /// somebody hands in meanwhile is found, and the rest stays until it is over.
    pub async fn delete(&self, project: &ProjectName) -> Result<ProjectView, ProjectError> {
        let view = self.get(project).await?;
        self.check_idle(project)?;
        for range in keys::all_of_project(project) {
            let is_of_runs = range == keys::all_ended(project, None);
            if is_of_runs {
                self.check_idle(project)?;
            }
            let records = self.store.range(range, Order::Ascending, usize::MAX).await?;
            let all: Vec<String> = records.into_iter().map(|record| record.key).collect();
            for some in all.chunks(AT_ONCE) {
                if is_of_runs {
                    self.remove_logs(some).await?;
                }
                self.driver.records(some.iter().cloned().map(Change::Delete).collect()).await?;
            }
        }
        self.stored_tasks.changed.send_modify(|count| *count += 1);
        Ok(view)
    }

    fn check_idle(&self, project: &ProjectName) -> Result<(), ProjectError> {
        let going_on = self.going_on(project);
        let busy = |newest: &RunId| ProjectError::Busy {
            project: project.clone(),
            count: going_on.len(),
            newest: newest.clone(),
        };
        going_on.first().map(busy).map_or(Ok(()), Err)
    }

    /// Runs that go on, newest first.
    fn going_on(&self, project: &ProjectName) -> Vec<RunId> {
        let runs = self.board.runs();
        runs.iter().filter(|run| run.project == *project).map(|run| run.id.clone()).collect()
    }

    /// Logs first: a record never goes before what is found through it.
    async fn remove_logs(&self, ended: &[String]) -> Result<(), LogError> {
        for run in ended.iter().filter_map(|key| key.rsplit('/').next()?.parse::<RunId>().ok()) {
            self.logs.remove(&run).await?;
        }
        Ok(())
    }

    async fn look(&self, name: ProjectName) -> Result<ProjectView, ProjectError> {
        let secrets = self.secrets.secrets(&name).await?;
        let logins = self.secrets.logins(&name).await?;
        Ok(ProjectView {
            tasks: self.count(keys::all_tasks(&name)).await?,
            going_on: self.going_on(&name).len(),
            ended: self.count(keys::all_ended(&name, None)).await?,
            archived: self.count(keys::all_archived(&name)).await?,
            secrets: secrets.into_iter().map(|secret| secret.id.to_string()).collect(),
            logins: logins.into_iter().map(|login| login.registry).collect(),
            name,
        })
    }

    async fn count(&self, range: Range<String>) -> Result<usize, StoreError> {
        Ok(self.store.range(range, Order::Ascending, usize::MAX).await?.len())
    }

    async fn has_hook(&self, project: &ProjectName) -> Result<bool, StoreError> {
        Ok(self.store.get(&keys::registry_hook(project)).await?.is_some())
    }

    /// Adds the projects of which there is a record in the range: one look for each, however many records it has.
    async fn named_by(&self, mut range: Range<String>, names: &mut BTreeSet<ProjectName>) -> Result<(), StoreError> {
        loop {
            let first = self.store.range(range.clone(), Order::Ascending, 1).await?;
            let Some((project, after)) = first.first().and_then(|record| keys::project_of(&record.key)) else {
                return Ok(());
            };
            names.insert(project);
            range.start = after;
        }
    }
}
