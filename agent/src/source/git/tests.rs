//! Against a git server on this machine (`infra/lib/git-server`).

use super::*;
use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A server with the bare repositories of its folder.
struct Server {
    folder: TempDir,
    address: String,
    server: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

impl Server {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/lib/git-server");
        let mut command = Command::new(program);
        let mut server = command.arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { folder, address, server }
    }

    fn url(&self, name: &str) -> String {
        format!("http://{}/{name}.git", self.address)
    }

    /// Commits what `fill` puts into a folder, on top of nothing, and pushes it under these refs of a repository; the
    /// commit.
    fn commit(&self, name: &str, refs: &[&str], fill: impl FnOnce(&Path)) -> String {
        let bare = self.folder.path().join(format!("{name}.git"));
        if !bare.exists() {
            run(self.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", &format!("{name}.git")]);
        }
        let work = TempDir::new().unwrap();
        run(work.path(), &["init", "--quiet", "--initial-branch=work"]);
        fill(work.path());
        run(work.path(), &["add", "--all", "--force"]);
        run(work.path(), &["commit", "--quiet", "--allow-empty", "--message=files"]);
        for name in refs {
            run(work.path(), &["push", "--quiet", "--force", bare.to_str().unwrap(), &format!("HEAD:{name}")]);
        }
        run(work.path(), &["rev-parse", "HEAD"]).trim().to_owned()
    }
}

fn run(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(words).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_ALLOW_PROTOCOL", "http:file");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Test").env(format!("GIT_{role}_EMAIL"), "test@example.com");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn file(name: &'static str, content: &'static str) -> impl FnOnce(&Path) {
    move |folder| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

async fn fetched(repository: &str, reference: Option<&str>, subdirectory: Option<&str>) -> Result<Checkout, String> {
    let own = |text: &str| text.to_owned();
    let address =
        GitAddress { repository: own(repository), reference: reference.map(own), subdirectory: subdirectory.map(own) };
    let folder = TempDir::new().unwrap();
    let fetched = fetch(&Web::default(), &address, folder.path()).await.map_err(|why| why.to_string());
    if fetched.is_err() {
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    }
    // What was fetched removes itself.
    fetched.inspect(|_| drop(folder.keep()))
}

fn read(checkout: &Checkout, name: &str) -> String {
    fs::read_to_string(checkout.root.join(name)).unwrap_or_else(|why| format!("{name}: {why}"))
}

#[tokio::test]
async fn a_commit_is_found_by_each_of_its_names() {
    let server = Server::new();
    let main = server.commit("r", &["refs/heads/main"], file("a", "main"));
    let other = server.commit("r", &["refs/heads/feature/x", "refs/tags/v1"], file("a", "other"));
    let head = server.commit("r", &["refs/pull/7/head"], file("a", "head"));
    let merge = server.commit("r", &["refs/pull/7/merge"], file("a", "merge"));
    let table = [
        (None, &main, "main"),
        (Some("main"), &main, "main"),
        (Some("feature/x"), &other, "other"),
        (Some("v1"), &other, "other"),
        (Some("pull/7/head"), &head, "head"),
        (Some("pull/7/merge"), &merge, "merge"),
        (Some("refs/pull/7/merge"), &merge, "merge"),
        (Some(main.as_str()), &main, "main"),
        (Some(&other[..8]), &other, "other"),
    ];
    for (reference, commit, content) in table {
        let checkout =
            fetched(&server.url("r"), reference, None).await.unwrap_or_else(|why| panic!("{reference:?}: {why}"));
        assert_eq!((&checkout.commit, read(&checkout, "a").as_str()), (commit, content), "{reference:?}");
        let folder = checkout.folder.path().to_owned();
        drop(checkout);
        assert!(!folder.exists());
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_by_its_name() {
    let server = Server::new();
    server.commit("r", &["refs/heads/main"], file("d/a", "x"));
    let (nowhere, short) = ("0123456789".repeat(4), "abcdef12");
    for reference in ["nope", "pull/9/head", nowhere.as_str(), short] {
        let why = fetched(&server.url("r"), Some(reference), None).await.err().unwrap();
        assert_eq!(why, format!("{} has no branch, tag or commit `{reference}`", server.url("r")));
    }
    let why = fetched(&server.url("r"), None, Some("e")).await.err().unwrap();
    assert_eq!(why, "the repository has no folder `e`");
    let why = fetched(&server.url("other").replace("://", "://me:secret@"), None, None).await.err().unwrap();
    assert!(why.contains("there is no such repository") && !why.contains("secret"), "{why}");
}

#[tokio::test]
async fn a_subdirectory_stays_in_the_repository() {
    let server = Server::new();
    server.commit("r", &["refs/heads/main"], |folder| {
        file("d/e/a", "deep")(folder);
        symlink("d/e", folder.join("in")).unwrap();
        symlink("/etc", folder.join("out")).unwrap();
        symlink("../..", folder.join("up")).unwrap();
        symlink(".git", folder.join("own")).unwrap();
    });
    for inside in ["d/e", "in"] {
        let checkout = fetched(&server.url("r"), None, Some(inside)).await.unwrap();
        assert_eq!(read(&checkout, "a"), "deep", "{inside}");
    }
    for outside in ["out", "up", "own", ".git", "../..", "/etc", "d/../.."] {
        let why = fetched(&server.url("r"), None, Some(outside)).await.err().unwrap();
        assert_eq!(why, format!("subdirectory `{outside}` leaves the repository"));
    }
    let why = fetched(&server.url("r"), None, Some("d/e/a")).await.err().unwrap();
    assert_eq!(why, "subdirectory `d/e/a` is not a folder of the repository");
}

/// A repository with these submodules: name and address, at the commit of another repository.
fn with_submodules(server: &Server, name: &str, modules: &[(&str, String, &str)]) {
    server.commit(name, &["refs/heads/main"], |folder| {
        let text =
            modules.iter().map(|(name, url, _)| format!("[submodule \"{name}\"]\n\tpath = {name}\n\turl = {url}\n"));
        fs::write(folder.join(".gitmodules"), text.collect::<String>()).unwrap();
        for (name, _, commit) in modules {
            run(folder, &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{name}")]);
        }
        // What is added afterwards must not take them out again.
        modules.iter().for_each(|(name, ..)| fs::create_dir(folder.join(name)).unwrap());
    });
}

#[tokio::test]
async fn submodules_come_along_with_theirs() {
    let server = Server::new();
    let inner = server.commit("inner", &["refs/heads/main"], file("i", "inner"));
    with_submodules(&server, "middle", &[("in", server.url("inner"), &inner)]);
    let middle = run(&server.folder.path().join("middle.git"), &["rev-parse", "main"]).trim().to_owned();
    with_submodules(
        &server,
        "outer",
        &[("mid", server.url("middle"), &middle), ("rel", "../inner.git".to_owned(), &inner)],
    );
    let checkout = fetched(&server.url("outer"), None, None).await.unwrap();
    assert_eq!((read(&checkout, "mid/in/i").as_str(), read(&checkout, "rel/i").as_str()), ("inner", "inner"));
}

#[tokio::test]
async fn a_submodule_is_fetched_from_no_file_and_no_place_that_is_closed() {
    let server = Server::new();
    let commit = server.commit("inner", &["refs/heads/main"], file("i", "inner"));
    let bare = server.folder.path().join("inner.git").display().to_string();
    let table = [
        (format!("file://{bare}"), "not from files"),
        (bare.clone(), "not from files"),
        ("ext::sh -c touch% /tmp/x".to_owned(), "submodule"),
        ("http://169.254.169.254/r.git".to_owned(), "not fetched from"),
        ("http://10.0.0.1/r.git".to_owned(), "write https://"),
        ("--upload-pack=touch".to_owned(), "submodule"),
    ];
    for (number, (url, expected)) in table.into_iter().enumerate() {
        let name = format!("outer{number}");
        with_submodules(&server, &name, &[("m", url.clone(), &commit)]);
        let why = fetched(&server.url(&name), None, None).await.err().unwrap_or_else(|| panic!("{url} is fetched"));
        assert!(why.contains(expected), "{url}: {why}");
    }
}

#[tokio::test]
async fn redirects_are_judged_before_git_follows() {
    use acre_web::served::{Served, response};
    let server = Server::new();
    server.commit("r", &["refs/heads/main"], file("a", "x"));
    let target = server.url("r");
    let served = Served::answering(move |head, _| {
        let path = head.split(' ').nth(1).unwrap();
        let to = match path.split('/').nth(1).unwrap() {
            "good.git" => path.replace("/good.git", &target),
            _ => path.replace("/keys.git", "http://169.254.169.254/r.git"),
        };
        response("302 Found", &format!("Location: {to}\r\n"), b"")
    })
    .await;
    let checkout = fetched(&served.url("/good.git"), None, None).await.unwrap();
    assert_eq!(read(&checkout, "a"), "x");
    let why = fetched(&served.url("/keys.git"), None, None).await.err().unwrap();
    assert!(why.contains("169.254.169.254, which sources are not fetched from"), "{why}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let served = acre_web::served::Served::silent().await;
    let address = GitAddress { repository: served.url("/r.git"), reference: None, subdirectory: None };
    let web = Web::impatient(std::time::Duration::from_millis(100));
    let folder = TempDir::new().unwrap();
    let why = fetch(&web, &address, folder.path()).await.err().unwrap().to_string();
    assert!(why.contains("does not answer in time"), "{why}");
}

#[tokio::test]
async fn an_address_that_is_none_of_a_repository_is_refused() {
    for address in ["file:///etc", "ext::sh -c true", "ssh://-oProxyCommand=x/r", "-x", "/etc", "git://127.0.0.1/r.git"]
    {
        assert!(fetched(address, None, None).await.is_err(), "{address}");
    }
}
