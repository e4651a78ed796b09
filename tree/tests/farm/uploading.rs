//! Uploads: only what is missing, in order, whatever happens on the way.

use crate::{
    packed,
    server::{Farm, Fault, digest, reachable},
    write_tree,
};
use acre_tree::{
    upload,
    upload::{Progress, UploadError},
};
use std::fs;

#[tokio::test]
async fn a_second_upload_sends_only_what_changed() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    write_tree(root.path(), 100, 100);
    let mut client = farm.client();
    let first = packed(root.path(), None).await.tree;
    let sent = upload(&mut client, "p", &first, |_| {}).await.unwrap();
    assert_eq!(sent.sent_blobs, 10_000 + 100 + 10 + 1);
    assert_eq!(reachable(&farm.state(), first.root()).len() as u64, sent.sent_blobs);
    assert!(farm.state().largest_message <= 1024 * 1024);
    let calls = std::mem::take(&mut farm.state().find_missing_calls);
    assert!(calls <= 6, "{calls} questions");

    fs::write(root.path().join("part3/directory3/file3.txt"), "changed").unwrap();
    let second = packed(root.path(), None).await.tree;
    let asked = farm.state().digests_asked;
    let put = farm.state().bytes_put;
    let resent = upload(&mut client, "p", &second, |_| {}).await.unwrap();
    assert!(resent.sent_bytes * 100 < sent.sent_bytes, "{resent:?} of {sent:?}");
    assert_eq!((resent.sent_blobs, resent.questions), (4, 4), "a file and the directories above it");
    let state = farm.state();
    assert!(state.digests_asked - asked <= 1 + 10 + 10 + 100);
    assert_eq!((state.bytes_put - put) as u64, resent.sent_bytes);
    assert_eq!(state.stored_again, 0);
    reachable(&state, second.root());
}

#[tokio::test]
async fn what_is_stored_takes_one_question() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    write_tree(root.path(), 3, 3);
    let tree = packed(root.path(), None).await.tree;
    let mut told = Vec::new();
    let sent = upload(&mut farm.client(), "p", &tree, |progress| told.push(progress)).await.unwrap();
    assert_eq!(told[0], Progress { sent_bytes: 0, total_bytes: sent.sent_bytes }, "told before anything is sent");
    told.clear();
    let again = upload(&mut farm.client(), "p", &tree, |progress| told.push(progress)).await.unwrap();
    assert_eq!((again.sent_blobs, again.sent_bytes, again.questions), (0, 0, 1));
    assert_eq!(told, [Progress { sent_bytes: 0, total_bytes: 0 }]);
}

#[tokio::test]
async fn an_interrupted_upload_goes_on_with_what_is_missing() {
    for fault in [Fault::Away, Fault::Cut] {
        let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
        for number in 0..8_u8 {
            fs::write(root.path().join(number.to_string()), vec![number; 900_000]).unwrap();
        }
        farm.state().faults = vec![(2_000_000, fault), (5_000_000, fault)];
        let tree = packed(root.path(), None).await.tree;
        let sent = upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap();
        let state = farm.state();
        assert!(state.faults.is_empty() && state.put_calls == 3, "{fault:?}: {} calls", state.put_calls);
        assert_eq!(state.stored_again, 0, "{fault:?}: what was stored is not sent again");
        assert_eq!(reachable(&state, tree.root()).len(), 9, "{fault:?}");
        assert!(sent.sent_bytes < 3 * 7_200_000, "{fault:?}: {sent:?}");
    }
}

#[tokio::test]
async fn what_the_farm_loses_meanwhile_is_sent_again() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    let lost = farm.store(b"lost");
    fs::write(root.path().join("a"), vec![1; 1_500_000]).unwrap();
    fs::write(root.path().join("b"), "lost").unwrap();
    farm.state().faults = vec![(1, Fault::Lose(lost))];
    let tree = packed(root.path(), None).await.tree;
    upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap();
    assert_eq!(farm.state().put_calls, 2);
    reachable(&farm.state(), tree.root());
}

#[tokio::test]
async fn a_farm_that_stays_away_ends_the_upload() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    fs::write(root.path().join("a"), "a").unwrap();
    farm.state().faults = vec![(0, Fault::Away); 100];
    let tree = packed(root.path(), None).await.tree;
    let error = upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "the farm did not take the source tree: away");
    assert!(farm.state().put_calls < 20, "{} calls", farm.state().put_calls);
}

#[tokio::test]
async fn a_file_that_changed_since_is_named_and_never_stored() {
    for (case, content) in [("same size", vec![2; 3_000_000]), ("shorter", vec![1; 10]), ("empty", vec![])] {
        let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
        let path = root.path().join("file");
        fs::write(&path, vec![1; 3_000_000]).unwrap();
        let tree = packed(root.path(), None).await.tree;
        fs::write(&path, content).unwrap();
        let error = upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap_err();
        assert!(matches!(&error, UploadError::Changed { path: named } if *named == path), "{case}: {error}");
        assert!(farm.state().blobs.is_empty(), "{case}");
    }
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    fs::write(root.path().join("file"), "x").unwrap();
    let tree = packed(root.path(), None).await.tree;
    fs::remove_file(root.path().join("file")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", root.path().join("file")).unwrap();
    let error = upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap_err();
    assert!(matches!(error, UploadError::Unreadable { .. }), "a link in its place is not followed: {error}");
}

#[tokio::test]
async fn empty_files_equal_files_and_large_ones_arrive_whole() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    let large: Vec<u8> = (0..3_500_000_u32).flat_map(u32::to_le_bytes).collect();
    for (name, content) in [("empty", &b""[..]), ("also-empty", b""), ("one", b"same"), ("two", b"same"), ("z", &large)]
    {
        fs::write(root.path().join(name), content).unwrap();
    }
    fs::create_dir_all(root.path().join("void/void")).unwrap();
    let tree = packed(root.path(), None).await.tree;
    let mut seen: Vec<Progress> = Vec::new();
    let sent = upload(&mut farm.client(), "p", &tree, |progress| seen.push(progress)).await.unwrap();
    assert_eq!(sent.sent_blobs, 5, "empty, same, large, `void` and the root; an empty directory is an empty blob");
    assert_eq!(farm.state().blobs[&digest(&large)], large);
    assert!(seen.is_sorted_by_key(|progress| progress.sent_bytes), "{seen:?}");
    assert_eq!(seen.last().map(|last| (last.sent_bytes, last.total_bytes)), Some((sent.sent_bytes, sent.sent_bytes)));
}

#[tokio::test]
async fn an_empty_directory_is_a_tree() {
    let (farm, root) = (Farm::start(), tempfile::tempdir().unwrap());
    let tree = packed(root.path(), None).await.tree;
    upload(&mut farm.client(), "p", &tree, |_| {}).await.unwrap();
    assert_eq!(reachable(&farm.state(), tree.root()).len(), 1);
}
