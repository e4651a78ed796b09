//! From a submission to a plan: reads what the task language asks for out of the blobs, once.

use crate::{blobs::Blobs, farm::RunRecord, secrets::Secrets, store};
use acre_model::{
    digest::Digest,
    ids::RunId,
    plan::{Fetch, Plan, ResolvedSource},
    secret::Nonce,
    submission::{NamedText, Source, Submission, TaskSource},
    text::clip,
    time::Timestamp,
    tree::Directory,
};
use acre_task::{
    Class, Diagnostics, Files, Input, Presets, RunFacts,
    find::{Found, find},
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The largest file of the tree that compiling reads, in bytes: Dockerfiles.
const FILE_LIMIT: u64 = 10 * 1024 * 1024;

/// Why a submission does not compile, as text for its author.
#[derive(Debug, thiserror::Error)]
pub enum NotCompiled {
    /// The author's fault.
    #[error("{0}")]
    Faults(String),
    /// Larger than a task may be.
    #[error("{0}")]
    TooLarge(String),
    /// The source lacks what the task names.
    #[error("{0}")]
    Missing(String),
    /// The farm's fault.
    #[error("the task could not be compiled: {0}")]
    Farm(String),
}

impl From<Diagnostics> for NotCompiled {
    fn from(faults: Diagnostics) -> Self {
        let text = faults.to_string();
        match faults.class() {
            Class::Invalid => Self::Faults(text),
            Class::TooLarge => Self::TooLarge(text),
            Class::Missing => Self::Missing(text),
        }
    }
}

/// What is known of a run before it is compiled, and is the same whenever it is compiled again.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id.
    pub run: RunId,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Of the tokens of its secrets.
    pub nonce: Nonce,
}

/// The parts of a run that compiling adds.
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// The task as a person would name it.
    pub task_shown: String,
}

/// What a fetched source's task becomes: the plan, stored, and what the run keeps secret, sealed.
#[derive(Debug)]
pub struct Ready {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its blob.
    pub digest: Digest,
    /// What goes under the run's place in the store; `None`: nothing.
    pub sealed: Option<Bytes>,
}

/// Compiles the tasks of a farm.
#[derive(Clone)]
pub struct Compiler {
    blobs: Blobs,
    presets: Arc<Presets>,
}

impl Compiler {
    /// For tasks whose files are in these blobs, on a farm whose presets stand for these images.
    pub fn new(blobs: Blobs, presets: Presets) -> Self {
        Self { blobs, presets: Arc::new(presets) }
    }

    /// Compiles a submission whose source needs no fetching, or whose source has been fetched.
    pub async fn compile(
        &self,
        submission: Arc<Submission>,
        known: Known,
        resolved: Option<ResolvedSource>,
    ) -> Result<Compiled, NotCompiled> {
        let (Self { blobs, presets }, runtime) = (self.clone(), Handle::current());
        let work = move || {
            let tree = resolved.as_ref().and_then(|source| source.tree);
            let files = TreeFiles { blobs, runtime, root: tree };
            compile_with(&submission, known, resolved.as_ref(), &files, &presets)
        };
        tokio::task::spawn_blocking(work).await.map_err(|died| NotCompiled::Farm(died.to_string()))?
    }

    /// Compiles the task of a run whose source has been fetched, finds its secrets, and stores the plan. The error is
    /// for the run's record.
    pub async fn fetched(&self, record: &RunRecord, secrets: &Secrets) -> Result<Ready, String> {
        let submission = Arc::new(stored_submission(record, &self.blobs).await?);
        let (run, submitted_at, nonce) = (record.id.clone(), record.submitted_at, record.nonce.clone());
        let (known, resolved) = (Known { run, submitted_at, nonce }, record.resolved.clone());
        let Compiled { plan, .. } = self.compile(submission, known, resolved).await.map_err(told)?;
        let given = secrets.stored_given(&record.id).await.map_err(told)?;
        let confidential = secrets.resolve(&record.project, &plan, given).await.map_err(told)?;
        let digest = self.blobs.put_bytes(store::encode(&plan)).await.map_err(told)?;
        let sealed = secrets.seal_resolved(&record.id, confidential, &plan);
        Ok(Ready { plan: Arc::new(plan), digest, sealed })
    }
}

