//! From a submission to a plan: reads what the task language asks for out of the blobs, once.

mod facts;
mod files;

use crate::{
    blobs::Blobs,
    farm::{self, AliasFiles, RunRecord},
    secrets::Secrets,
    store,
};
use acre_model::{
    ids::RunId,
    plan::{Fetch, Plan, ResolvedSource},
    secret::Nonce,
    submission::{NamedText, Source, Submission, TaskSource},
    text::clip,
    time::Timestamp,
};
use acre_task::{Class, Diagnostics, Input, Presets};
use bytes::Bytes;
use files::TreeFiles;
use std::sync::Arc;

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
    /// The task as a person would name it.
    pub task_shown: String,
    /// Where it leads.
    pub to: To,
}

/// What compiling leads to.
pub enum To {
    /// The whole plan.
    Plan(Plan),
    /// Files of aliases at these addresses, which are to be fetched before.
    Aliases(Vec<String>),
}

/// What the task of a run becomes once what it was compiled from has been fetched.
#[derive(Debug)]
pub struct Ready {
    /// The run's next plan.
    pub compiled: farm::Compiled,
    /// What goes under the run's place in the store; `None`: nothing new.
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
        aliases: AliasFiles,
    ) -> Result<Compiled, NotCompiled> {
        let Self { blobs, presets } = self.clone();
        let tree = resolved.as_ref().and_then(|source| source.tree);
        let files = TreeFiles::new(blobs, tree, aliases);
        let work = move || compile_with(&submission, known, resolved.as_ref(), &files, &presets);
        tokio::task::spawn_blocking(work).await.map_err(|died| NotCompiled::Farm(died.to_string()))?
    }

    /// Compiles the task of a run for which all has been fetched that is known to be needed, finds its secrets, and
    /// stores the plan. The error is for the run's record.
    pub async fn fetched(&self, record: &RunRecord, secrets: &Secrets) -> Result<Ready, String> {
        let submission = Arc::new(stored_submission(record, &self.blobs).await?);
        let (run, submitted_at, nonce) = (record.id.clone(), record.submitted_at, record.nonce.clone());
        let known = Known { run, submitted_at, nonce };
        let work = self.compile(submission.clone(), known, record.resolved.clone(), record.aliases.clone());
        let plan = match work.await.map_err(told)?.to {
            To::Plan(plan) => plan,
            To::Aliases(addresses) => {
                let plan = Arc::new(first_plan(&submission, &addresses).map_err(told)?);
                return Ok(Ready { compiled: farm::Compiled::AliasesFirst { addresses, plan }, sealed: None });
            }
        };
        let given = secrets.stored_given(&record.id).await.map_err(told)?;
        let confidential = secrets.resolve(&record.project, &plan, given).await.map_err(told)?;
        let digest = self.blobs.put_bytes(store::encode(&plan)).await.map_err(told)?;
        let sealed = secrets.seal_resolved(&record.id, confidential, &plan);
        Ok(Ready { compiled: farm::Compiled::Whole { plan: Arc::new(plan), digest }, sealed })
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
    let addresses = acre_task::alias_addresses(&task);
    if !files.has_aliases(&addresses) {
        return Ok(Compiled { task_shown: task.name, to: To::Aliases(addresses) });
    }
    let fetch = fetch(submission)?;
    let facts = facts::facts(known, &submission.origin, resolved, fetch.as_ref());
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
        has_tree: files.has_tree(),
        source: fetch.as_ref(),
    };
    let mut plan = acre_task::compile(&input)?.plan;
    if let Some(narrowing) = &submission.narrowing {
        // Where that would lose an image, all of them are built.
        plan = acre_task::plan::narrow(&plan, narrowing).unwrap_or(plan);
    }
    if submission.origin.task.is_some() {
        acre_task::plan::pull_bases(&mut plan);
    }
    if submission.allow_partial {
        acre_task::plan::allow_partial(&mut plan);
    }
    if submission.leave_images {
        acre_task::plan::leave_images(&mut plan);
    }
    Ok(Compiled { task_shown: task.name, to: To::Plan(plan) })
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

/// The plan of a run whose task cannot be compiled yet: its source is fetched, where that is an address, and the files
/// of aliases at these addresses.
pub fn first_plan(submission: &Submission, aliases: &[String]) -> Result<Plan, NotCompiled> {
    Ok(acre_task::plan::first_plan(fetch(submission)?.as_ref(), aliases))
}

/// The same of a stored run.
pub async fn stored_first_plan(record: &RunRecord, blobs: &Blobs) -> Result<Plan, String> {
    let submission = stored_submission(record, blobs).await?;
    first_plan(&submission, &record.aliases.addresses).map_err(told)
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
