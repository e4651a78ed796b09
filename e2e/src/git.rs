//! Git repositories, and `infra/lib/git-server`, which serves them over HTTP.

use crate::{program::Running, source::Source};
use serde_json::Value;
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// A server with one repository, `repo.git`. It ends when this is dropped.
pub struct GitServer {
    folder: TempDir,
    address: String,
    _server: Running,
}

impl GitServer {
    /// Serves an empty repository.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        git(folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "repo.git"]);
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/lib/git-server");
        let mut command = Command::new(program);
        command.arg(folder.path());
        let mut server = Running::start(command);
        let said = server.wait_for("\n");
        let address = said.trim().strip_prefix("listening on ").expect("it says where").to_owned();
        Self { folder, address, _server: server }
    }

    /// Commits these files, and no others, to a branch; the commit.
    pub fn commit(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let work = Source::new(files);
        git(work.path(), &["init", "--quiet", "--initial-branch=work"]);
        git(work.path(), &["add", "--all", "--force"]);
        self.push(&work, branch)
    }

    /// Commits what is added in a repository, and puts it on a branch; the commit.
    fn push(&self, work: &Source, branch: &str) -> String {
        let repository = self.folder.path().join("repo.git");
        let repository = repository.to_str().expect("temporary folders have plain names");
        git(work.path(), &["commit", "--quiet", "--message=files"]);
        git(work.path(), &["push", "--quiet", "--force", repository, &format!("work:refs/heads/{branch}")]);
        git(work.path(), &["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Commits these files, and no others, under any reference, such as `refs/pull/7/head`; the commit.
    pub fn commit_to(&self, reference: &str, files: &[(&str, &str)]) -> String {
        let commit = self.commit("passing", files);
        let repository = self.folder.path().join("repo.git");
        git(&repository, &["update-ref", reference, &commit]);
        git(&repository, &["update-ref", "-d", "refs/heads/passing"]);
        commit
    }

    /// Commits these files and a submodule at a folder to a branch; the commit.
    pub fn commit_submodule(&self, branch: &str, files: &[(&str, &str)], folder: &str, url: &str) -> String {
        let modules = format!("[submodule \"{folder}\"]\n\tpath = {folder}\n\turl = {url}\n");
        let work = Source::new(files);
        work.write(".gitmodules", &modules);
        let commit = git(work.path(), &["ls-remote", url, "refs/heads/main"]);
        let commit = commit.split_whitespace().next().expect("it has a branch `main`").to_owned();
        git(work.path(), &["init", "--quiet", "--initial-branch=work"]);
        git(work.path(), &["add", "--all", "--force"]);
        git(work.path(), &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{folder}")]);
        self.push(&work, branch)
    }

    /// From now on nobody without this `user:password` is answered.
    pub fn ask_for_login(&self, login: &str) {
        std::fs::write(self.folder.path().join("login"), login).expect("a file can be written");
    }

    /// The address of the repository under a name with an owner, as hosts have it: `/team/repo.git`.
    pub fn url_with_owner(&self) -> String {
        let owner = self.folder.path().join("team");
        if !owner.exists() {
            std::os::unix::fs::symlink(".", owner).expect("a link can be made");
        }
        format!("http://{}/team/repo.git", self.address)
    }

    /// From now on answers so whoever tells it of a commit's status.
    pub fn answers_statuses_with(&self, status: u16) {
        let (half_done, answer) = (self.folder.path().join("answer.new"), self.folder.path().join("answer"));
        fs::write(&half_done, status.to_string()).expect("a file can be written");
        fs::rename(half_done, answer).expect("a file can be moved");
    }

    /// What it was told of commits, in order: `path`, `authorization`, `body`, and the `status` that it answered.
    pub fn told(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.folder.path().join("told")).unwrap_or_default();
        // The last line may be half there.
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The address of the repository, without a reference.
    pub fn url(&self) -> String {
        format!("http://{}/repo.git", self.address)
    }
}

impl Default for GitServer {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs git, without the user's configuration, in a folder; what it prints.
fn git(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(words).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Test").env(format!("GIT_{role}_EMAIL"), "test@example.com");
    }
    let output = Running::start(command).end();
    assert_eq!(output.code, 0, "{output}");
    output.stdout
}
