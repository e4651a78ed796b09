//! The embedded store keeps the contract, and what a file asks for besides.

use crate::contract::{commit, holds, put, value};
use acre_scheduler::store::{Embedded, StoreError};

#[tokio::test]
async fn the_embedded_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&folder.path().join("farm.redb")).unwrap();
    holds(&store, &store.another()).await;
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
