//! A desk: a farm whose clock stands still, and `acre` in an environment of its own.

use acre_e2e::program::{Running, binary};
use acre_model::{
    digest::Digest,
    ids::{RunId, TaskName},
    origin::{Origin, Start},
    report::ImageName,
    run::{RunStatus, RunView},
    time::Timestamp,
};
use acre_scheduler::{
    Config, Parts,
    farm::{Mono, Now},
    parts::{Clock, Random},
    secrets::SecretKey,
    store::{self, Change, Embedded, Store, Transaction, keys},
};
use futures::future::BoxFuture;
use object_store::local::LocalFileSystem;
use regex::Regex;
use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{net::UnixListener, runtime::Runtime, sync::oneshot};
use tokio_util::sync::CancellationToken;

/// A Saturday: 2026-11-28T09:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_856_400_000);
/// Nothing takes longer to begin.
const LIMIT: Duration = Duration::from_secs(60);

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        Now { wall: NOW, mono: Mono(0) }
    }

    fn sleep_until(&self, at: Mono) -> BoxFuture<'static, ()> {
        match at {
            Mono(0) => Box::pin(std::future::ready(())),
            _ => Box::pin(std::future::pending()),
        }
    }
}

/// What anybody can foresee.
struct Foreseen;

impl Random for Foreseen {
    fn draw(&self) -> [u8; 32] {
        [7; 32]
    }
}

/// A farm and a home.
pub(crate) struct Desk {
    folder: TempDir,
    shutdown: CancellationToken,
    runtime: Option<Runtime>,
}

impl Desk {
    /// A new farm.
    pub(crate) fn new() -> Self {
        Self::with(Vec::new())
    }

    /// A farm in whose store these records are.
    pub(crate) fn with(records: Vec<(String, bytes::Bytes)>) -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            shutdown: CancellationToken::new(),
            runtime: Some(Runtime::new().unwrap()),
        };
        let runtime = desk.runtime.as_ref().unwrap();
        runtime.block_on(async { tokio::time::timeout(LIMIT, desk.serve(records)).await.expect("the farm begins") });
        desk
    }

    async fn serve(&self, records: Vec<(String, bytes::Bytes)>) {
        let folder = self.folder.path().to_owned();
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&folder.join("farm.redb")).unwrap());
        store.lead().await.unwrap();
        let changes = records.into_iter().map(|(key, record)| Change::Put(key, record));
        store.commit(Transaction::of(changes.collect())).await.unwrap();
        let parts = Parts {
            store,
            objects: Arc::new(LocalFileSystem::new_with_prefix(&folder).unwrap()),
            clock: Arc::new(Still),
            key: SecretKey::load_or_make(&folder.join("secret.key"), &Foreseen).unwrap(),
            random: Arc::new(Foreseen),
            authority: None,
            vault: None,
            mailer: None,
            identity: 7,
            hooks: None,
            metrics: None,
            spans: None,
        };
        let listener = acre_scheduler::listen::here(UnixListener::bind(folder.join("farm.sock")).unwrap());
        let (tell, ready) = oneshot::channel();
        let stop = self.shutdown.clone();
        tokio::spawn(async move {
            acre_scheduler::run(Config::new(folder), parts, listener, || tell.send(()).unwrap(), stop).await.unwrap();
        });
        ready.await.unwrap();
    }

    /// A path in the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the home.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// What a person sees who types these lines, each without `acre` in front: what is said, and the exit code where it
    /// is not 0. Behind ` < ` stands a file for standard input.
    pub(crate) fn types(&self, lines: &[&str]) -> String {
        lines.iter().map(|line| self.types_one(line)).collect::<Vec<_>>().join("\n")
    }

    fn types_one(&self, line: &str) -> String {
        let (words, input) = match line.split_once(" < ") {
            Some((words, file)) => (words, std::fs::read_to_string(self.path(file)).unwrap()),
            None => (line, String::new()),
        };
        let words = shlex::split(words).unwrap_or_else(|| panic!("{line}"));
        let output = Running::start_with(self.command(&words), &input).end();
        let code = if output.code == 0 { String::new() } else { format!("[exit code {}]\n", output.code) };
        format!("$ acre {line}\n{}{}{code}", stable(&output.stdout), stable(&output.stderr))
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(binary("acre"));
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("ACRE_HOME", self.folder.path())
            .env("TOKEN", "s3cret-of-the-environment")
            .env("ACRE_FARM", format!("unix:{}", self.path("farm.sock").display()));
        command
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What is said without what differs from time to time: how long ago something was. Secrets are not kept either.
fn stable(text: &str) -> String {
    assert!(!text.contains("s3cret"), "{text}");
    let text = Regex::new(r"\d+[smhd] ago").unwrap().replace_all(text, "a while ago");
    Regex::new(r"\b[0-9a-f]{64}$")
        .unwrap()
        .replace_all(&text, "64 digits")
        .replace("07".repeat(32).as_str(), "64 digits")
}

/// A digest of one letter.
pub(crate) fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

/// The id of a run that was handed in so many minutes ago.
pub(crate) fn run_id(minutes: u64) -> RunId {
    RunId::new(NOW.as_millis() / 1000 - minutes * 60, 7, 0)
}

/// A run of a task that was handed in so many minutes ago, took 90 seconds, and ended so; it built `image`.
pub(crate) fn ended(task: &str, minutes: u64, status: RunStatus, image: Option<(&str, char)>) -> RunView {
    let submitted_at = Timestamp::from_millis(NOW.as_millis() - minutes * 60_000);
    let named = |(image, letter): (&str, char)| ImageName::new(&image.parse().unwrap(), Some(digest(letter)), None);
    RunView {
        id: run_id(minutes),
        project: Default::default(),
        status,
        error: (status == RunStatus::Failed).then(|| "build@linux/amd64: the command exited with code 7".to_owned()),
        source: "https://git.example/team/web.git#main".to_owned(),
        task: "acb.yaml".to_owned(),
        origin: Origin { task: Some(task.parse::<TaskName>().unwrap()), cause: Start::Manual },
        platforms: vec!["linux/amd64".parse().unwrap()],
        submitted_at,
        started_at: Some(submitted_at.plus_millis(1000)),
        ended_at: Some(submitted_at.plus_millis(91_000)),
        report: None,
        output_images: image.map(named).into_iter().collect(),
        trace: None,
        is_archive_enabled: false,
        tree: None,
        warnings: Vec::new(),
        units: Vec::new(),
    }
}

/// The record of a run that has ended.
pub(crate) fn record(run: &RunView) -> (String, bytes::Bytes) {
    (keys::ended(&run.project, &run.id), store::encode(run))
}
