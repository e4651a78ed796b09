//! Registries that do not tell of new images are asked, for every image that starts a task; and repositories, where their
//! tasks say so. What is found goes the way of what is told.

mod agenda;
mod heads;
mod source;

pub(crate) use source::list_of;

use crate::{
    graph::Graph,
    hooks::Inbox,
    parts::{Clock, Random},
    registries::{Registries, Stands},
    stored_tasks::{StoredTasks, TaskError},
    waves::Waves,
};
use acre_model::{
    ids::{ProjectName, TaskName},
    stored_task::StoredTask,
};
use agenda::{Agenda, Answer, Found, Watched};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How long a store that fails is left alone, in milliseconds.
const RETRY: u64 = 5_000;

/// What is looked at, and of images the tasks that build on them, whose logins are shown.
type Users = BTreeMap<Watched, BTreeSet<TaskName>>;

/// Asks registries and hosts of repositories.
pub struct Polling {
    /// What tells the images.
    pub stored_tasks: StoredTasks,
    /// Where changed images go.
    pub waves: Waves,
    /// Who is asked.
    pub registries: Registries,
    /// Where commits are told.
    pub inbox: Inbox,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Between two looks at an image, in milliseconds.
    pub interval_ms: u64,
}

impl Polling {
    /// Asks until it is dropped.
    pub async fn run(self) {
        let mut agenda = Agenda::new(self.interval_ms);
        let mut changes = self.stored_tasks.changes();
        let mut asked: FuturesUnordered<BoxFuture<'_, (Watched, Answer)>> = FuturesUnordered::new();
        let mut users = Users::new();
        changes.mark_changed();
        loop {
            let now = self.clock.now().mono;
            for (watched, last) in agenda.due(now) {
                let users = users.get(&watched).cloned().unwrap_or_default();
                asked.push(Box::pin(self.look(watched, users, last)));
            }
            let turn = async {
                match agenda.next() {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = turn => {}
                Some((watched, answer)) = asked.next(), if !asked.is_empty() => {
                    agenda.answered(&watched, answer, self.clock.now().mono, self.random.number());
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    match self.watched().await {
                        Ok(watched) => {
                            agenda.watch(watched.keys().cloned().collect(), now, || self.random.number());
                            users = watched;
                        }
                        Err(why) => {
                            tracing::warn!(%why, "which images are to be looked at is not known yet");
                            self.clock.sleep_until(now.plus_millis(RETRY)).await;
                            changes.mark_changed();
                        }
                    }
                }
            }
        }
    }

    /// The images and repositories that start tasks.
    async fn watched(&self) -> Result<Users, TaskError> {
        let mut projects: BTreeMap<ProjectName, Vec<StoredTask>> = BTreeMap::new();
        let mut watched = Users::new();
        for task in self.stored_tasks.all().await? {
            watched.extend(source::watched(&task).map(|source| (source, BTreeSet::new())));
            projects.entry(task.project.clone()).or_default().push(task);
        }
        for (project, tasks) in projects {
            let graph = Graph::new(&tasks, self.stored_tasks.lineages(&project).await?);
            let of_project = graph.watched().map(|(image, _)| {
                let users = graph.users(image).cloned().collect();
                (Watched::Image { project: project.clone(), image: image.clone() }, users)
            });
            watched.extend(of_project);
        }
        Ok(watched)
    }

    async fn look(&self, watched: Watched, users: BTreeSet<TaskName>, last: Found) -> (Watched, Answer) {
        let answer = match &watched {
            Watched::Image { project, image } => self.look_at_image((project, image), &users, last).await,
            Watched::Source { project, task, .. } => self.look_at_source(project, task).await,
        };
        (watched, answer)
    }

    /// Asks what an image stands for, and passes on that it is something else.
    async fn look_at_image(
        &self,
        (project, image): (&ProjectName, &str),
        users: &BTreeSet<TaskName>,
        last: Found,
    ) -> Answer {
        let asked = async {
            let logins = self.registries.logins(project, users.iter()).await?;
            self.registries.look(image, &logins, last.etag.as_deref()).await
        };
        match asked.await {
            Ok(Stands::AsBefore) => Answer::AsBefore,
            Ok(Stands::For { digest, .. }) if last.digest == Some(digest) => Answer::AsBefore,
            Ok(Stands::For { digest, etag }) => match self.waves.changed(project, image, digest).await {
                Ok(()) => Answer::Found(Found { digest: Some(digest), etag }),
                Err(why) => {
                    tracing::warn!(%project, image, %why, "a new digest is not acted upon yet");
                    Answer::Failed
                }
            },
            Err(why) => {
                tracing::warn!(%project, image, %why, "what an image stands for is not known");
                if why.is_of_registry { Answer::Away(why.after) } else { Answer::Failed }
            }
        }
    }
}
