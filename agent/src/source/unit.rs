//! Source units: what an address leads to becomes a tree of the farm.

use super::{aliases, git, oci, tar};
use crate::attempt::{Done, Failure, Job};
use acre_model::{
    attempt::UnitResult,
    digest::Digest,
    outcome::{Cause, Outcome},
    plan::{Fetch, GitAddress, ResolvedSource},
    text::clip,
};
use acre_tree::{
    Packed,
    pack::{Options, Pack},
    walk::Skipped,
};
use acre_web::{Unfetched, Web};
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};
use tempfile::TempDir;

/// What a source unit has fetched.
struct Fetched {
    tree: Packed,
    skipped: Vec<Skipped>,
    commit: Option<String>,
    reference: Option<String>,
    /// What the files of the tree lie in until they are in the farm.
    _held: Option<TempDir>,
}

/// Fetches the address, packs what it holds, and puts it into the farm.
pub(crate) async fn run(job: &Job, fetch: &Fetch) -> Done {
    job.started()?;
    let works = job.works();
    let web = Web::new(works.config.plain_http.clone());
    let folder = folder(&works.config.data);
    fs::create_dir_all(&folder).map_err(Unfetched::Disk)?;
    job.notice(&format!("Fetching {}", shown(fetch)))?;
    let fetched = match fetch {
        Fetch::Git(address) => of_git(&web, address, &folder).await?,
        Fetch::Tar(address) => of_untarred(tar::fetch(&web, address, &works.cache, &folder).await?),
        Fetch::Oci(reference) => {
            let logins = job.logins();
            let (untarred, digest) = oci::fetch(&web, reference, &logins, &works.cache, &folder).await?;
            job.notice(&format!("Fetched manifest {digest}"))?;
            of_untarred(untarred)
        }
        Fetch::Aliases(addresses) => of_files(aliases::fetch(&web, addresses, &folder).await?).await?,
    };
    if let Some(commit) = &fetched.commit {
        job.notice(&format!("Fetched commit {commit}"))?;
    }
    keep(job, fetched).await
}

/// Where sources are fetched into.
fn folder(data: &Path) -> PathBuf {
    data.join("sources")
}

/// Removes what an earlier process left half fetched.
pub(crate) fn forget_unfinished(data: &Path) {
    drop(fs::remove_dir_all(folder(data)));
}

/// The address without what may be a secret in it.
fn shown(fetch: &Fetch) -> String {
    match fetch {
        Fetch::Git(address) => git::shown(&address.repository),
        Fetch::Tar(address) => tar::shown_address(&address.url),
        Fetch::Oci(reference) => format!("oci://{reference}"),
        Fetch::Aliases(addresses) => aliases::shown_addresses(addresses),
    }
}

async fn of_git(web: &Web, address: &GitAddress, folder: &Path) -> Result<Fetched, Failure> {
    let checkout = git::fetch(web, address, folder).await?;
    let packed = packed(checkout.root).await?;
    Ok(Fetched {
        tree: packed.tree,
        skipped: packed.skipped,
        commit: Some(checkout.commit),
        reference: address.reference.clone(),
        _held: Some(checkout.folder),
    })
}

async fn of_files(folder: TempDir) -> Result<Fetched, Failure> {
    let Pack { tree, skipped, .. } = packed(folder.path().to_owned()).await?;
    Ok(Fetched { tree, skipped, commit: None, reference: None, _held: Some(folder) })
}

/// All of a folder: a build leaves out what its own `.dockerignore` says.
async fn packed(root: PathBuf) -> Result<Pack, Failure> {
    let options = Options { ignore: acre_tree::Ignore::default(), stat_cache: None, now: SystemTime::now() };
    Ok(acre_tree::pack(root, options).await.map_err(|why| Unfetched::Unfit(why.to_string()))?)
}

fn of_untarred(untarred: acre_tree::tar::Untarred) -> Fetched {
    Fetched { tree: untarred.tree, skipped: untarred.skipped, commit: None, reference: None, _held: None }
}

async fn keep(job: &Job, fetched: Fetched) -> Done {
    for skipped in &fetched.skipped {
        job.notice(&format!("warning: `{}` is left out: {}", clip(&skipped.path), skipped.what))?;
    }
    let tree = put(job, &fetched.tree).await?;
    let Fetched { commit, reference, .. } = fetched;
    let source = ResolvedSource { tree: Some(tree), commit, reference };
    Ok(UnitResult { source: Some(source), ..UnitResult::default() })
}

async fn put(job: &Job, tree: &Packed) -> Result<Digest, Failure> {
    let mut client = super::blobs(job.works());
    let project = job.project().to_string();
    let uploaded = acre_tree::upload(&mut client, &project, tree, |_| {}).await;
    uploaded.map_err(|why| Outcome::Infrastructure { cause: Cause::Transfer, message: why.to_string() })?;
    Ok(tree.root())
}
