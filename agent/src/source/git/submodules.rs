//! The submodules of a commit, and theirs. Their addresses stand in files of the repository, so that each is judged as one
//! that a user wrote, before git sees it.

use super::{
    Repository,
    configuration::{shown, split_login, ssh_host},
    program::{Fault, git},
};
use acre_model::text::clip;
use acre_web::{Unfetched, Web, reach::Zone};
use reqwest::Url;
use std::path::{Path, PathBuf};

/// The most submodules, and the deepest that they nest.
const COUNT: usize = 100;
const DEPTH: usize = 8;

/// Fetches the submodules of what is checked out, level by level.
pub(super) async fn fetch(web: &Web, repository: &Repository) -> Result<(), Unfetched> {
    let (mut level, mut count) = (vec![repository.work.clone()], 0);
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for work in &level {
            next.extend(of_folder(web, &repository.home, work).await?);
        }
        count += next.len();
        if count > COUNT {
            return Err(Unfetched::Unfit(format!("the repository has more than {COUNT} submodules")));
        }
        if next.is_empty() {
            return Ok(());
        }
        level = next;
    }
    Err(Unfetched::Unfit(format!("submodules are nested deeper than {DEPTH}")))
}

/// Fetches the submodules of one repository; their folders.
async fn of_folder(web: &Web, home: &Path, work: &Path) -> Result<Vec<PathBuf>, Unfetched> {
    if !work.join(".gitmodules").symlink_metadata().is_ok_and(|file| file.is_file()) {
        return Ok(Vec::new());
    }
    let failed = |fault: Fault| fault.of("cannot fetch a submodule");
    git(home, work, &["submodule", "--quiet", "init"]).await.map_err(failed)?;
    let listed = ["config", "--local", "--null", "--get-regexp", "^submodule\\..*\\.url$"];
    // It finds nothing where `.gitmodules` names nothing that the commit has.
    let listed = git(home, work, &listed).await.unwrap_or_default();
    let addresses: Vec<&str> = listed.split('\0').filter_map(|entry| Some(entry.split_once('\n')?.1)).collect();
    if addresses.len() > COUNT {
        return Err(Unfetched::Unfit(format!("the repository has more than {COUNT} submodules")));
    }
    for address in &addresses {
        judge(web, address).await?;
    }
    git(home, work, &["submodule", "--quiet", "update", "--depth=1"]).await.map_err(failed)?;
    let folders = ["submodule", "--quiet", "foreach", "--quiet", "pwd -P"];
    let folders = git(home, work, &folders).await.map_err(failed)?;
    Ok(folders.lines().map(PathBuf::from).filter(|folder| folder.starts_with(work)).collect())
}

/// Whether the address of a submodule may be fetched from. What another repository leads to is never this machine, but
/// where the farm's own repositories are there.
async fn judge(web: &Web, address: &str) -> Result<(), Unfetched> {
    let what = format!("submodule {}", shown(address));
    if let Some((host, port)) = ssh_host(address).filter(|(host, _)| !host.is_empty() && !host.contains('/')) {
        return match web.look_up(&what, host, port, None).await {
            Ok(_) | Err(Unfetched::Away(_)) => Ok(()),
            Err(why) => Err(why),
        };
    }
    let url = Url::parse(&split_login(address).0).ok().filter(|url| ["https", "http"].contains(&url.scheme()));
    match url {
        Some(url) => web.place(&url, None::<Zone>).await.map(drop),
        None => Err(Unfetched::Refused(format!(
            "submodule `{}`: submodules are fetched by https:// and ssh:// only, not from files",
            clip(&shown(address))
        ))),
    }
}
