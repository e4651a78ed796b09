//! `acre artifacts`: the files that a run kept, as a list or into a folder.

mod place;

use super::{print, print_as, resolve};
use crate::{
    args::ArtifactsArgs,
    error::Error,
    exit_code::ExitCode,
    farm::{self, FarmClient, Wish},
    render::{self, text::sentence},
};
use acre_model::report::Artifact;
use acre_tree::{Cache, Fetcher, Ignore, Pin, cache::CacheError, fetch::FetchError};
use place::{Folder, Misplaced};
use std::{path::Path, sync::Arc};

/// Files that are asked for together, and lie on the disk twice until the next are.
const TOGETHER: usize = 64;

/// Lists the artifacts of a run that is over, or fetches them.
pub(super) async fn artifacts(wish: &Wish, args: ArtifactsArgs) -> Result<ExitCode, Error> {
    let farm = farm::connect_running(wish).await?;
    let run = farm.get(&resolve(&farm, &args.run).await?, false).await?;
    let Some(digest) = &run.report else {
        let status = run.status.to_string().to_lowercase();
        let why = format!("run {} is {status} and has no report; artifacts are known when a run is over", run.id);
        return Err(Error::Refused(why));
    };
    let report = farm.report(digest).await?;
    let chosen = chosen(&report.artifacts, &args.patterns)?;
    if chosen.is_empty() && !args.patterns.is_empty() {
        let count = report.artifacts.len();
        return Err(Error::Refused(format!("none of the {count} artifacts of run {} is meant", run.id)));
    }
    match &args.get {
        None => print_as(args.format, &chosen, || render::artifacts::artifacts(&chosen))?,
        Some(folder) => fetch(&farm, &chosen, folder).await?,
    }
    Ok(ExitCode::Success)
}

/// Those that one of the patterns means, itself or a folder above it; without patterns all.
fn chosen<'a>(artifacts: &'a [Artifact], patterns: &[String]) -> Result<Vec<&'a Artifact>, Error> {
    let meant = Ignore::from_patterns(patterns).map_err(|why| Error::Usage(format!("PATTERN: {why}")))?;
    let is_meant = |artifact: &&Artifact| patterns.is_empty() || meant.is_ignored(&artifact.path);
    Ok(artifacts.iter().filter(is_meant).collect())
}

/// Fetches them below a folder, and says where each is.
async fn fetch(farm: &FarmClient, artifacts: &[&Artifact], folder: &Path) -> Result<(), Error> {
    let folder = Folder::new(folder)?;
    let places = place::places(artifacts).map_err(|why| Error::Refused(why.to_string()))?;
    // Beside the files, so that there is room for it wherever there is room for them.
    let cache = tempfile::Builder::new().prefix(".acre-").tempdir_in(folder.path());
    let cache = cache.map_err(Error::file(format!("cannot write in {}", folder.path().display())))?;
    for some in places.chunks(TOGETHER) {
        let blobs = Cache::open(cache.path(), 0).map_err(|why| Error::Usage(chain(&why)))?;
        let fetcher = Fetcher::new(farm.blobs(), farm.project().as_str(), Arc::clone(&blobs));
        let pins = fetcher.prefetch(some.iter().map(|(_, artifact)| artifact.digest).collect()).await;
        let pins = pins.map_err(|why| unfetched(farm, &why))?;
        for (path, artifact) in some {
            let pin: Option<&Pin> = pins.get(&artifact.digest);
            let pin = pin.ok_or_else(|| Error::Farm(format!("it did not give `{}`", sentence(&artifact.path))))?;
            let written = folder.write(path, &pin.path())?;
            print(&format!("{}\n", sentence(&written.display().to_string())))?;
        }
    }
    Ok(())
}

fn unfetched(farm: &FarmClient, why: &FetchError) -> Error {
    match why {
        FetchError::Farm(status) => farm.failed(status),
        FetchError::Missing(digest) => Error::Refused(format!("the farm does not keep blob {digest} any more")),
        FetchError::Cache(why) if !matches!(why.as_ref(), CacheError::Mismatch { .. }) => {
            Error::Usage(chain(why.as_ref()))
        }
        why => Error::Farm(chain(why)),
    }
}

/// An error with its causes.
fn chain(why: &dyn std::error::Error) -> String {
    let mut text = why.to_string();
    let mut source = why.source();
    while let Some(deeper) = source {
        text.push_str(&format!(": {deeper}"));
        source = deeper.source();
    }
    text
}

impl From<Misplaced> for Error {
    fn from(why: Misplaced) -> Self {
        Self::Refused(why.to_string())
    }
}
