//! The graph of a project: which tasks build on what others build, and in which order a patched image reaches them.
//!
//! Invariant: pure. What is asked of it depends on the tasks and their lineages alone.

mod difference;
mod lineage;
mod stale;
#[cfg(test)]
mod tests;
mod wave;

pub use difference::{Content, Difference, Differences};
pub use lineage::{Input, Lineage, tagged};
pub use stale::{Made, Stale, Why, WhyKind};
pub use wave::{Extent, Narrowed, Step, StepState, Wave};

use acre_model::{
    digest::Digest,
    ids::TaskName,
    plan::Role,
    platform::Platform,
    stored_task::{BaseImageTrigger, StoredTask, TaskStatus},
};
use petgraph::{Direction, algo::tarjan_scc, graphmap::DiGraphMap};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

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

    /// What of the task is built anew for the sake of these of its inputs.
    fn extent<'a>(&self, inputs: impl Iterator<Item = &'a Input>) -> Option<Extent> {
        let platforms: Option<BTreeSet<Platform>> = inputs.map(|input| input.platform.clone()).collect();
        match platforms {
            Some(platforms) if platforms.is_empty() => None,
            Some(platforms) if self.lineage.platforms().iter().any(|own| !platforms.contains(*own)) => {
                Some(Extent::Platforms(platforms))
            }
            _ => Some(Extent::All),
        }
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
        self.tasks.iter().filter(move |(_, node)| node.lineage.outputs.contains_key(image)).map(|(name, _)| name)
    }

    /// The images whose changes start tasks.
    pub fn watched(&self) -> impl Iterator<Item = (&String, &BTreeSet<TaskName>)> {
        self.dependents.iter()
    }

    /// The digests that tasks were built on of an image, other than this one.
    pub fn earlier(&self, image: &str, digest: &Digest) -> BTreeSet<Digest> {
        let inputs = self.tasks.values().flat_map(|node| &node.lineage.inputs);
        inputs
            .filter(|input| input.image == image)
            .filter_map(|input| input.digest)
            .filter(|own| own != digest)
            .collect()
    }

    /// The tasks that were built on an image, whatever starts them.
    pub fn users(&self, image: &str) -> impl Iterator<Item = &TaskName> {
        let is_user = move |node: &Node| node.lineage.inputs.iter().any(|input| input.image == image);
        self.tasks.iter().filter(move |(_, node)| is_user(node)).map(|(name, _)| name)
    }

    /// What a new digest of an image sets going, each task after those of them that it builds on. `None`: nothing.
    pub fn wave(&self, image: &str, digest: Digest, differences: &Differences) -> Option<Wave> {
        let is_reached =
            |input: &&Input| input.image == image && input.digest != Some(digest) && differences.reaches(input);
        self.wave_from(image, digest, is_reached)
    }

    /// The same of a digest that no task was built on yet.
    pub fn wave_of_any(&self, image: &str) -> Option<Wave> {
        self.wave_from(image, Digest::from_bytes([0; 32]), |input| input.image == image)
    }

    fn wave_from(&self, image: &str, digest: Digest, is_reached: impl Fn(&&Input) -> bool) -> Option<Wave> {
        let first = self.dependents.get(image).into_iter().flatten().filter_map(|name| {
            let node = &self.tasks[name];
            Some((name, node.extent(node.watched().filter(&is_reached))?))
        });
        let reached = self.reached(first.collect());
        let after = self.order(&reached.keys().copied().collect());
        let step = |(name, extent): (&TaskName, Extent)| {
            let after = after.get(name).cloned().unwrap_or_default();
            (name.clone(), Step { after, extent, narrowed: None, state: StepState::Waiting })
        };
        (!reached.is_empty()).then(|| Wave {
            image: image.to_owned(),
            digest,
            steps: reached.into_iter().map(step).collect(),
        })
    }

    /// These tasks and all that build on them, with what of each is built anew. What is reached only grows, so it ends in
    /// circles, too.
    fn reached<'a>(&'a self, first: BTreeMap<&'a TaskName, Extent>) -> BTreeMap<&'a TaskName, Extent> {
        let mut open: Vec<&TaskName> = first.keys().copied().collect();
        let mut reached = first;
        while let Some(name) = open.pop() {
            let extent = reached[name].clone();
            for next in self.next(name) {
                let node = &self.tasks[next];
                let outputs = &self.tasks[name].lineage.outputs;
                let inputs = node.watched().filter(|input| outputs.contains_key(&input.image) && extent.reaches(input));
                let Some(further) = node.extent(inputs) else { continue };
                let is_more = match reached.entry(next) {
                    Entry::Vacant(entry) => {
                        entry.insert(further);
                        true
                    }
                    Entry::Occupied(mut entry) => entry.get_mut().add(further),
                };
                if is_more {
                    self.complete(next, &mut reached);
                    open.push(next);
                }
            }
        }
        reached
    }

    /// All platforms are all of it.
    fn complete(&self, name: &TaskName, reached: &mut BTreeMap<&TaskName, Extent>) {
        if let Some(extent @ Extent::Platforms(_)) = reached.get_mut(name) {
            let all = self.tasks[name].lineage.platforms().into_iter().cloned().collect();
            if extent.covers(&Extent::Platforms(all)) {
                *extent = Extent::All;
            }
        }
    }

    /// The lineages that an image's new digest leaves as good as they are, with that digest.
    pub fn settled(&self, image: &str, digest: Digest, reaches: impl Fn(&Input) -> bool) -> Vec<Lineage> {
        let settled = self.tasks.values().filter_map(|node| {
            let mut lineage = node.lineage.clone();
            lineage.settle(image, digest, |input| !reaches(input)).then_some(lineage)
        });
        settled.collect()
    }

    /// What a task built last.
    pub fn lineage(&self, name: &TaskName) -> Option<&Lineage> {
        self.tasks.get(name).map(|node| &node.lineage)
    }

    /// Whether a wave that goes on will have built as much of a task on the image as it is now: the task is still to come
    /// there, or has come after one that made the image.
    pub fn is_covered(&self, wave: &Wave, image: &str, (task, extent): (&TaskName, &Extent)) -> bool {
        wave.steps.get(task).filter(|step| step.extent.covers(extent)).is_some_and(|step| match step.state {
            StepState::Waiting => true,
            StepState::Started(_) => self.makers(image).any(|maker| step.after.contains(maker)),
            StepState::Succeeded | StepState::Failed | StepState::Skipped => false,
        })
    }

    /// The tasks that build on what a task builds.
    fn next(&self, name: &TaskName) -> impl Iterator<Item = &TaskName> {
        let outputs = self.tasks.get(name).into_iter().flat_map(|node| node.lineage.outputs.keys());
        outputs.filter_map(|output| self.dependents.get(output)).flatten()
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
