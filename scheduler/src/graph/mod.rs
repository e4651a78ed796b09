//! The graph of a project: which tasks build on what others build, and in which order a patched image reaches them.
//!
//! Invariant: pure. What is asked of it depends on the tasks and their lineages alone.

mod lineage;
mod stale;
#[cfg(test)]
mod tests;
mod wave;

pub use lineage::{Input, Lineage, tagged};
pub use stale::{Made, Stale, Why, WhyKind};
pub use wave::{Step, StepState, Wave};

use acre_model::{
    digest::Digest,
    ids::TaskName,
    plan::Role,
    stored_task::{BaseImageTrigger, StoredTask, TaskStatus},
};
use petgraph::{Direction, algo::tarjan_scc, graphmap::DiGraphMap};
use std::collections::{BTreeMap, BTreeSet};

/// Tasks of a project, and the images between them.
#[derive(Debug, Default)]
pub struct Graph {
    tasks: BTreeMap<TaskName, Node>,
    /// By image: the tasks that build on it and are started by that.
    dependents: BTreeMap<String, BTreeSet<TaskName>>,
}

#[derive(Debug)]
struct Node {
    lineage: Lineage,
    trigger: BaseImageTrigger,
}

impl Node {
    /// The inputs whose change starts the task.
    fn watched(&self) -> impl Iterator<Item = &Input> {
        self.lineage.inputs.iter().filter(|input| match self.trigger {
            BaseImageTrigger::Disabled => false,
            BaseImageTrigger::Runtime => input.role == Role::Runtime,
            BaseImageTrigger::All => true,
        })
    }
}

/// A task that builds on what another one builds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Who builds it; `None`: no task of the project.
    pub from: Option<TaskName>,
    /// The image.
    pub image: String,
    /// Who builds on it.
    pub to: TaskName,
}

impl Graph {
    /// Of these tasks, as far as they have built something.
    pub fn new(tasks: &[StoredTask], lineages: Vec<Lineage>) -> Self {
        let mut graph = Self::default();
        for lineage in lineages {
            let Some(task) = tasks.iter().find(|task| task.name == lineage.task) else { continue };
            let trigger = match task.status {
                TaskStatus::Enabled => task.triggers.base_image,
                TaskStatus::Disabled => BaseImageTrigger::Disabled,
            };
            let node = Node { lineage, trigger };
            for input in node.watched() {
                graph.dependents.entry(input.image.clone()).or_default().insert(task.name.clone());
            }
            graph.tasks.insert(task.name.clone(), node);
        }
        graph
    }

    /// Everything that is built on something, in order.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = BTreeSet::new();
        for (name, node) in &self.tasks {
            for image in node.lineage.inputs.iter().map(|input| &input.image) {
                let makers: Vec<&TaskName> = self.makers(image).collect();
                let from = makers.iter().map(|maker| Some((*maker).clone())).chain(makers.is_empty().then_some(None));
                edges.extend(from.map(|from| Edge { from, image: image.clone(), to: name.clone() }));
            }
        }
        edges.into_iter().collect()
    }

    fn makers<'a>(&'a self, image: &'a str) -> impl Iterator<Item = &'a TaskName> {
        self.tasks.iter().filter(move |(_, node)| node.lineage.outputs.contains(image)).map(|(name, _)| name)
    }

    /// The tasks that a new digest of an image starts: those that were last built on another one.
    fn started(&self, image: &str, digest: &Digest) -> BTreeSet<&TaskName> {
        let dependents = self.dependents.get(image).into_iter().flatten();
        let is_older = |name: &&TaskName| {
            self.tasks[*name].watched().any(|input| input.image == image && input.digest.as_ref() != Some(digest))
        };
        dependents.filter(is_older).collect()
    }

    /// What a new digest of an image sets going, each task after those of them that it builds on. `None`: nothing.
    pub fn wave(&self, image: &str, digest: Digest) -> Option<Wave> {
        self.wave_from(image, digest, self.started(image, &digest))
    }

    /// The same of a digest that no task was built on yet.
    pub fn wave_of_any(&self, image: &str) -> Option<Wave> {
        let all = self.dependents.get(image).into_iter().flatten().collect();
        self.wave_from(image, Digest::from_bytes([0; 32]), all)
    }

    fn wave_from(&self, image: &str, digest: Digest, first: BTreeSet<&TaskName>) -> Option<Wave> {
        let (mut reached, mut open) = (BTreeSet::new(), Vec::from_iter(first));
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                open.extend(self.next(name));
            }
        }
        let after = self.order(&reached);
        let step = |name: &TaskName| {
            let after = after.get(name).cloned().unwrap_or_default();
            (name.clone(), Step { after, state: StepState::Waiting })
        };
        (!reached.is_empty()).then(|| Wave {
            image: image.to_owned(),
            digest,
            steps: reached.iter().map(|name| step(name)).collect(),
        })
    }

    /// Whether a wave that goes on will have built a task on the image as it is now: the task is still to come there, or
    /// has come after one that made the image.
    pub fn is_covered(&self, wave: &Wave, image: &str, task: &TaskName) -> bool {
        wave.steps.get(task).is_some_and(|step| match step.state {
            StepState::Waiting => true,
            StepState::Started(_) => self.makers(image).any(|maker| step.after.contains(maker)),
            StepState::Succeeded | StepState::Failed | StepState::Skipped => false,
        })
    }

    /// The tasks that build on what a task builds.
    fn next(&self, name: &TaskName) -> impl Iterator<Item = &TaskName> {
        let outputs = self.tasks.get(name).map(|node| &node.lineage.outputs);
        outputs.into_iter().flatten().filter_map(|output| self.dependents.get(output)).flatten()
    }

    /// By task: which of the others it comes after. Of those that build on each other in a circle none waits for another.
    fn order<'a>(&'a self, reached: &BTreeSet<&'a TaskName>) -> BTreeMap<&'a TaskName, BTreeSet<TaskName>> {
        let mut graph: DiGraphMap<&'a TaskName, ()> = DiGraphMap::new();
        for name in reached {
            graph.add_node(name);
            for next in self.next(name).filter(|next| reached.contains(next)) {
                graph.add_edge(name, next, ());
            }
        }
        let mut circle: BTreeMap<&'a TaskName, usize> = BTreeMap::new();
        for (number, members) in tarjan_scc(&graph).into_iter().enumerate() {
            circle.extend(members.into_iter().map(|member| (member, number)));
        }
        let before = |name: &'a TaskName| {
            let before = graph.neighbors_directed(name, Direction::Incoming);
            before.filter(|other| circle[other] != circle[&name]).cloned().collect()
        };
        reached.iter().map(|name| (*name, before(name))).collect()
    }
}
