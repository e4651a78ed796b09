//! What the cache keeps, and what it lets go.

use super::*;
use crate::hash;

fn files(folder: &Path) -> usize {
    stored(folder).unwrap().len()
}

#[test]
fn a_blob_is_found_by_its_digest_and_nobody_may_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 100).unwrap();
    let pin = cache.insert(b"hello").unwrap();
    assert_eq!((pin.digest(), pin.size()), (hash::digest(b"hello"), 5));
    assert_eq!(fs::read(cache.get(&hash::digest(b"hello")).unwrap().path()).unwrap(), b"hello");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(pin.path()).unwrap().permissions().mode() & 0o7777, 0o444);
    }
    assert!(cache.get(&hash::digest(b"other")).is_none());
    assert!(cache.insert(b"").is_ok(), "an empty blob is one");
}

#[test]
fn content_of_another_digest_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 100).unwrap();
    let mut spool = cache.spool().unwrap();
    spool.write(b"evil").unwrap();
    assert!(matches!(spool.keep_as(hash::digest(b"good")), Err(CacheError::Mismatch { .. })));
    let mut unfinished = cache.spool().unwrap();
    unfinished.write(b"half").unwrap();
    drop(unfinished);
    assert_eq!((files(folder.path()), cache.size()), (0, 0));
    assert_eq!(fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
}

#[test]
fn the_least_recently_used_go_and_what_is_in_use_stays() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 30).unwrap();
    let blob = |number: u8| [number; 10];
    let here = |number: u8| cache.get(&hash::digest(&blob(number))).is_some();
    let held = cache.insert(&blob(0)).unwrap();
    (1..3).for_each(|number| drop(cache.insert(&blob(number)).unwrap()));
    assert!(here(1), "used again");
    cache.insert(&blob(3)).unwrap();
    assert_eq!([here(0), here(1), here(2), here(3)], [true, true, false, true]);

    let also = held.clone();
    drop(held);
    let more = [cache.insert(&blob(4)).unwrap(), cache.insert(&blob(5)).unwrap(), cache.insert(&blob(6)).unwrap()];
    assert_eq!(cache.size(), 40, "all in use, so the limit is passed");
    assert!(also.path().exists());
    drop(also);
    assert_eq!((cache.size(), here(0)), (30, false));
    drop(more);
    assert_eq!(files(folder.path()), 3);
}

#[test]
fn what_was_written_is_there_after_a_restart_and_what_was_cut_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 100).unwrap();
    let whole = cache.insert(b"whole").unwrap().path();
    let cut = cache.insert(b"cut").unwrap().path();
    std::mem::forget(cache.spool().unwrap());
    assert!(matches!(Cache::open(folder.path(), 100), Err(CacheError::InUse { .. })));
    let lock = cache._lock.try_clone().unwrap();
    // The forgotten spool holds the cache; a process that ends lets the lock go.
    lock.unlock().unwrap();
    fs::remove_file(&cut).unwrap();
    fs::write(&cut, b"").unwrap();
    let again = Cache::open(folder.path(), 100).unwrap();
    assert_eq!(again.get(&hash::digest(b"whole")).unwrap().path(), whole);
    assert!(again.get(&hash::digest(b"cut")).is_none() && !cut.exists());
    assert_eq!(fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
}

#[test]
fn a_blob_removed_by_hand_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 100).unwrap();
    let path = cache.insert(b"x").unwrap().path();
    fs::remove_file(&path).unwrap();
    assert!(cache.get(&hash::digest(b"x")).is_none());
    assert!(cache.insert(b"x").unwrap().path().exists() && path.exists());
    assert_eq!(cache.size(), 1);
}

#[test]
fn many_threads_may_write_read_and_drop_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 40).unwrap();
    std::thread::scope(|scope| {
        for start in 0..4_u8 {
            let cache = &cache;
            scope.spawn(move || {
                for round in 0..200_u8 {
                    let content = [(start + round) % 8; 10];
                    let pin = cache.insert(&content).unwrap();
                    assert_eq!(fs::read(pin.path()).unwrap(), content);
                }
            });
        }
    });
    assert!(cache.size() <= 40);
    assert_eq!(files(folder.path()) as u64 * 10, cache.size());
}
