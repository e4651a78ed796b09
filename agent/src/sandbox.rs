//! A group's sandbox on the engine: its workspace, its home, its network, and the images its builds have left.

use crate::{
    attempt::Works,
    engine::{EngineError, Labels, Login, Logins, SandboxSpec},
    labels,
    mask::Masks,
    source,
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, UnitId},
    reference::Reference,
    session::{DesiredGroup, GroupKey, Opened},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;

/// Waits between two tries to remove it while the engine does not answer, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// The file that says, to a later process, that a group's workspace has its files.
fn marker(data: &Path, group: &GroupKey) -> PathBuf {
    data.join("groups").join(group.to_string())
}

/// Removes what earlier processes noted about groups that are not wanted any more.
pub(crate) fn forget_markers(data: &Path, wanted: &BTreeSet<GroupKey>) {
    let wanted: BTreeSet<PathBuf> = wanted.iter().map(|group| marker(data, group)).collect();
    let Ok(found) = fs::read_dir(data.join("groups")) else { return };
    for path in found.flatten().map(|entry| entry.path()).filter(|path| !wanted.contains(path)) {
        drop(fs::remove_file(path));
    }
}

/// A group's sandbox.
pub(crate) struct Sandbox {
    works: Arc<Works>,
    /// As the engine knows it.
    pub spec: SandboxSpec,
    /// The source tree; `None`: no files.
    pub tree: Option<Digest>,
    /// The owner of the run.
    pub project: ProjectName,
    /// Identifies the source across runs.
    pub source_key: String,
    key: GroupKey,
    /// Labels of everything the agent makes.
    agent: Labels,
    wants_network: bool,
    images: Mutex<BTreeMap<Reference, Digest>>,
    fetched: Mutex<BTreeMap<UnitId, Digest>>,
    logins: Logins,
    /// What is masked, and the secrets it was made of.
    masks: Mutex<(Opened, Masks)>,
    network: OnceCell<String>,
    filled: OnceCell<()>,
    /// Says, to a later process, that the workspace has its files.
    marker: PathBuf,
}

impl Sandbox {
    /// The sandbox of a group. Nothing is made on the engine before it is needed.
    pub(crate) fn new(works: &Arc<Works>, farm: &str, group: &DesiredGroup) -> Self {
        let spec = SandboxSpec {
            name: format!("acre-{}", group.key),
            labels: labels::of_group(farm, &works.config.id, &group.key),
            network: None,
        };
        Self {
            works: works.clone(),
            marker: marker(&works.config.data, &group.key),
            spec,
            tree: group.tree,
            project: group.project.clone(),
            source_key: group.source_key.clone(),
            key: group.key.clone(),
            agent: labels::of_agent(farm, &works.config.id),
            wants_network: group.network,
            images: Mutex::default(),
            fetched: Mutex::default(),
            logins: logins(group),
            masks: Mutex::default(),
            network: OnceCell::new(),
            filled: OnceCell::new(),
        }
    }

    /// The images that earlier units of the group left.
    pub(crate) fn set_images(&self, images: Vec<(Reference, Digest)>) {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).extend(images);
    }

    /// The image that the group has under this name.
    pub(crate) fn image(&self, reference: &Reference) -> Option<Digest> {
        let full = reference.clone().with_default_tag();
        self.images.lock().unwrap_or_else(PoisonError::into_inner).get(&full).copied()
    }

    /// The trees that source units of the plan have fetched so far.
    pub(crate) fn set_fetched(&self, trees: Vec<(UnitId, Digest)>) {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).extend(trees);
    }

    /// The tree that a source unit has fetched.
    pub(crate) fn fetched(&self, source: UnitId) -> Option<Digest> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).get(&source).copied()
    }

    /// What is masked from now on: more of it becomes known as more units are opened.
    pub(crate) fn set_masks(&self, opened: &Opened) {
        let mut masks = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        if masks.0 != *opened {
            *masks = (opened.clone(), Masks::new(opened));
        }
    }

    /// What is taken out of everything that leaves the agent.
    pub(crate) fn masks(&self) -> Masks {
        self.masks.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// The run's logins to registries.
    pub(crate) fn logins(&self) -> Logins {
        self.logins.clone()
    }

    /// Opens it for containers to be created in: its network is there. Returns it as a container needs to know it.
    pub(crate) async fn open(&self) -> Result<SandboxSpec, EngineError> {
        let lend = || self.works.networks.lend(&self.agent, &self.key);
        let network = match self.wants_network {
            true => Some(self.network.get_or_try_init(lend).await?.clone()),
            false => None,
        };
        Ok(SandboxSpec { network, ..self.spec.clone() })
    }

    /// Makes it ready for containers to be started in: its workspace has the files of the source.
    pub(crate) async fn ready(&self) -> Result<(), EngineError> {
        self.filled.get_or_try_init(|| self.fill()).await.map(drop)
    }

    /// What its network is called in logs.
    pub(crate) const fn network_name(&self) -> &'static str {
        if self.wants_network { "default" } else { "" }
    }

    async fn fill(&self) -> Result<(), EngineError> {
        let Some(tree) = self.tree.filter(|_| !self.marker.exists()) else { return Ok(()) };
        let tar = source::tar_of(&self.works, &self.project, tree).await?;
        self.works.parts.runtime.fill_workspace(&self.spec, tar).await?;
        let made = fs::create_dir_all(self.marker.parent().unwrap_or(&self.marker));
        if let Err(error) = made.and_then(|()| fs::write(&self.marker, b"")) {
            tracing::warn!(%error, "cannot note that a workspace is filled");
        }
        Ok(())
    }

    /// Removes all of it from the engine. Tries for as long as the agent works.
    pub(crate) async fn remove(&self) {
        let mut own = self.spec.labels.clone();
        own.retain(|key, _| key != labels::RUN);
        while let Err(why) = self.works.parts.runtime.remove_labeled(&own).await {
            tracing::warn!(sandbox = self.spec.name, %why, "cannot be removed yet");
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
        while let Err(why) = self.works.networks.give_back(&self.agent, &self.key).await {
            tracing::warn!(sandbox = self.spec.name, %why, "its network cannot be removed yet");
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
        drop(fs::remove_file(&self.marker));
    }
}

/// Logins in the words of engines, whose passwords are text.
fn logins(group: &DesiredGroup) -> Logins {
    let logins = group.confidential.logins.iter().map(|login| {
        let secret = String::from_utf8_lossy(login.password.expose()).into_owned();
        (login.registry.clone(), Login { username: login.username.clone(), secret })
    });
    logins.collect()
}
