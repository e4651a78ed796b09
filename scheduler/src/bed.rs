//! A scheduler at work on a folder, for tests: its driver and what stands on it, without listeners.

use crate::{
    blobs::Blobs,
    board::Board,
    compile::Compiler,
    driver::{Around, Driver, Handle},
    farm::Patience,
    intake::Intake,
    parts::{Clock, Ids, Random, SystemRandom, Tasks},
    secrets::{SecretKey, Secrets},
    store::Store,
    stored_tasks::StoredTasks,
};
use acre_task::Presets;
use object_store::local::LocalFileSystem;
use std::{path::Path, sync::Arc};
use tokio::task::JoinHandle;

/// A scheduler at work.
pub(crate) struct Bed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) driver: Handle,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) stored_tasks: StoredTasks,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) tasks: Tasks,
    driving: JoinHandle<()>,
}

impl Bed {
    /// With its records in this store, and the rest in this folder.
    pub(crate) async fn on(store: Arc<dyn Store>, folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let random: Arc<dyn Random> = Arc::new(SystemRandom::open().unwrap());
        let key = SecretKey::load_or_make(&folder.join("secret.key"), random.as_ref()).unwrap();
        let secrets = Arc::new(Secrets::new(store.clone(), &key, random.clone(), None));
        let blobs = Blobs::new(Arc::new(LocalFileSystem::new_with_prefix(folder).unwrap()));
        let compiler = Compiler::new(blobs.clone(), Presets::default());
        let (board, tasks) = (Arc::new(Board::default()), Tasks::default());
        let around = Around {
            store: store.clone(),
            blobs: blobs.clone(),
            compiler: compiler.clone(),
            secrets: secrets.clone(),
            board: board.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
            news: Arc::default(),
            metrics: Default::default(),
            spans: None,
        };
        let (driver, handle) = Driver::start(around, Patience::default()).await.unwrap();
        let driving = tokio::spawn(async move { driver.run().await.unwrap() });
        let newest = board.runs().iter().map(|run| run.id.second()).max().unwrap_or_default();
        let intake = Intake {
            driver: handle.clone(),
            blobs,
            compiler,
            secrets: secrets.clone(),
            ids: Arc::new(Ids::new(1, newest)),
            clock: clock.clone(),
            traced: None,
            data: folder.to_owned(),
        };
        let stored_tasks = StoredTasks {
            store: store.clone(),
            driver: handle.clone(),
            secrets: secrets.clone(),
            intake,
            clock: clock.clone(),
            changed: Default::default(),
        };
        Self { store, driver: handle, secrets, stored_tasks, board, clock, random, tasks, driving }
    }

    /// In good order, but that nobody is told. What else has the store is to be gone by then.
    pub(crate) async fn stop(self) {
        self.tasks.stop().await;
        self.driving.await.unwrap();
    }

    /// Wherever it is.
    pub(crate) async fn kill(self) {
        self.driving.abort();
        assert!(self.driving.await.is_err_and(|why| why.is_cancelled()));
        self.tasks.stop().await;
    }
}