fn compile_with(
    submission: &Submission,
    known: Known,
    resolved: Option<&ResolvedSource>,
    files: &TreeFiles,
    presets: &Presets,
) -> Result<Compiled, NotCompiled> {
    let task = task_text(submission, files)?;
    let fetch = fetch(submission)?;
    let (branch, git_tag) = resolved.and_then(|source| source.reference.as_deref()).map_or((None, None), branch_or_tag);
    let facts = RunFacts {
        id: known.run,
        now: known.submitted_at,
        commit: resolved.and_then(|source| source.commit.clone()),
        branch,
        repository: fetch.as_ref().and_then(repository),
        git_tag,
        triggered_by: "Manual".to_owned(),
        task_name: None,
        nonce: known.nonce,
    };
    let input = Input {
        file: &task.name,
        text: &task.text,
        values: &submission.values,
        sets: &submission.sets,
        secret_sets: &submission.secret_sets,
        platforms: &submission.platforms,
        registry: submission.registry.as_deref(),
        facts: &facts,
        presets,
        files,
        has_tree: files.root.is_some(),
        source: fetch.as_ref(),
    };
    let mut plan = acre_task::compile(&input)?.plan;
    if submission.allow_partial {
        acre_task::plan::allow_partial(&mut plan);
    }
    Ok(Compiled { plan, task_shown: task.name })
}

/// What a ref that was asked for is to a template: a branch or a tag. One that says neither of itself is taken for a
/// branch, as in ACR; a pull request or a commit is neither.
fn branch_or_tag(reference: &str) -> (Option<String>, Option<String>) {
    let commit = reference.len() == 40 && reference.bytes().all(|b| b.is_ascii_hexdigit());
    let (name, is_tag) = match reference.strip_prefix("refs/tags/") {
        Some(name) => (name, true),
        None => (reference.strip_prefix("refs/heads/").unwrap_or(reference), false),
    };
    match name {
        _ if commit || name.starts_with("pull/") || name.starts_with("refs/") => (None, None),
        name if is_tag => (None, Some(name.to_owned())),
        name => (Some(name.to_owned()), None),
    }
}

/// The repository of a source, without its secrets.
fn repository(fetch: &Fetch) -> Option<String> {
    match fetch {
        Fetch::Git(git) => Some(acre_task::address::shown(&git.repository)),
        Fetch::Tar(_) | Fetch::Oci(_) => None,
    }
}

/// The address of a submission, taken apart.
fn fetch(submission: &Submission) -> Result<Option<Fetch>, NotCompiled> {
    match &submission.source {
        Source::Address(address) => {
            let parsed = acre_task::address::parse_sealed(address);
            parsed.map(Some).map_err(|why| NotCompiled::Faults(why.to_string()))
        }
        Source::None | Source::Tree(_) => Ok(None),
    }
}

/// The plan of a run whose source is not fetched yet: the source unit.
pub fn source_plan(submission: &Submission) -> Result<Plan, NotCompiled> {
    let fetch = fetch(submission)?.ok_or_else(|| NotCompiled::Farm("the source needs no fetching".to_owned()))?;
    Ok(acre_task::source_plan(&fetch))
}

/// The plan of a stored run whose source is not fetched yet.
pub async fn source_only(record: &RunRecord, blobs: &Blobs) -> Result<Plan, String> {
    let submission = stored_submission(record, blobs).await?;
    source_plan(&submission).map_err(|why| why.to_string())
}

async fn stored_submission(record: &RunRecord, blobs: &Blobs) -> Result<Submission, String> {
    let bytes = blobs.get_bytes(&record.submission).await.map_err(|why| why.to_string())?;
    store::decode(&bytes).map_err(|why| format!("its submission {}: {why}", record.submission))
}

fn told(why: impl ToString) -> String {
    why.to_string()
}

