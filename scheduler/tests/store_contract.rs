//! What every store means by its calls. Each store runs all of it.

#![allow(clippy::unwrap_used)]

use acre_scheduler::store::{Change, Compare, Embedded, Order, Revision, Store, StoreError, Transaction};
use bytes::Bytes;

fn put(key: &str, value: &'static str) -> Change {
    Change::Put(key.to_owned(), Bytes::from_static(value.as_bytes()))
}

async fn commit(store: &dyn Store, compares: Vec<Compare>, changes: Vec<Change>) -> Result<Revision, StoreError> {
    store.commit(Transaction { compares, changes }).await
}

async fn value(store: &dyn Store, key: &str) -> Option<String> {
    let stored = store.get(key).await.unwrap()?;
    Some(String::from_utf8(stored.value.to_vec()).unwrap())
}

async fn what_is_committed_is_read_at_its_revision(store: &dyn Store) {
    let first = commit(store, Vec::new(), vec![put("a/1", "x"), put("a/2", "y")]).await.unwrap();
    let second = commit(store, Vec::new(), vec![put("a/2", "z")]).await.unwrap();
    assert!(second > first);
    assert_eq!(store.get("a/1").await.unwrap().map(|stored| stored.revision), Some(first));
    assert_eq!(store.get("a/2").await.unwrap().map(|stored| stored.revision), Some(second));
    assert_eq!((value(store, "a/2").await, value(store, "a/3").await), (Some("z".to_owned()), None));
}

async fn a_compare_that_does_not_hold_changes_nothing(store: &dyn Store) {
    let revision = commit(store, vec![Compare::Absent("b/1".into())], vec![put("b/1", "x")]).await.unwrap();
    let table = [
        vec![Compare::Absent("b/1".into())],
        vec![Compare::At("b/1".into(), Revision(revision.0 + 1))],
        vec![Compare::At("b/2".into(), revision)],
        vec![Compare::At("b/1".into(), revision), Compare::Absent("b/1".into())],
    ];
    for compares in table {
        let refused = commit(store, compares.clone(), vec![put("b/1", "y"), put("b/9", "y")]).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{compares:?}");
    }
    assert_eq!((value(store, "b/1").await, value(store, "b/9").await), (Some("x".to_owned()), None));
    commit(store, vec![Compare::At("b/1".into(), revision)], vec![Change::Delete("b/1".into())]).await.unwrap();
    assert_eq!(value(store, "b/1").await, None);
    commit(store, vec![Compare::Absent("b/1".into())], vec![Change::Delete("b/1".into())]).await.unwrap();
}

async fn a_range_has_an_order_and_a_limit(store: &dyn Store) {
    commit(store, Vec::new(), ["c/3", "c/1", "c/2", "d/1"].map(|key| put(key, "v")).into()).await.unwrap();
    let keys = async |order, limit| {
        let found = store.range("c/".to_owned().."c0".to_owned(), order, limit).await.unwrap();
        found.into_iter().map(|stored| stored.key).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(Order::Ascending, usize::MAX).await, "c/1 c/2 c/3");
    assert_eq!(keys(Order::Descending, 2).await, "c/3 c/2");
    assert_eq!(keys(Order::Ascending, 0).await, "");
}

/// Last, since it ends the first leader's writing for good.
async fn a_deposed_leader_writes_nothing(leader: &dyn Store, next: &dyn Store) {
    leader.lead().await.unwrap();
    commit(leader, Vec::new(), vec![put("e/1", "x")]).await.unwrap();
    next.lead().await.unwrap();
    let refused = commit(leader, Vec::new(), vec![put("e/1", "y")]).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    assert_eq!(value(next, "e/1").await.as_deref(), Some("x"));
}

#[tokio::test]
async fn the_embedded_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&folder.path().join("farm.redb")).unwrap();
    what_is_committed_is_read_at_its_revision(&store).await;
    a_compare_that_does_not_hold_changes_nothing(&store).await;
    a_range_has_an_order_and_a_limit(&store).await;
    a_deposed_leader_writes_nothing(&store, &store.another()).await;
}

#[tokio::test]
async fn the_embedded_store_is_one_process_own_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("farm.redb");
    let store = Embedded::open(&path).unwrap();
    let revision = commit(&store, Vec::new(), vec![put("a", "x")]).await.unwrap();
    assert!(matches!(Embedded::open(&path), Err(StoreError::InUse { .. })));
    drop(store);
    let store = Embedded::open(&path).unwrap();
    assert_eq!(value(&store, "a").await.as_deref(), Some("x"));
    assert!(commit(&store, Vec::new(), vec![put("a", "y")]).await.unwrap() > revision);
}

#[tokio::test]
async fn half_a_new_embedded_store_is_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("farm.new"), b"half").unwrap();
    let store = Embedded::open(&folder.path().join("farm.redb")).unwrap();
    assert_eq!(value(&store, "a").await, None);
}
