//! Fetching: few questions, and no content that is not what it should be.

use crate::{
    packed,
    server::{Farm, digest},
    write_tree,
};
use acre_model::digest::Digest;
use acre_tree::{
    Cache, Fetcher, Packed,
    cache::CacheError,
    fetch::FetchError,
    overlay::Change,
    tar::{Limits, Policy, stream, untar},
    upload,
};
use std::{fs, sync::Arc, time::Duration};
use tokio_stream::StreamExt;

fn fetcher(farm: &Farm) -> (tempfile::TempDir, Arc<Cache>, Fetcher) {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path(), 1 << 30).expect("a cache");
    let fetcher = Fetcher::new(farm.client(), "p", Arc::clone(&cache));
    (folder, cache, fetcher)
}

/// Waits, but not forever, until the farm has been asked for blobs so often.
async fn asked(farm: &Farm, calls: usize) {
    let reached = async {
        while farm.state().get_calls.len() < calls {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.expect("the farm is asked");
}

#[tokio::test]
async fn what_is_wanted_while_an_answer_is_under_way_is_asked_for_together() {
    let farm = Farm::start();
    let stored: Vec<Digest> = (0..50).map(|number| farm.store(format!("blob {number}").as_bytes())).collect();
    let (_folder, _cache, fetcher) = fetcher(&farm);
    farm.gate.forget_permits(1000);
    let start = |digest: Digest| {
        let fetcher = fetcher.clone();
        tokio::spawn(async move { fetcher.file(digest).await })
    };
    let mut started = vec![start(stored[0])];
    asked(&farm, 1).await;
    started.extend(stored.iter().chain(&stored).map(|digest| start(*digest)));
    // Each of them runs up to where it waits.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    farm.gate.add_permits(1000);
    for fetched in started {
        fetched.await.unwrap().unwrap();
    }
    let calls = farm.state().get_calls.clone();
    assert_eq!(calls, [1, 49], "what was under way already is not asked for again");
}

#[tokio::test]
async fn a_blob_that_is_missing_or_forged_fails_only_those_who_want_it() {
    let farm = Farm::start();
    let good: Vec<Digest> = (0..10).map(|number| farm.store(format!("blob {number}").as_bytes())).collect();
    let (missing, forged) = (digest(b"missing"), farm.store(b"honest"));
    farm.state().forged.insert(forged, "forged".into());
    let (_folder, cache, fetcher) = fetcher(&farm);
    let wanted = [&good[..5], &[missing, forged], &good[5..]].concat();
    let start = |digest: Digest| {
        let fetcher = fetcher.clone();
        tokio::spawn(async move { fetcher.file(digest).await })
    };
    for fetched in wanted.into_iter().map(start).collect::<Vec<_>>() {
        match fetched.await.unwrap() {
            Ok(pin) => assert_eq!(digest(&fs::read(pin.path()).unwrap()), pin.digest()),
            Err(FetchError::Missing(digest)) => assert_eq!(digest, missing),
            Err(FetchError::Cache(error)) => {
                assert!(matches!(*error, CacheError::Mismatch { expected, .. } if expected == forged), "{error}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(good.iter().all(|digest| cache.get(digest).is_some()));
    assert!(cache.get(&forged).is_none() && cache.get(&missing).is_none());
}

#[tokio::test]
async fn who_asks_may_leave_and_the_others_get_theirs() {
    let farm = Farm::start();
    let (first, second) = (farm.store(b"first"), farm.store(b"second"));
    let (_folder, _cache, fetcher) = fetcher(&farm);
    farm.gate.forget_permits(1000);
    let start = |digest: Digest| {
        let fetcher = fetcher.clone();
        tokio::spawn(async move { fetcher.file(digest).await })
    };
    let leaves = start(first);
    asked(&farm, 1).await;
    let (same, other) = (start(first), start(second));
    leaves.abort();
    farm.gate.add_permits(1000);
    same.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_tree_comes_back_as_it_was_and_is_not_fetched_twice() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    write_tree(root.path(), 20, 20);
    fs::write(root.path().join("large"), vec![7; 2_500_000]).unwrap();
    fs::write(root.path().join("empty"), b"").unwrap();
    let tree = packed(root.path(), None).await.tree;
    upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap();

    let (_folder, cache, fetcher) = fetcher(&farm);
    let snapshot = fetcher.snapshot(tree.root()).await.unwrap();
    assert_eq!(snapshot.entries, tree.entries().unwrap());
    assert_eq!(farm.state().get_calls.len(), 4, "a question for each level, and one for the files");
    assert_eq!(fetcher.directory(tree.root()).await.unwrap(), tree.directory(&tree.root()).unwrap());
    fetcher.snapshot(tree.root()).await.unwrap();
    assert_eq!(farm.state().get_calls.len(), 4);

    let mut archive = Vec::new();
    let mut items = stream(snapshot, "workspace/");
    while let Some(item) = items.next().await {
        archive.extend_from_slice(&item.unwrap());
    }
    let again = untar(archive.as_slice(), &cache, "workspace", Policy::Foreign, Limits::default()).unwrap();
    assert_eq!(again.tree.root(), tree.root());
    assert_eq!(again.tree.totals(), tree.totals());
    // What was read from an archive is sent from the cache.
    let elsewhere = Farm::start();
    upload(&mut elsewhere.client(), "p", &again.tree, |_| {}).await.unwrap();
    assert_eq!(elsewhere.state().blobs.len(), farm.state().blobs.len());
}

#[tokio::test]
async fn a_file_is_not_taken_for_a_directory() {
    let farm = Farm::start();
    let file = farm.store(b"no directory");
    let (_folder, _cache, fetcher) = fetcher(&farm);
    let error = fetcher.tree(file).await.unwrap_err();
    assert!(matches!(error, FetchError::NotDirectory { digest, .. } if digest == file), "{error}");
}

#[tokio::test]
async fn changes_are_put_over_a_tree_and_only_what_is_new_is_sent() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    write_tree(root.path(), 20, 20);
    let mut put = Vec::new();
    let edits: [&[(&str, &str)]; 3] = [&[], &[("new", "1"), ("both", "1")], &[("other", "2")]];
    for files in edits {
        for (path, content) in files {
            fs::write(root.path().join(path), content).unwrap();
        }
        let tree = packed(root.path(), None).await.tree;
        upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap();
        put.push(Some(tree.root()));
        files.iter().for_each(|(path, _)| fs::remove_file(root.path().join(path)).unwrap());
    }
    let change = |by: &str, after| Change { by: by.to_owned(), before: put[0], after };
    let changes = [change("a", put[1]), change("b", put[2])];
    let (_folder, _cache, fetcher) = fetcher(&farm);
    let overlaid = fetcher.overlay(put[0], &changes).await.unwrap();
    assert_eq!(farm.state().get_calls, [3], "three roots, and nothing of what is the same in all of them");
    assert_eq!(overlaid.directories.len(), 1);

    let sent = farm.state().bytes_put;
    let tree = Packed::of_new(overlaid.root, overlaid.directories);
    upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap();
    assert_eq!(farm.state().bytes_put - sent, tree.directory_blob(&tree.root()).unwrap().len());
    let snapshot = fetcher.snapshot(overlaid.root).await.unwrap();
    let has = |path: &str| snapshot.entries.iter().any(|(name, _)| name == path);
    assert!(has("new") && has("both") && has("other"));

    fs::write(root.path().join("both"), "2").unwrap();
    let differs = packed(root.path(), None).await.tree;
    upload(&mut farm.client(), "p", &differs, |_| {}).await.unwrap();
    let error = fetcher.overlay(put[0], &[change("a", put[1]), change("b", Some(differs.root()))]).await.unwrap_err();
    assert_eq!(error.to_string(), "`both` is changed by a, and differently by b");
}
