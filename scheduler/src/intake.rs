//! The way of every submission into the farm, whoever hands it in: compiled as far as it can be, its secrets sealed, its
//! texts stored, the run given to the driver.

use crate::{
    blobs::{BlobError, Blobs, digest_of},
    compile::{self, Compiled, Compiler, Known, NotCompiled, To},
    driver::{Handed, Handle, IdempotencyKey, Refused},
    farm::{AliasFiles, NewRun},
    parts::{Clock, Ids, Random},
    secrets::{Secrets, SecretsError, Unresolved},
    store::{self, keys},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, RunId},
    plan::{Plan, ResolvedSource},
    run::RunView,
    secret::{Confidential, Nonce},
    submission::{Source, Submission, TaskSource},
    trace::{RunTrace, TraceId, TraceParent},
};
use acre_task::address::{self, BadAddress, Sealed};
use bytes::Bytes;
use std::{path::PathBuf, sync::Arc};

/// Below this, no run is accepted: its logs would have no room. In bytes.
const ROOM: u64 = 64 * 1024 * 1024;

/// Takes submissions in.
#[derive(Clone)]
pub struct Intake {
    /// Asks the driver.
    pub driver: Handle,
    /// Blobs.
    pub blobs: Blobs,
    /// What makes plans of tasks.
    pub compiler: Compiler,
    /// What is kept secret.
    pub secrets: Arc<Secrets>,
    /// Ids of runs.
    pub ids: Arc<Ids>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Random numbers for the traces of runs that nobody traces yet; `None`: they are not traced.
    pub traced: Option<Arc<dyn Random>>,
    /// Where data lies, to refuse work before its disk is full.
    pub data: PathBuf,
}

/// What became of a submission.
pub enum Accepted {
    /// The run as it was stored, now or earlier under the same key.
    Live(Box<RunView>),
    /// It was handed in earlier under the same key, and has ended.
    Ended(ProjectName, RunId),
}

impl Accepted {
    /// Which run it is.
    pub fn run(self) -> RunId {
        match self {
            Self::Live(view) => view.id,
            Self::Ended(_, run) => run,
        }
    }
}

