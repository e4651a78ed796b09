//! A git address → a folder with the files of one commit, submodules included. The git program does the fetching, in an
//! empty folder; which machines it talks to is decided here, before it does ([`super::reach`]).

mod configuration;
mod program;
mod submodules;
mod system;

pub(super) use configuration::{percent_decoded, shown};

use super::tar::basic;
use acre_model::{plan::GitAddress, text::clip};
use acre_web::{Unfetched, Web};
use configuration::{OF_HOME, of_repository, split_login, ssh_host};
use program::{Fault, git};
use reqwest::{
    StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap},
};
use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What git asks first.
const FIRST: &str = "info/refs";

/// The fewest digits that name a commit.
const DIGITS: usize = 7;

/// A repository of this process's own, gone when it is dropped.
pub(super) struct Checkout {
    /// What `root` lies in; removed with it.
    pub(super) folder: tempfile::TempDir,
    /// The folder that becomes the root of the tree.
    pub(super) root: PathBuf,
    /// 40 hexadecimal digits.
    pub(super) commit: String,
}

/// Fetches a commit and what it holds, into a new folder below `folder`.
pub(super) async fn fetch(web: &Web, address: &GitAddress, folder: &Path) -> Result<Checkout, Unfetched> {
    let remote = Remote::find(web, &address.repository).await?;
    let folder = tempfile::Builder::new().prefix("git-").tempdir_in(folder).map_err(Unfetched::Disk)?;
    let repository = Repository { home: folder.path().join("home"), work: folder.path().join("work") };
    repository.make(&remote).map_err(Unfetched::Disk)?;
    let place = shown(&address.repository);
    let commit = repository.check_out(&place, address.reference.as_deref()).await?;
    submodules::fetch(web, &repository).await?;
    let root = repository.root(address.subdirectory.as_deref())?;
    Ok(Checkout { folder, root, commit })
}

/// Where a repository is.
struct Remote {
    /// Without user and password, where it is http.
    address: String,
    /// `user:password`, for http.
    login: Option<String>,
    /// Its host's.
    addresses: Vec<SocketAddr>,
}

impl Remote {
    /// Looks where an address leads. Redirects are followed here, since git would follow them anywhere.
    async fn find(web: &Web, repository: &str) -> Result<Self, Unfetched> {
        let place = shown(repository);
        let (address, login) = split_login(repository);
        if let Some((host, port)) = ssh_host(repository) {
            // A name that only the ssh program's configuration knows is its own to look up.
            let addresses = match web.look_up(&place, host, port, None).await {
                Ok((addresses, _)) => addresses,
                Err(Unfetched::Away(_)) => Vec::new(),
                Err(why) => return Err(why),
            };
            return Ok(Self { address, login: None, addresses });
        }
        let refused = |why: &str| Unfetched::Refused(format!("{place}: {why}"));
        let url = Url::parse(&address).map_err(|why| refused(&format!("it is no address: {why}")))?;
        let url = first_of(&url).ok_or_else(|| refused("it is no address of a repository"))?;
        let header = login.map(|login| basic(&percent_decoded(login))).transpose()?;
        let headers = HeaderMap::from_iter(header.map(|login| (AUTHORIZATION, login)));
        let (response, found) = web.get(&url, &headers, None).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                let status = response.status();
                let why = "there is no such repository, or it is not shown to this user";
                return Err(Unfetched::NotFound(format!("{place}: {why}: {status}")));
            }
            // What else it may be, git finds out.
            _ => {}
        }
        // A login goes to the host it is for.
        let login = login.filter(|_| found.url.origin() == url.origin()).map(str::to_owned);
        Ok(Self { address: repository_of(&found.url), login, addresses: found.addresses })
    }
}

/// What git asks a repository at first.
fn first_of(repository: &Url) -> Option<Url> {
    let mut url = repository.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(FIRST.split('/'));
    url.set_query(Some("service=git-upload-pack"));
    url.set_fragment(None);
    Some(url)
}

