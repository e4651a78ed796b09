//! One push on its way through the gate.

use super::{Manifest, Target, ends::Ends, known::Known, upload::Upload, upstream::Upstream};
use crate::{engine::EngineError, parts::Tasks};
use acre_model::digest::Digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot, watch};

/// Under what an image is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Its digest alone: for an index that will name it.
    Digest,
    /// The tag of the target.
    Tag,
}

/// What the registry has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Of the manifest.
    pub digest: Digest,
    /// Of the manifest.
    pub media_type: String,
    /// Bytes of the manifest.
    pub size: u64,
}

/// A question whether to publish, and where the answer goes.
pub(super) type Asking = mpsc::Sender<oneshot::Sender<bool>>;

/// What becomes of the manifests of a push.
pub(super) enum Ending {
    /// They are published once that is permitted.
    Publish {
        /// Under what.
        by: By,
        /// Whether.
        asking: Asking,
    },
    /// They are kept.
    Keep,
}

/// One push.
pub(super) struct Passage {
    /// The real repository.
    pub(super) upstream: Upstream,
    ending: Ending,
    secret: String,
    touched: watch::Sender<bool>,
    /// Whether publishing was permitted; asked once.
    permitted: tokio::sync::OnceCell<bool>,
    uploads: Mutex<BTreeMap<u64, Arc<Upload>>>,
    pushed: Mutex<Option<Pushed>>,
    kept: Mutex<Vec<Manifest>>,
    refused: Mutex<Option<EngineError>>,
    failed: Mutex<Option<EngineError>>,
}

impl Passage {
    pub(super) fn new(target: Target<'_>, ending: Ending) -> Result<Self, EngineError> {
        let mut secret = [0; 24];
        let random = SystemRandom::new().fill(&mut secret);
        random.map_err(|_| EngineError::BrokenOff("the system gives no randomness".to_owned()))?;
        Ok(Self {
            upstream: Upstream::new(target.reference, target.logins, target.plain)?,
            ending,
            secret: data_encoding::HEXLOWER.encode(&secret),
            touched: watch::Sender::new(false),
            permitted: tokio::sync::OnceCell::new(),
            uploads: Mutex::default(),
            pushed: Mutex::default(),
            kept: Mutex::default(),
            refused: Mutex::default(),
            failed: Mutex::default(),
        })
    }

    /// The password that this push alone has.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether this is its password; takes as long whatever the difference.
    pub(super) fn is_secret(&self, given: &str) -> bool {
        Sha256::digest(given) == Sha256::digest(&self.secret)
    }

    /// The engine has come.
    pub(super) fn touch(&self) {
        self.touched.send_if_modified(|touched| !std::mem::replace(touched, true));
    }

    /// Whether the engine never came.
    pub(super) fn is_untouched(&self) -> bool {
        !*self.touched.borrow()
    }

    /// Resolves once the engine has come.
    pub(super) async fn came(&self) {
        // It is not dropped before this is.
        drop(self.touched.subscribe().wait_for(|touched| *touched).await);
    }

    /// Under what a manifest that the engine calls `name` is published, once it may be: a part of an index keeps its digest.
    /// `None`: not at all. A permit that is not answered is none.
    pub(super) async fn publishes_as(&self, name: &str, digest: Digest) -> Option<String> {
        let Ending::Publish { by, asking } = &self.ending else { return None };
        let ask = || async {
            let (answer, answered) = oneshot::channel();
            asking.send(answer).await.is_ok() && answered.await.unwrap_or(false)
        };
        if !*self.permitted.get_or_init(ask).await {
            return None;
        }
        Some(match by {
            By::Tag if !name.contains(':') => self.upstream.tag().to_owned(),
            By::Tag | By::Digest => digest.to_string(),
        })
    }

    /// Keeps a manifest, if that is what becomes of it; whether it is.
    pub(super) fn keep(&self, manifest: &Manifest) -> bool {
        let keeps = matches!(self.ending, Ending::Keep);
        if keeps && !lock(&self.kept).contains(manifest) {
            lock(&self.kept).push(manifest.clone());
        }
        keeps
    }

    /// The manifests that are kept.
    pub(super) fn kept(&self) -> Vec<Manifest> {
        lock(&self.kept).clone()
    }

    /// The registry has taken the manifest that the engine calls `name`; that with a tag is the push's own.
    pub(super) fn published(&self, name: &str, pushed: Pushed) {
        if !name.contains(':') {
            *lock(&self.pushed) = Some(pushed);
        }
    }

    /// The registry will not have it.
    pub(super) fn refuse(&self, why: EngineError) {
        lock(&self.refused).get_or_insert(why);
    }

    /// Something failed that the engine may try again.
    pub(super) fn fail(&self, why: EngineError) {
        *lock(&self.failed) = Some(why);
    }

    /// What failed last.
    pub(super) fn failed(&self) -> Option<EngineError> {
        lock(&self.failed).clone()
    }

    pub(super) fn pushed(&self) -> Option<Pushed> {
        lock(&self.pushed).clone()
    }

    /// Why the registry will not have it.
    pub(super) fn refused(&self) -> Option<EngineError> {
        lock(&self.refused).clone()
    }

    /// A blob begins to come.
    pub(super) fn begin(&self, id: u64, upload: Upload) {
        lock(&self.uploads).insert(id, Arc::new(upload));
    }

    /// A blob that is coming.
    pub(super) fn upload(&self, id: u64) -> Option<Arc<Upload>> {
        lock(&self.uploads).get(&id).cloned()
    }

    /// A blob has come, or will not.
    pub(super) fn end(&self, id: u64) {
        lock(&self.uploads).remove(&id);
    }
}

/// All pushes on their way.
pub(super) struct Passages {
    /// Which repositories have which blobs.
    pub(super) blobs: Known,
    /// Blobs that are being ended.
    pub(super) ends: Arc<Ends>,
    pub(super) tasks: Tasks,
    numbers: AtomicU64,
    all: Mutex<BTreeMap<u64, Arc<Passage>>>,
}

impl Passages {
    pub(super) fn new(blobs: Known, tasks: Tasks) -> Self {
        Self { blobs, ends: Arc::default(), tasks, numbers: AtomicU64::new(0), all: Mutex::default() }
    }

    /// A number that no other passage or upload has.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A push begins.
    pub(super) fn enter(self: &Arc<Self>, passage: Passage) -> Entered {
        let (id, passage) = (self.number(), Arc::new(passage));
        lock(&self.all).insert(id, passage.clone());
        Entered { id, passage, passages: self.clone() }
    }

    /// The push of this number, if the password is its own.
    pub(super) fn find(&self, id: u64, secret: &str) -> Option<Arc<Passage>> {
        let passage = lock(&self.all).get(&id).cloned()?;
        passage.is_secret(secret).then_some(passage)
    }
}

/// A push that may come through for as long as this lives.
pub(super) struct Entered {
    id: u64,
    passage: Arc<Passage>,
    passages: Arc<Passages>,
}

impl Entered {
    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl Deref for Entered {
    type Target = Passage;

    fn deref(&self) -> &Passage {
        &self.passage
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        lock(&self.passages.all).remove(&self.id);
        // What has come of a blob and is not wanted any more.
        for upload in std::mem::take(&mut *lock(&self.passage.uploads)).into_values() {
            let passage = self.passage.clone();
            self.passages.tasks.spawn("cancel an upload", async move { upload.cancel(&passage.upstream).await });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
