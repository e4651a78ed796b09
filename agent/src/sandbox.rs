//! A group's sandbox on the engine: its workspace, its home, its network, and the images its builds have left.

mod kept;
mod names;
mod secrets;

pub(crate) use kept::forget_unwanted;
pub(crate) use names::{of_built, of_kept, take_unwanted};
pub(crate) use secrets::docker_config;

use crate::{
    attempt::Works,
    engine::{EngineError, Labels, Login, Logins, SandboxSpec},
    labels,
    mask::Masks,
    source,
};
use acre_model::{
    attempt::Workspace,
    digest::Digest,
    ids::{ProjectName, UnitId},
    plan::{Cmd, Volume},
    platform::Platform,
    reference::Reference,
    session::{DesiredGroup, GroupKey, Opened},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// What the network of a task that declares none is called in logs.
const DEFAULT: &str = "default";

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
    images: Mutex<BTreeMap<(Reference, Platform), Digest>>,
    fetched: Mutex<BTreeMap<UnitId, Digest>>,
    /// What steps of other groups have changed in the workspace before this group begins.
    changes: Mutex<Vec<(String, Workspace)>>,
    logins: Logins,
    /// What is masked, and the secrets it was made of.
    masks: Mutex<(Opened, Masks)>,
    network: OnceCell<String>,
    /// The tree that the workspace began with, once it has its files.
    filled: OnceCell<Option<Digest>>,
    /// Held by who hands the workspace over.
    turn: tokio::sync::Mutex<()>,
    /// Volumes that the task declares; their files' texts are secrets.
    volumes: Vec<Volume>,
    held: OnceCell<()>,
    /// The task's networks that are there, by their names on the engine.
    declared: tokio::sync::Mutex<BTreeSet<String>>,
    introduced: AtomicBool,
    /// It is being removed.
    closing: CancellationToken,
    /// Says, to a later process, that the workspace has its files, and which.
    marker: PathBuf,
}

impl Sandbox {
    /// The sandbox of a group. Nothing is made on the engine before it is needed.
    pub(crate) fn new(works: &Arc<Works>, farm: &str, group: &DesiredGroup) -> Self {
        let spec = SandboxSpec {
            name: format!("acre-{}", group.key),
            labels: labels::of_group(farm, &works.config.id, &group.key),
            network: None,
            networks: group.networks.clone(),
            memory: group.volumes.iter().map(|volume| volume.name.clone()).collect(),
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
            changes: Mutex::default(),
            logins: logins(group),
            masks: Mutex::default(),
            network: OnceCell::new(),
            filled: OnceCell::new(),
            turn: tokio::sync::Mutex::default(),
            volumes: group.volumes.clone(),
            held: OnceCell::new(),
            declared: tokio::sync::Mutex::default(),
            introduced: AtomicBool::new(false),
            closing: CancellationToken::new(),
        }
    }

    /// The images that earlier units of the group left.
    pub(crate) fn set_images(&self, images: Vec<(Reference, Platform, Digest)>) {
        let images = images.into_iter().map(|(reference, platform, image)| ((reference, platform), image));
        self.images.lock().unwrap_or_else(PoisonError::into_inner).extend(images);
    }

    /// The image that the group has under this name for a platform.
    pub(crate) fn image(&self, reference: &Reference, platform: &Platform) -> Option<Digest> {
        let full = (reference.clone().with_default_tag(), platform.clone());
        self.images.lock().unwrap_or_else(PoisonError::into_inner).get(&full).copied()
    }

