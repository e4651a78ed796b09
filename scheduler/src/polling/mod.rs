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
    registries::{Registries, Stands, Unanswered},
    stored_tasks::{StoredTasks, TaskError},
    waves::Waves,
};
use acre_model::{ids::ProjectName, stored_task::StoredTask};
use agenda::{Agenda, Answer, Found, Watched};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How long a store that fails is left alone, in milliseconds.
const RETRY: u64 = 5_000;

/// Asks registries.
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
        changes.mark_changed();
        loop {
            let now = self.clock.now().mono;
            for (watched, last) in agenda.due(now) {
                asked.push(Box::pin(self.look(watched, last)));
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
                    agenda.answered(&watched, answer, self.clock.now().mono, self.any());
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    match self.watched().await {
                        Ok(wanted) => agenda.watch(wanted, now, || self.any()),
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
    async fn watched(&self) -> Result<BTreeSet<Watched>, TaskError> {
        let mut projects: BTreeMap<ProjectName, Vec<StoredTask>> = BTreeMap::new();
        let mut watched = BTreeSet::new();
        for task in self.stored_tasks.all().await? {
            watched.extend(source::watched(&task));
            projects.entry(task.project.clone()).or_default().push(task);
        }
        for (project, tasks) in projects {
            let graph = Graph::new(&tasks, self.stored_tasks.lineages(&project).await?);
            let of_project =
                graph.watched().map(|(image, _)| Watched::Image { project: project.clone(), image: image.clone() });
            watched.extend(of_project);
        }
        Ok(watched)
    }

    async fn look(&self, watched: Watched, last: Found) -> (Watched, Answer) {
        let answer = match &watched {
            Watched::Image { project, image } => self.look_at_image(project, image, last).await,
            Watched::Source { project, task, .. } => self.look_at_source(project, task, &last).await,
        };
        (watched, answer)
    }

    /// Asks what an image stands for, and passes on that it is something else.
    async fn look_at_image(&self, project: &ProjectName, image: &str, last: Found) -> Answer {
        match self.ask(project, image, last.etag.as_deref()).await {
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

    async fn ask(&self, project: &ProjectName, image: &str, etag: Option<&str>) -> Result<Stands, Unanswered> {
        let secret =
            |why: &dyn std::fmt::Display| Unanswered { why: why.to_string(), after: None, is_of_registry: false };
        let tasks = self.stored_tasks.list(project).await.map_err(|why| secret(&why))?;
        let lineages = self.stored_tasks.lineages(project).await.map_err(|why| secret(&why))?;
        let graph = Graph::new(&tasks, lineages);
        let logins = self.registries.logins(project, graph.users(image)).await.map_err(|why| secret(&why))?;
        self.registries.look(image, &logins, etag).await
    }

    fn any(&self) -> u64 {
        let bytes = self.random.draw();
        u64::from_le_bytes(bytes[..8].try_into().unwrap_or_default())
    }
}
