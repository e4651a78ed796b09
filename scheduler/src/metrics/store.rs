//! Metrics of the store, taken at its door.

use crate::store::{Order, Revision, Store, StoreError, Stored, Transaction};
use acre_daemon::metrics::{Histograms, short};
use futures::{FutureExt as _, future::BoxFuture};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::{ops::Range, sync::Arc, time::Instant};

/// Metrics of the store.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    seconds: Histograms<ByOperation>,
    errors: Family<ByOperation, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOperation {
    operation: &'static str,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self { seconds: Family::new_with_constructor(short), errors: Family::default() }
    }
}

impl StoreMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for operation in ["get", "range", "commit"] {
            drop(self.seconds.get_or_create(&ByOperation { operation }));
            drop(self.errors.get_or_create(&ByOperation { operation }));
        }
        registry.register("store_request_seconds", "How long the state store took to answer", self.seconds.clone());
        registry.register("store_errors", "Requests that the state store failed", self.errors.clone());
    }

    async fn measure<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let answer = request.await;
        let operation = ByOperation { operation };
        self.seconds.get_or_create(&operation).observe(began.elapsed().as_secs_f64());
        if answer.is_err() {
            self.errors.get_or_create(&operation).inc();
        }
        answer
    }
}

/// A store whose answers are measured.
pub struct Measured {
    store: Arc<dyn Store>,
    metrics: StoreMetrics,
}

impl Measured {
    /// This store, measured.
    pub fn new(store: Arc<dyn Store>, metrics: StoreMetrics) -> Self {
        Self { store, metrics }
    }
}

impl Store for Measured {
    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn lead(&self) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.store.lead()
    }

    fn hold(&self) -> BoxFuture<'_, ()> {
        self.store.hold()
    }

    fn resign(&self) -> BoxFuture<'_, ()> {
        self.store.resign()
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        self.metrics.measure("get", self.store.get(key)).boxed()
    }

    fn range(&self, keys: Range<String>, order: Order, limit: usize) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        self.metrics.measure("range", self.store.range(keys, order, limit)).boxed()
    }

    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.metrics.measure("commit", self.store.commit(transaction)).boxed()
    }
}
