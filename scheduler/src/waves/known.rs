//! What is known of an image: what its tag stood for when it was last heard of, and which tasks that has reached. So a
//! digest that is told again, by a registry or by asking it, starts nothing again; not even what has failed.

use super::Waves;
use crate::{
    driver::Guard,
    store::{self, Change, Order, Store, StoreError, keys},
};
use acre_model::{
    digest::Digest,
    ids::{ProjectName, TaskName},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is stored of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Record {
    /// `registry/repository:tag`.
    image: String,
    /// What the tag stood for.
    digest: Digest,
    /// The tasks that were built for it, or were to be.
    reached: BTreeSet<TaskName>,
}

impl Waves {
    /// What the images that tasks of a project build on stand for, as far as that was told or found.
    pub async fn told(&self, project: &ProjectName) -> Result<BTreeMap<String, Digest>, StoreError> {
        let records = self.store.range(keys::all_images(project), Order::Ascending, usize::MAX).await?;
        let read = records.iter().filter_map(|record| store::decode::<Record>(&record.value).ok());
        Ok(read.map(|Record { image, digest, .. }| (image, digest)).collect())
    }
}

/// What is known of an image, as it was read.
pub(super) struct Known {
    image: String,
    key: String,
    value: Option<Bytes>,
    record: Option<Record>,
}

impl Known {
    pub(super) async fn load(store: &dyn Store, project: &ProjectName, image: &str) -> Result<Self, StoreError> {
        let key = keys::image(project, image);
        let value = store.get(&key).await?.map(|stored| stored.value);
        let record = value.as_ref().and_then(|value| store::decode(value).ok());
        Ok(Self { image: image.to_owned(), key, value, record })
    }

    /// Whether a task was, or is being, built for a digest.
    pub(super) fn has_reached(&self, digest: Digest, task: &TaskName) -> bool {
        self.record.as_ref().is_some_and(|record| record.digest == digest && record.reached.contains(task))
    }

    /// What is known once a digest has reached these tasks, too.
    pub(super) fn with(&self, digest: Digest, tasks: impl Iterator<Item = TaskName>) -> Change {
        let earlier = self.record.as_ref().filter(|record| record.digest == digest);
        let mut reached = earlier.map(|record| record.reached.clone()).unwrap_or_default();
        reached.extend(tasks);
        let record = Record { image: self.image.clone(), digest, reached };
        Change::Put(self.key.clone(), store::encode(&record))
    }

    /// Holds as long as nobody knows more.
    pub(super) fn guard(&self) -> Guard {
        Guard { key: self.key.clone(), value: self.value.clone() }
    }
}