/// Why a submission is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// There is no room for what it would leave.
    #[error("no run is accepted: {}", .0)]
    NoRoom(String),
    /// Its source is no address.
    #[error("source: {0}")]
    Address(#[from] BadAddress),
    /// Its source is not there.
    #[error("source: tree {0} is not stored; put it first")]
    NoTree(Digest),
    /// Its task does not compile.
    #[error(transparent)]
    NotCompiled(#[from] NotCompiled),
    /// Its secrets are not to be had.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// What came with it is against the rules, or what is stored cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// It cannot be stored.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The driver does not take it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// What is planned of a run when it is handed in.
struct Planned {
    task_shown: String,
    resolved: Option<ResolvedSource>,
    /// Addresses of files of aliases, which are fetched first.
    aliases: Vec<String>,
    plan: Plan,
    /// It is not only what is fetched first.
    is_whole: bool,
    sealed: Option<Bytes>,
}

impl Intake {
    /// Compiles what can be compiled now, finds its secrets, stores texts and plan, and hands the run to the driver. It is
    /// part of what `parent` names, if that is traced.
    pub async fn accept(
        &self,
        submission: Submission,
        given: Confidential,
        parent: Option<TraceParent>,
    ) -> Result<Accepted, Rejected> {
        self.check_room()?;
        let encoded = store::encode(&submission);
        let key = submission.idempotency_key.as_ref().map(|key| IdempotencyKey {
            stored_under: keys::idempotency(&submission.project, &digest_of(key.as_bytes()).hex()),
            body: self.secrets.fingerprint(&encoded, &given),
        });
        let given = self.secrets.given(&submission.project, given).await?;
        let now = self.clock.now().wall;
        let known = Known { run: self.ids.next(now), submitted_at: now, nonce: self.secrets.nonce() };
        let project = submission.project.clone();
        let (submission, given) = with_sealed_address(submission, given, &known.nonce)?;
        let (run, sealed) = self.new_run(submission, given, known).await?;
        let run = NewRun { trace: parent.map(RunTrace::from).or_else(|| self.new_trace()), ..run };
        Ok(match self.driver.submit(run, sealed, key).await? {
            Handed { view: Some(view), .. } => Accepted::Live(Box::new(view)),
            Handed { run, view: None } => Accepted::Ended(project, run),
        })
    }

    fn new_trace(&self) -> Option<RunTrace> {
        let drawn = self.traced.as_ref()?.draw();
        let id = TraceId::new(std::array::from_fn(|index| drawn[index]))?;
        Some(RunTrace { id, parent: None, sampled: true })
    }

    /// A run as the driver takes it, and what it keeps secret.
    async fn new_run(
        &self,
        submission: Submission,
        given: Confidential,
        known: Known,
    ) -> Result<(NewRun, Option<Bytes>), Rejected> {
        let submission = Arc::new(submission);
        let planned = self.plan(&submission, given, &known).await?;
        let Planned { task_shown, resolved, aliases, plan, is_whole, sealed } = planned;
        let plan_digest = match is_whole {
            true => Some(self.blobs.put_bytes(store::encode(&plan)).await?),
            false => None,
        };
        let run = NewRun {
            id: known.run,
            project: submission.project.clone(),
            submission: self.blobs.put_bytes(store::encode(&*submission)).await?,
            source_shown: submission.source_shown.clone(),
            task_shown,
            origin: submission.origin.clone(),
            cancel_superseded: submission.cancel_superseded,
            pool: submission.pool.clone(),
            emulation: submission.emulation,
            timeout_ms: submission.timeout_ms,
            nonce: known.nonce,
            trace: None,
            resolved,
            aliases,
            plan: Arc::new(plan),
            plan_digest,
        };
        Ok((run, sealed))
    }

    /// What can be planned now: all of the run, or what is fetched before its task is compiled.
    async fn plan(
        &self,
        submission: &Arc<Submission>,
        given: Confidential,
        known: &Known,
    ) -> Result<Planned, Rejected> {
        if let Source::Address(_) = &submission.source {
            let (task_shown, aliases) = match &submission.task {
                TaskSource::Text(text) => (text.name.clone(), acre_task::alias_addresses(text)),
                TaskSource::File(name) => {
                    (name.clone().unwrap_or_else(|| acre_task::DEFAULT_NAMES[0].to_owned()), Vec::new())
                }
            };
            return self.first(submission, &given, known, (task_shown, None, aliases));
        }
        let tree = self.stored_tree(&submission.source).await?;
        let resolved = Some(ResolvedSource { tree, commit: None, reference: None });
        let work = self.compiler.compile(submission.clone(), known.clone(), resolved.clone(), AliasFiles::default());
        let Compiled { task_shown, to } = work.await?;
        let plan = match to {
            To::Plan(plan) => plan,
            To::Aliases(aliases) => return self.first(submission, &given, known, (task_shown, resolved, aliases)),
        };
        let confidential = self.secrets.resolve(&submission.project, &plan, given).await?;
        let sealed = self.secrets.seal_resolved(&known.run, confidential, &plan);
        Ok(Planned { task_shown, resolved, aliases: Vec::new(), plan, is_whole: true, sealed })
    }

    /// A run for which something is fetched before its task is compiled.
    fn first(
        &self,
        submission: &Submission,
        given: &Confidential,
        known: &Known,
        (task_shown, resolved, aliases): (String, Option<ResolvedSource>, Vec<String>),
    ) -> Result<Planned, Rejected> {
        let plan = compile::first_plan(submission, &aliases)?;
        let sealed = self.secrets.seal_given(&known.run, given, &known.nonce);
        Ok(Planned { task_shown, resolved, aliases, plan, is_whole: false, sealed })
    }

    /// The tree of a source, which must be complete; having its root means having all of it.
    async fn stored_tree(&self, source: &Source) -> Result<Option<Digest>, Rejected> {
        let Source::Tree(tree) = source else { return Ok(None) };
        if self.blobs.has(tree).await? { Ok(Some(*tree)) } else { Err(Rejected::NoTree(*tree)) }
    }

    /// A full disk is told before anything is lost on it.
    fn check_room(&self) -> Result<(), Rejected> {
        let Ok(disk) = rustix::fs::statvfs(&self.data) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= ROOM {
            return Ok(());
        }
        let (data, free, needed) = (self.data.display(), free / (1024 * 1024), ROOM / (1024 * 1024));
        Err(Rejected::NoRoom(format!("{data} has {free} MiB left, and {needed} MiB are needed; free some")))
    }
}

/// A submission that may be stored: what is secret of its source's address goes to the other secrets.
fn with_sealed_address(
    mut submission: Submission,
    mut given: Confidential,
    nonce: &Nonce,
) -> Result<(Submission, Confidential), Rejected> {
    if let Source::Address(text) = &mut submission.source {
        address::parse(text)?;
        submission.source_shown = address::shown(text);
        let Sealed { address, secrets } = address::seal(text, nonce);
        *text = address;
        given.secrets.extend(secrets);
    }
    Ok((submission, given))
}
