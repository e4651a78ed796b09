//! What of an image has changed, and how no more than that is built anew.

use super::{Waves, settled};
use crate::{
    graph::{Content, Difference, Differences, Extent, Graph, Lineage, Narrowed, Wave},
    registries::in_time,
    stored_tasks::{TaskError, source_at},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, TaskName},
    platform::Platform,
    report::Image,
    run::RunView,
    stored_task::StoredTask,
    submission::Narrowing,
};
use std::collections::BTreeSet;

/// Most earlier digests of an image that are compared with the new one; of others, all of it has changed.
const COMPARED: usize = 8;

impl Waves {
    /// What differs between an image's new digest and those that tasks were built on.
    pub(super) async fn differences(
        &self,
        project: &ProjectName,
        graph: &Graph,
        (image, digest): (&str, Digest),
    ) -> Result<Differences, TaskError> {
        let mut differences = Differences::default();
        let earlier = graph.earlier(image, &digest);
        if earlier.is_empty() {
            return Ok(differences);
        }
        let logins = self.registries.logins(project, graph.users(image)).await?;
        let asked = in_time(async {
            let now = self.registries.content(image, digest, &logins).await?;
            for digest in earlier.into_iter().take(COMPARED).filter(|_| matches!(now, Content::Index(_))) {
                let then = self.registries.content(image, digest, &logins).await.ok();
                differences.0.insert(digest, Difference::between(then, Some(now.clone())));
            }
            Ok(())
        });
        if let Err(why) = asked.await {
            tracing::info!(%project, image, %digest, %why, "what is not known of it counts as changed");
        }
        Ok(differences)
    }

    /// Settles of tasks whose turn it is how a part of them is built anew; whether the wave was changed by that.
    pub(super) async fn narrow(
        &self,
        project: &ProjectName,
        wave: &mut Wave,
        ready: &[TaskName],
    ) -> Result<bool, TaskError> {
        let mut is_changed = false;
        for name in ready {
            let step = wave.steps.get(name).filter(|step| step.narrowed.is_none());
            let Some(Extent::Platforms(platforms)) = step.map(|step| step.extent.clone()) else { continue };
            let narrowed = self.narrowed(project, name, platforms).await?;
            wave.settle(name, narrowed);
            is_changed = true;
        }
        Ok(is_changed)
    }

    /// How only these platforms of a task are built; `None`: all of it is.
    async fn narrowed(
        &self,
        project: &ProjectName,
        name: &TaskName,
        platforms: BTreeSet<Platform>,
    ) -> Result<Option<Narrowed>, TaskError> {
        let (Ok(task), Some(lineage)) =
            (self.stored_tasks.get(project, name).await, self.stored_tasks.lineage(project, name).await?)
        else {
            return Ok(None);
        };
        // Whoever ends last moves the tag: what another run builds now would be lost.
        let is_running = |run: &RunView| run.project == *project && run.origin.task.as_ref() == Some(name);
        if self.board.runs().iter().any(|run| is_running(run)) {
            return Ok(None);
        }
        let Some(narrowed) = narrowed(&task, &lineage, platforms) else { return Ok(None) };
        let logins = self.registries.logins(project, std::iter::once(name)).await?;
        let kept = addresses(&narrowed.narrowing.kept);
        match in_time(self.registries.has_all(&kept, &logins)).await {
            Ok(()) => Ok(Some(narrowed)),
            Err(why) => {
                tracing::info!(%project, task = %name, %why, "all of its platforms are built");
                Ok(None)
            }
        }
    }

    /// After a part of a task was built anew: what builds on its other platforms is as good as it was.
    pub(super) async fn settle(&self, project: &ProjectName, wave: &Wave, name: &TaskName) -> Result<(), TaskError> {
        let Some(extent @ Extent::Platforms(_)) = wave.steps.get(name).map(|step| &step.extent) else { return Ok(()) };
        let Some(built) = self.stored_tasks.lineage(project, name).await? else { return Ok(()) };
        let tasks = self.stored_tasks.list(project).await?;
        for (image, digest) in &built.outputs {
            let Some(digest) = digest else { continue };
            let graph = Graph::new(&tasks, self.stored_tasks.lineages(project).await?);
            let lineages = graph.settled(image, *digest, |input| extent.reaches(input));
            self.driver.records(settled(project, lineages).collect()).await?;
        }
        Ok(())
    }
}

/// A run of a part of a task, beside what an earlier run of the same task built for the other platforms of the same commit.
fn narrowed(task: &StoredTask, lineage: &Lineage, platforms: BTreeSet<Platform>) -> Option<Narrowed> {
    let is_of_this_task = task.updated_at < lineage.submitted_at;
    let source = source_at(task, lineage.commit.as_deref().filter(|_| is_of_this_task)?)?;
    let stays = |child: &&Image| child.image.platform.as_ref().is_some_and(|platform| !platforms.contains(platform));
    let kept = lineage.children.iter().filter(stays).cloned().collect();
    Some(Narrowed { source, narrowing: Narrowing { platforms, kept } })
}

/// The kept images as registries are asked for them.
fn addresses(kept: &[Image]) -> Vec<(String, Digest)> {
    let address =
        |Image { image, .. }: &Image| Some((format!("{}/{}", image.registry, image.repository), image.digest?));
    kept.iter().filter_map(address).collect()
}
