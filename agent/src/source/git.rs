//! Source units: a git address becomes a tree of the farm. The git program does the fetching, in an empty folder and
//! with an environment of its own: no configuration of the host, no hooks, no prompts, no protocols but those named.

use crate::attempt::{Done, Failure, Job};
use acre_model::{
    attempt::UnitResult,
    outcome::{Cause, Outcome},
    plan::{GitAddress, ResolvedSource},
    text::clip,
};
use acre_proto::v1::blobs_client::BlobsClient;
use acre_tree::pack::Options;
use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::SystemTime,
};
use tokio::process::Command;

/// Characters of what git says that are repeated.
const SAID: usize = 300;

/// A repository of this process's own, gone when it is dropped.
struct Checkout {
    folder: tempfile::TempDir,
}

/// Fetches the address, packs what it holds, and puts it into the farm.
pub(crate) async fn run(job: &Job, fetch: &GitAddress) -> Done {
    job.started()?;
    let repository = shown(&fetch.repository);
    job.notice(&format!("Fetching {repository}"))?;
    let checkout = Checkout::make(&folder(&job.works().config.data), fetch).map_err(disk)?;
    let commit = checkout.fetch(fetch).await?;
    job.notice(&format!("Fetched commit {commit}"))?;
    let root = checkout.root(fetch)?;
    let tree = pack(job, root).await?;
    let source = ResolvedSource { tree: Some(tree), commit: Some(commit), reference: fetch.reference.clone() };
    Ok(UnitResult { source: Some(source), ..UnitResult::default() })
}

/// Where repositories are fetched into.
fn folder(data: &Path) -> PathBuf {
    data.join("sources")
}

/// Removes what an earlier process left half fetched.
pub(crate) fn forget_unfinished(data: &Path) {
    drop(fs::remove_dir_all(folder(data)));
}

/// The address without what may be a secret in it.
fn shown(repository: &str) -> String {
    match repository.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('@') {
            Some((user, host)) if !user.contains('/') => format!("{scheme}://{host}"),
            _ => repository.to_owned(),
        },
        None => repository.to_owned(),
    }
}

fn disk(error: std::io::Error) -> Failure {
    Outcome::Infrastructure { cause: Cause::DiskFull, message: format!("no place to fetch into: {error}") }.into()
}

fn failed(message: String) -> Failure {
    Outcome::Failed { exit_code: None, message }.into()
}

impl Checkout {
    fn make(folder: &Path, fetch: &GitAddress) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = tempfile::Builder::new().prefix("git-").tempdir_in(folder)?;
        let checkout = Self { folder };
        let git = checkout.work().join(".git");
        for made in ["objects", "refs"] {
            fs::create_dir_all(git.join(made))?;
        }
        fs::create_dir_all(checkout.home())?;
        fs::write(git.join("HEAD"), "ref: refs/heads/fetched\n")?;
        let mut options = fs::OpenOptions::new();
        let mut config = options.write(true).create_new(true).mode(0o600).open(git.join("config"))?;
        // The address stands in a file that only this user may read, not on a command line.
        std::io::Write::write_all(&mut config, configuration(fetch).as_bytes())?;
        Ok(checkout)
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Fetches the commit and checks it out; returns its 40 digits.
    async fn fetch(&self, fetch: &GitAddress) -> Result<String, Failure> {
        let reference = fetch.reference.as_deref().unwrap_or("HEAD");
        let fetching = ["fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", "origin", reference];
        self.git(&fetching).await.map_err(|why| {
            let place = shown(&fetch.repository);
            failed(format!("cannot fetch `{}` of {place}: {why}", clip(reference)))
        })?;
        let commit = self.git(&["rev-parse", "--verify", "FETCH_HEAD^{commit}"]).await.map_err(failed)?;
        self.git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]).await.map_err(failed)?;
        if self.work().join(".gitmodules").exists() {
            let submodules = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"];
            self.git(&submodules).await.map_err(|why| failed(format!("cannot fetch a submodule: {why}")))?;
        }
        Ok(commit.trim().to_owned())
    }

    /// Runs git in the repository. The error is what git said.
    async fn git(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.work()).env_clear().kill_on_drop(true).stdin(Stdio::null());
        for inherited in ["PATH", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.envs(std::env::var_os(inherited).map(|value| (inherited, value)));
        }
        command.env("HOME", self.home()).env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_ASKPASS", "true");
        command.env("GIT_ALLOW_PROTOCOL", "https:http:ssh").env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
        let output = command.output().await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "the agent's machine has no git; install it".to_owned(),
            _ => format!("git does not start: {error}"),
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("git failed and said nothing");
        // Longer than what is clipped elsewhere: the reason stands at its end.
        Err(last.chars().filter(|character| !character.is_control()).take(SAID).collect())
    }

    /// The folder that becomes the root of the tree. It must lie in the repository, links followed.
    fn root(&self, fetch: &GitAddress) -> Result<PathBuf, Failure> {
        let Some(subdirectory) = &fetch.subdirectory else { return Ok(self.work()) };
        let missing = |_| failed(format!("the repository has no folder `{}`", clip(subdirectory)));
        let root = self.work().join(subdirectory).canonicalize().map_err(missing)?;
        let top = self.work().canonicalize().map_err(disk)?;
        if !root.starts_with(&top) || root.starts_with(top.join(".git")) {
            return Err(failed(format!("subdirectory `{}` leaves the repository", clip(subdirectory))));
        }
        if !root.is_dir() {
            return Err(failed(format!("`{}` is not a folder of the repository", clip(subdirectory))));
        }
        Ok(root)
    }
}

