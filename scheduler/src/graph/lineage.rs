//! What a task built last, and from what: the one thing of a run that outlives its record.

use acre_model::{
    digest::Digest,
    ids::{RunId, TaskName},
    plan::Role,
    platform::Platform,
    report::{Image, ImageName, Report},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the newest successful run of a task built, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lineage {
    /// The task.
    pub task: TaskName,
    /// The run.
    pub run: RunId,
    /// The commit of its source.
    pub commit: Option<String>,
    /// The images that it named, as `registry/repository:tag`, and what the tag stands for since, where they were pushed.
    pub outputs: BTreeMap<String, Option<Digest>>,
    /// The images that it was built on.
    pub inputs: Vec<Input>,
    /// The images of single platforms that its indexes name.
    pub children: Vec<Image>,
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
    /// It may have been used for another platform than that.
    #[serde(default)]
    pub pinned: bool,
    /// What the tag stood for.
    pub digest: Option<Digest>,
}

impl Lineage {
    /// Of a run of this task that succeeded; `None`: it built nothing.
    pub fn of(task: TaskName, report: &Report) -> Option<Self> {
        let mut lineage = Self {
            task,
            run: report.run.clone(),
            commit: report.git.as_ref().map(|git| git.git_head_revision.clone()),
            outputs: BTreeMap::new(),
            inputs: Vec::new(),
            children: report.images.iter().flat_map(|image| &image.children).cloned().collect(),
        };
        report.images.iter().for_each(|image| lineage.add(image));
        lineage.inputs.sort_unstable();
        lineage.inputs.dedup();
        (!report.images.is_empty()).then_some(lineage)
    }

    fn add(&mut self, built: &Image) {
        self.outputs.extend(tagged(&built.image).map(|image| (image, built.image.digest)));
        let platform = &built.image.platform;
        let runtime = built.runtime_dependency.iter().map(|name| (Role::Runtime, name));
        let others = built.buildtime_dependency.iter().map(|name| (Role::BuildTime, name));
        for (role, name) in runtime.chain(others) {
            self.inputs.extend(tagged(name).map(|image| Input {
                image,
                role,
                platform: platform.clone(),
                pinned: name.pinned,
                digest: name.digest,
            }));
        }
        built.children.iter().for_each(|child| self.add(child));
    }

    /// The platforms of its indexes; none where it has no index.
    pub fn platforms(&self) -> BTreeSet<&Platform> {
        self.children.iter().filter_map(|child| child.image.platform.as_ref()).collect()
    }

    /// Notes that what an image's tag stands for now is for some of what was built on it as good as what it stood for
    /// then. Whether anything has changed by that.
    pub fn settle(&mut self, image: &str, digest: Digest, is_as_good: impl Fn(&Input) -> bool) -> bool {
        let settled: Vec<Input> = self
            .inputs
            .iter()
            .filter(|input| input.image == image && input.digest != Some(digest) && is_as_good(input))
            .cloned()
            .collect();
        for Input { role, platform, .. } in &settled {
            let is_it = |input: &&mut Input| input.image == image && input.role == *role && input.platform == *platform;
            self.inputs.iter_mut().filter(is_it).for_each(|input| input.digest = Some(digest));
            let children = self.children.iter_mut().filter(|child| child.image.platform == *platform);
            let names = children.flat_map(|child| match role {
                Role::Runtime => child.runtime_dependency.as_mut_slice(),
                Role::BuildTime => child.buildtime_dependency.as_mut_slice(),
            });
            names.filter(|name| tagged(name).as_deref() == Some(image)).for_each(|name| name.digest = Some(digest));
        }
        !settled.is_empty()
    }
}

/// `registry/repository:tag`; `None`: it is named by its digest alone, and never changes.
pub fn tagged(name: &ImageName) -> Option<String> {
    name.tag.as_ref().map(|tag| format!("{}/{}:{tag}", name.registry, name.repository))
}