/// The repository that such a question was asked of.
fn repository_of(first: &Url) -> String {
    let mut url = first.clone();
    url.set_query(None);
    url.as_str().trim_end_matches(FIRST).trim_end_matches('/').to_owned()
}

/// A repository and its files, and the home that git has meanwhile.
struct Repository {
    home: PathBuf,
    work: PathBuf,
}

impl Repository {
    fn make(&self, remote: &Remote) -> io::Result<()> {
        let git = self.work.join(".git");
        for made in [git.join("objects"), git.join("refs"), self.home.clone()] {
            fs::create_dir_all(made)?;
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/fetched\n")?;
        fs::write(self.home.join("config"), OF_HOME)?;
        let mut config = system::private_file(&git.join("config"))?;
        config.write_all(of_repository(&remote.address, remote.login.as_deref(), &remote.addresses).as_bytes())
    }

    async fn git(&self, arguments: &[&str]) -> Result<String, Fault> {
        git(&self.home, &self.work, arguments).await
    }

    /// Fetches the commit and checks it out; returns its 40 digits.
    async fn check_out(&self, place: &str, reference: Option<&str>) -> Result<String, Unfetched> {
        let reference = reference.unwrap_or("HEAD");
        let commit = match self.one(reference).await {
            Err(Fault::NoSuch(_)) if may_be_commit(reference) => self.among_all(reference).await,
            fetched => fetched,
        };
        let commit = commit.map_err(|fault| match fault {
            Fault::NoSuch(_) => {
                Unfetched::NotFound(format!("{place} has no branch, tag or commit `{}`", clip(reference)))
            }
            fault => fault.of(&format!("cannot fetch `{}` of {place}", clip(reference))),
        })?;
        let checked_out = self.git(&["checkout", "--quiet", "--detach", &commit]).await;
        checked_out.map_err(|fault| fault.of(&format!("cannot check out {commit} of {place}")))?;
        Ok(commit)
    }

    /// Only what is asked for.
    async fn one(&self, reference: &str) -> Result<String, Fault> {
        self.git(&["fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", "origin", reference]).await?;
        self.commit("FETCH_HEAD").await
    }

    /// Everything: not every server gives a commit by its name, and none by half of it.
    async fn among_all(&self, reference: &str) -> Result<String, Fault> {
        let all = [
            "fetch",
            "--quiet",
            "--no-tags",
            "origin",
            "+refs/heads/*:refs/all/heads/*",
            "+refs/tags/*:refs/all/tags/*",
        ];
        self.git(&all).await?;
        self.commit(reference).await
    }

    async fn commit(&self, name: &str) -> Result<String, Fault> {
        let commit = self.git(&["rev-parse", "--verify", "--end-of-options", &format!("{name}^{{commit}}")]).await?;
        // The option is printed, too.
        Ok(commit.lines().last().unwrap_or_default().trim().to_owned())
    }

    /// The folder that becomes the root of the tree. It must lie in the repository, links followed.
    fn root(&self, subdirectory: Option<&str>) -> Result<PathBuf, Unfetched> {
        let Some(subdirectory) = subdirectory else { return Ok(self.work.clone()) };
        let refused = |why: &str| Unfetched::Refused(format!("subdirectory `{}` {why}", clip(subdirectory)));
        if Path::new(subdirectory).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(refused("leaves the repository"));
        }
        let missing = || Unfetched::NotFound(format!("the repository has no folder `{}`", clip(subdirectory)));
        let root = self.work.join(subdirectory).canonicalize().map_err(|_| missing())?;
        let top = self.work.canonicalize().map_err(Unfetched::Disk)?;
        if !root.starts_with(&top) || root.starts_with(top.join(".git")) {
            return Err(refused("leaves the repository"));
        }
        if root.is_dir() { Ok(root) } else { Err(refused("is not a folder of the repository")) }
    }
}

/// Whether a reference may be a commit's name, or the beginning of one.
fn may_be_commit(reference: &str) -> bool {
    (DIGITS..=40).contains(&reference.len()) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