/// The repository's configuration. User and password of the address go into a header, so that they stand on no command
/// line of git's own helpers either.
fn configuration(fetch: &GitAddress) -> String {
    let (address, login) = split_login(&fetch.repository);
    let mut text = String::from("[core]\n\trepositoryformatversion = 0\n\tbare = false\n\thooksPath = /dev/null\n");
    text.push_str("\tfsmonitor = false\n\tsymlinks = true\n[protocol \"file\"]\n\tallow = never\n");
    text.push_str("[http]\n\tfollowRedirects = initial\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 60\n");
    if let Some(login) = login {
        let basic = data_encoding::BASE64.encode(percent_decoded(login).as_bytes());
        text.push_str(&format!("\textraHeader = \"Authorization: Basic {basic}\"\n"));
    }
    text.push_str(&format!("[remote \"origin\"]\n\turl = \"{}\"\n", escaped(&address)));
    text
}

/// `https://user:token@host/…` without and with its user.
fn split_login(repository: &str) -> (String, Option<&str>) {
    let split = repository.split_once("://").filter(|(scheme, _)| scheme.starts_with("http"));
    match split.and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (login, host))) if !login.contains('/') => (format!("{scheme}://{host}"), Some(login)),
        _ => (repository.to_owned(), None),
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()))
            .flatten();
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value between quotes in git's configuration format (git-config, "Syntax").
fn escaped(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).fold(String::new(), |mut text, character| {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
        text
    })
}

async fn pack(job: &Job, root: PathBuf) -> Result<acre_model::digest::Digest, Failure> {
    // All of the repository: a build leaves out what its own `.dockerignore` says.
    let options = Options { ignore: acre_tree::Ignore::default(), stat_cache: None, now: SystemTime::now() };
    let packed = acre_tree::pack(root, options).await.map_err(|why| failed(why.to_string()))?;
    for skipped in &packed.skipped {
        job.notice(&format!("warning: `{}` is left out: {}", clip(&skipped.path), skipped.what))?;
    }
    let mut client = BlobsClient::new(job.works().parts.farm.clone());
    let project = job.project().to_string();
    let uploaded = acre_tree::upload(&mut client, &project, &packed.tree, |_| {}).await;
    uploaded.map_err(|why| Outcome::Infrastructure { cause: Cause::Transfer, message: why.to_string() })?;
    Ok(packed.tree.root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stands_in_a_header_and_in_no_address() {
        let fetch = |repository: &str| GitAddress { repository: repository.into(), reference: None, subdirectory: None };
        let text = configuration(&fetch("https://me:to%40ken@host.example/r.git"));
        assert!(text.contains("url = \"https://host.example/r.git\"") && text.contains("Basic bWU6dG9Aa2Vu"), "{text}");
        let text = configuration(&fetch("https://host.example/a\"b\n[core]\n\thooksPath = x"));
        assert!(text.contains("a\\\"b[core]hooksPath") && !text.contains("extraHeader"), "{text}");
        assert_eq!(shown("https://me:secret@host.example/r.git"), "https://host.example/r.git");
    }
}
