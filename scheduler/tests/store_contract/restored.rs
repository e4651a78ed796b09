//! An etcd that was restored from an older copy is not led, unless that is said.

use crate::{
    bed::{LIMITS, SOON, within},
    contract::{commit, put, value},
    own::Own,
};
use acre_scheduler::{
    parts::SystemRandom,
    store::{Etcd, EtcdAddress, Node, Store, StoreError},
};
use std::{fs, path::Path};

/// The store of the node whose data is in this folder, which adopts this revision.
async fn open(etcd: &Own, data: &Path, adopted: Option<u64>) -> Etcd {
    let address: EtcdAddress = format!("etcd://{}/acre", etcd.host()).parse().unwrap();
    let node = Node::of(data, &SystemRandom::open().unwrap()).unwrap().adopting(adopted);
    Etcd::open(&address, None, node).await.unwrap().with_limits(LIMITS)
}

/// What comes of leading, once etcd answers.
async fn led(store: &Etcd) -> Result<(), StoreError> {
    let answered = async {
        loop {
            match store.lead().await {
                Err(StoreError::Unavailable { .. }) => {}
                answer => return answer.map(drop),
            }
        }
    };
    within("etcd has started", SOON, answered).await
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => assert!(fs::copy(&from, &to).is_ok(), "{}", from.display()),
        }
    }
}

#[tokio::test]
async fn an_older_copy_is_led_only_if_it_is_adopted() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut etcd = Own::start(folder.path(), "http", "");
    let older = folder.path().join("older");

    let leader = open(&etcd, data.path(), None).await;
    led(&leader).await.unwrap();
    let copied = commit(&leader, Vec::new(), vec![put("a", "old")]).await.unwrap();
    etcd.stop();
    copy(&etcd.data(), &older);
    etcd.start_again();
    led(&leader).await.unwrap();
    let newest = commit(&leader, Vec::new(), vec![put("a", "new")]).await.unwrap();
    etcd.stop();
    fs::remove_dir_all(etcd.data()).unwrap();
    fs::rename(&older, etcd.data()).unwrap();
    etcd.start_again();

    // Neither the one that has led all the time, nor its successor.
    for store in [&leader, &open(&etcd, data.path(), None).await] {
        let refused = led(store).await.unwrap_err();
        let StoreError::WentBack { from, to, .. } = refused else { panic!("{refused}") };
        assert_eq!(from, newest.0);
        // The lease in the copy ends, and takes the leader's key with it.
        assert!((copied.0..=copied.0 + 1).contains(&to), "{to}, not {copied:?}");
        let told = format!("state store went back from revision {from} to {to}: etcd://{}", etcd.host());
        assert!(refused.to_string().starts_with(&told), "{refused}");
        assert!(refused.to_string().ends_with(&format!("--adopt-revision {to}")), "{refused}");
        assert_eq!(value(store, "a").await.as_deref(), Some("old"), "nothing is written");
    }
    let refused = led(&open(&etcd, data.path(), Some(newest.0)).await).await.unwrap_err();
    assert!(matches!(refused, StoreError::WentBack { .. }), "{refused}");

    let adopted = open(&etcd, data.path(), Some(copied.0)).await;
    led(&adopted).await.unwrap();
    commit(&adopted, Vec::new(), vec![put("a", "newer")]).await.unwrap();
    adopted.resign().await;
    led(&open(&etcd, data.path(), None).await).await.unwrap();
}