    /// The images that the group has for a platform, by their names, in the names' order.
    pub(crate) fn images_for(&self, platform: &Platform) -> Vec<(Reference, Digest)> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        let own = images.iter().filter(|((_, of), _)| of == platform);
        own.map(|((name, _), image)| (name.clone(), *image)).collect()
    }

    /// The trees that source units of the plan have fetched so far.
    pub(crate) fn set_fetched(&self, trees: Vec<(UnitId, Digest)>) {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).extend(trees);
    }

    /// The tree that a source unit has fetched.
    pub(crate) fn fetched(&self, source: UnitId) -> Option<Digest> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).get(&source).copied()
    }

    /// What steps of other groups have changed by now. All that the workspace begins with is known when it is filled:
    /// whoever needs it filled waits for these steps.
    pub(crate) fn set_changes(&self, changes: Vec<(String, Workspace)>) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) = changes;
    }

    /// The turn of one step to hand over the workspace.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
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

    /// Opens it for the container of a step to be created in: its networks are there. Returns it as a container needs to
    /// know it. What is made is said.
    pub(crate) async fn open(&self, cmd: &Cmd, say: impl Fn(&str)) -> Result<SandboxSpec, EngineError> {
        if !self.introduced.swap(true, Ordering::Relaxed) {
            say(&format!("Using {} as the home volume", self.spec.home()));
        }
        let network = match self.wants_network {
            true => Some(self.network.get_or_try_init(|| self.lend(&say)).await?.clone()),
            false => None,
        };
        if let Some(name) = cmd.network.as_deref().filter(|name| is_of_task(name)) {
            self.declare(name, &say).await?;
        }
        Ok(SandboxSpec { network, ..self.spec.clone() })
    }

    async fn lend(&self, say: &impl Fn(&str)) -> Result<String, EngineError> {
        say(&format!("Creating Docker network: {DEFAULT}, driver: 'bridge'"));
        let network = self.works.networks.lend(&self.agent, &self.key).await?;
        say(&format!("Successfully set up Docker network: {DEFAULT}"));
        Ok(network)
    }

    /// Has a network of the task made, unless it is there.
    async fn declare(&self, name: &str, say: &impl Fn(&str)) -> Result<(), EngineError> {
        let network = self.spec.declared(name);
        let mut there = self.declared.lock().await;
        if network.skip_creation || there.contains(&network.name) {
            return Ok(());
        }
        say(&format!("Creating Docker network: {name}, driver: '{}'", network.driver));
        self.works.parts.runtime.make_network(&network, &self.spec.labels).await?;
        say(&format!("Successfully set up Docker network: {name}"));
        there.insert(network.name);
        Ok(())
    }

    /// Makes it ready for the container of a step to be started in: its workspace has the files of the source, the
    /// volumes it mounts have theirs.
    pub(crate) async fn ready_for(&self, cmd: &Cmd) -> Result<(), EngineError> {
        self.ready().await?;
        if cmd.volumes.iter().any(|(name, _)| self.spec.memory.contains(name)) {
            self.held.get_or_try_init(|| self.hold()).await?;
        }
        Ok(())
    }

    /// Its workspace has the files of the source, and what steps of other groups have made of them. Returns the tree of
    /// what it began with; `None`: no files.
    pub(crate) async fn ready(&self) -> Result<Option<Digest>, EngineError> {
        self.filled.get_or_try_init(|| self.fill()).await.copied()
    }

    async fn hold(&self) -> Result<(), EngineError> {
        let held = secrets::of_task(&self.spec, &self.volumes)?;
        self.works.parts.runtime.hold(&self.spec, &held).await
    }

    /// Its group.
    pub(crate) const fn key(&self) -> &GroupKey {
        &self.key
    }

    /// Resolves once it is being removed.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// What its network is called in logs.
    pub(crate) const fn network_name(&self) -> &'static str {
        if self.wants_network { DEFAULT } else { "" }
    }

    async fn fill(&self) -> Result<Option<Digest>, EngineError> {
        if let Some(began_with) = self.noted() {
            return Ok(began_with);
        }
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tree = match self.tree {
            tree if changes.is_empty() => tree,
            tree => Some(source::overlaid(&self.works, &self.project, tree, changes).await?),
        };
        let Some(tree) = tree else { return Ok(None) };
        let tar = source::tar_of(&self.works, &self.project, tree).await?;
        self.works.parts.runtime.fill_workspace(&self.spec, tar).await?;
        let made = fs::create_dir_all(self.marker.parent().unwrap_or(&self.marker));
        if let Err(error) = made.and_then(|()| fs::write(&self.marker, tree.to_string())) {
            tracing::warn!(%error, "cannot note that a workspace is filled");
        }
        Ok(Some(tree))
    }

    /// The tree with which an earlier process has filled the workspace, which is never filled twice: steps may have
    /// changed it since.
    fn noted(&self) -> Option<Option<Digest>> {
        let noted = fs::read_to_string(&self.marker).ok()?;
        Some(noted.parse().ok().or(self.tree))
    }

    /// Removes all of it from the engine. Tries for as long as the agent works.
    pub(crate) async fn remove(&self) {
        self.closing.cancel();
        let mut own = self.spec.labels.clone();
        own.retain(|key, _| key != labels::RUN);
        while let Err(why) = self.works.parts.runtime.remove_labeled(&own).await {
            tracing::warn!(sandbox = self.spec.name, %why, "cannot be removed yet");
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
        while let Err(why) = self.take_names().await {
            tracing::warn!(sandbox = self.spec.name, %why, "its names cannot be taken from images yet");
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
        while let Err(why) = self.works.networks.give_back(&self.agent, &self.key).await {
            tracing::warn!(sandbox = self.spec.name, %why, "its network cannot be removed yet");
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
        drop(fs::remove_file(&self.marker));
        self.forget_kept();
    }
}

/// Whether a `cmd` that names this network means one of the task.
fn is_of_task(name: &str) -> bool {
    !["none", "default", "bridge", "nat", "host"].contains(&name) && !name.contains(':')
}

/// Logins in the words of engines, whose passwords are text.
fn logins(group: &DesiredGroup) -> Logins {
    let logins = group.confidential.logins.iter().map(|login| {
        let secret = String::from_utf8_lossy(login.password.expose()).into_owned();
        (login.registry.clone(), Login { username: login.username.clone(), secret })
    });
    logins.collect()
}
