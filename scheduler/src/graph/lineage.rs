//! What a task built last, and from what: the one thing of a run that outlives its record.

use acre_model::{
    digest::Digest,
    ids::{RunId, TaskName},
    plan::Role,
    platform::Platform,
    report::{Image, ImageName, Report},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the newest successful run of a task built, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lineage {
    /// The task.
    pub task: TaskName,
    /// The run.
    pub run: RunId,
    /// The images that it named, as `registry/repository:tag`.
    pub outputs: BTreeSet<String>,
    /// The images that it was built on.
    pub inputs: Vec<Input>,
}

/// An image that something was built on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Input {
    /// `registry/repository:tag`.
    pub image: String,
    /// What it was used for.
    pub role: Role,
    /// The platform that was built.
    pub platform: Option<Platform>,
    /// What the tag stood for.
    pub digest: Option<Digest>,
}

impl Lineage {
    /// Of a run of this task that succeeded; `None`: it built nothing.
    pub fn of(task: TaskName, report: &Report) -> Option<Self> {
        let mut lineage = Self { task, run: report.run.clone(), outputs: BTreeSet::new(), inputs: Vec::new() };
        report.images.iter().for_each(|image| lineage.add(image));
        lineage.inputs.sort_unstable();
        lineage.inputs.dedup();
        (!report.images.is_empty()).then_some(lineage)
    }

    fn add(&mut self, built: &Image) {
        self.outputs.extend(tagged(&built.image));
        let platform = &built.image.platform;
        let runtime = built.runtime_dependency.iter().map(|name| (Role::Runtime, name));
        let others = built.buildtime_dependency.iter().map(|name| (Role::BuildTime, name));
        for (role, name) in runtime.chain(others) {
            self.inputs.extend(tagged(name).map(|image| Input {
                image,
                role,
                platform: platform.clone(),
                digest: name.digest,
            }));
        }
        built.children.iter().for_each(|child| self.add(child));
    }
}

/// `registry/repository:tag`; `None`: it is named by its digest alone, and never changes.
pub fn tagged(name: &ImageName) -> Option<String> {
    name.tag.as_ref().map(|tag| format!("{}/{}:{tag}", name.registry, name.repository))
}