/// The task's text: what came with the submission, or a file of its tree.
fn task_text(submission: &Submission, files: &TreeFiles) -> Result<NamedText, NotCompiled> {
    let name = match &submission.task {
        TaskSource::Text(text) => return Ok(text.clone()),
        TaskSource::File(name) => name.as_deref(),
    };
    let tried: Vec<&str> = name.map_or_else(|| acre_task::DEFAULT_NAMES.to_vec(), |name| vec![name]);
    for name in &tried {
        if let Some(bytes) = files.load(name, acre_task::TASK_SIZE as u64)? {
            let text = acre_task::read(name, &bytes)?.to_owned();
            return Ok(NamedText { name: (*name).to_owned(), text });
        }
    }
    let tried: Vec<String> = tried.iter().map(|name| format!("`{}`", clip(name))).collect();
    Err(NotCompiled::Faults(format!("no task file {} in the source; it has: {}", tried.join(", "), files.names())))
}

/// Files of a tree, read out of the blobs on a thread that may block.
struct TreeFiles {
    blobs: Blobs,
    runtime: Handle,
    root: Option<Digest>,
}

impl TreeFiles {
    fn directory(&self, digest: &Digest) -> Result<Directory, NotCompiled> {
        let farm = |why: String| NotCompiled::Farm(why);
        let bytes = self.runtime.block_on(self.blobs.get_bytes(digest)).map_err(|why| farm(why.to_string()))?;
        acre_proto::tree::decode_directory(&bytes).map_err(|why| farm(why.to_string()))
    }

    /// What is at a path.
    fn find(&self, path: &str) -> Result<Option<Found>, NotCompiled> {
        let Some(root) = self.root else { return Ok(None) };
        find(self.directory(&root)?, path, |digest| self.directory(digest).map(Some))
    }

    /// The bytes at a path; `None` if there is no file.
    fn load(&self, path: &str, limit: u64) -> Result<Option<Bytes>, NotCompiled> {
        match self.find(path)? {
            Some(Found::File { size, .. }) if size > limit => {
                let shown = size.div_ceil(1024 * 1024);
                Err(NotCompiled::TooLarge(format!(
                    "{} has {shown} MiB; limit {} MiB",
                    clip(path),
                    limit / (1024 * 1024)
                )))
            }
            Some(Found::File { digest, .. }) => {
                let bytes = self.runtime.block_on(self.blobs.get_bytes(&digest));
                bytes.map(Some).map_err(|why| NotCompiled::Farm(why.to_string()))
            }
            Some(Found::Directory(_)) | None => Ok(None),
        }
    }

    /// Some names of the root, for a message.
    fn names(&self) -> String {
        const SHOWN: usize = 10;
        let Some(root) = self.root else { return "nothing (no source was given)".to_owned() };
        let Ok(directory) = self.directory(&root) else { return "nothing readable".to_owned() };
        let mut names: Vec<String> = directory.entries().iter().take(SHOWN).map(|entry| clip(&entry.name)).collect();
        if directory.entries().len() > SHOWN {
            names.push(format!("and {} more", directory.entries().len() - SHOWN));
        }
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }
}

impl Files for TreeFiles {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.load(path, FILE_LIMIT).ok().flatten().map(Into::into)
    }

    fn list(&self, folder: &str) -> Option<Vec<String>> {
        Some(match self.find(folder).ok()? {
            Some(Found::Directory(directory)) => directory.entries().iter().map(|entry| entry.name.clone()).collect(),
            Some(Found::File { .. }) | None => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_is_a_branch_or_a_tag() {
        let commit = "c".repeat(40);
        let table = [
            ("main", Some("main"), None),
            ("refs/heads/a/b", Some("a/b"), None),
            ("refs/tags/v1", None, Some("v1")),
            ("pull/7/head", None, None),
            ("refs/pull/7/head", None, None),
            (commit.as_str(), None, None),
        ];
        for (reference, branch, tag) in table {
            let found = branch_or_tag(reference);
            assert_eq!((found.0.as_deref(), found.1.as_deref()), (branch, tag), "{reference}");
        }
    }
}
