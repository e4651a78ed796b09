//! Names on the engine that serve a group alone: of images that have no other name there, and of what is pushed under a
//! tag of the run's own. They go with the group, whoever removes it: they are noted in a file before they are given.

use super::Sandbox;
use crate::engine::{EngineError, Runtime};
use acre_model::{attempt::AttemptId, reference::Reference, session::GroupKey};
use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Where the groups' files are.
fn folder(data: &Path) -> PathBuf {
    data.join("names")
}

/// The name of an image that a build has made for one of several platforms. No registry has this host.
pub(crate) fn of_built(attempt: &AttemptId) -> Option<Reference> {
    format!("acre.local/built:{attempt}").parse().ok()
}

/// The name that keeps an image while its own name is lent; the number tells several of one attempt apart.
pub(crate) fn of_kept(attempt: &AttemptId, number: usize) -> Option<Reference> {
    format!("acre.local/kept:{attempt}.{number}").parse().ok()
}

impl Sandbox {
    /// Notes a name that is about to be given, so that it goes with the group.
    pub(crate) fn note_name(&self, name: &Reference) -> Result<(), EngineError> {
        let path = folder(&self.works.config.data).join(self.key.to_string());
        noted(&path, name).map_err(|why| EngineError::Transfer(format!("{} cannot be written: {why}", path.display())))
    }

    /// Takes the names that were noted.
    pub(super) async fn take_names(&self) -> Result<(), EngineError> {
        let path = folder(&self.works.config.data).join(self.key.to_string());
        taken(&*self.works.parts.runtime, &path).await
    }
}

/// Takes the names of groups that are not wanted any more.
pub(crate) async fn take_unwanted(
    runtime: &dyn Runtime,
    data: &Path,
    wanted: &BTreeSet<GroupKey>,
) -> Result<(), EngineError> {
    let wanted: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
    let Ok(found) = fs::read_dir(folder(data)) else { return Ok(()) };
    for entry in found.flatten() {
        if !entry.file_name().to_str().is_some_and(|name| wanted.contains(name)) {
            taken(runtime, &entry.path()).await?;
        }
    }
    Ok(())
}

fn noted(path: &Path, name: &Reference) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{name}\n").as_bytes())
}

async fn taken(runtime: &dyn Runtime, path: &Path) -> Result<(), EngineError> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(()) };
    // A line that was not written to its end names nothing that was given.
    for name in text.lines().filter_map(|line| line.parse().ok()) {
        runtime.untag(&name).await?;
    }
    drop(fs::remove_file(path));
    Ok(())
}
