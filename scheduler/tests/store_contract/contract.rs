//! The contract: each function is one clause of it, for any store.

use acre_scheduler::store::{Change, Compare, Order, Revision, Store, StoreError, Transaction};
use bytes::Bytes;

pub(crate) fn put(key: &str, value: &'static str) -> Change {
    Change::Put(key.to_owned(), Bytes::from_static(value.as_bytes()))
}

fn announce(key: &str, value: &'static str) -> Change {
    Change::Announce(key.to_owned(), Bytes::from_static(value.as_bytes()))
}

pub(crate) async fn commit(
    store: &dyn Store,
    compares: Vec<Compare>,
    changes: Vec<Change>,
) -> Result<Revision, StoreError> {
    store.commit(Transaction { compares, changes }).await
}

pub(crate) async fn value(store: &dyn Store, key: &str) -> Option<String> {
    let stored = store.get(key).await.unwrap()?;
    Some(String::from_utf8(stored.value.to_vec()).unwrap())
}

async fn keys(store: &dyn Store, prefix: &str, order: Order, limit: usize) -> Vec<String> {
    let found = store.range(format!("{prefix}/")..format!("{prefix}0"), order, limit).await.unwrap();
    found.into_iter().map(|stored| stored.key).collect()
}

/// All clauses. `next` is another user of the same store, in the same place.
pub(crate) async fn holds(store: &dyn Store, next: &dyn Store) {
    for role in ["bystander", "leader"] {
        if role == "leader" {
            store.lead().await.unwrap();
        }
        what_is_committed_is_read_at_its_revision(store, role).await;
        a_compare_that_does_not_hold_changes_nothing(store, role).await;
        a_range_has_an_order_and_a_limit(store, role).await;
        of_several_changes_of_a_key_the_last_counts(store, role).await;
        a_transaction_may_be_as_large_as_its_limits(store, role).await;
    }
    what_is_announced_can_be_replaced_and_withdrawn(store, next).await;
    a_leader_that_leads_again_goes_on(store).await;
    a_deposed_leader_writes_nothing(store, next).await;
    a_role_that_is_given_back_can_be_taken(next, store).await;
}

async fn what_is_committed_is_read_at_its_revision(store: &dyn Store, role: &str) {
    let [first_key, second_key, no_key] = ["a1", "a2", "a3"].map(|key| format!("{role}/{key}"));
    let first = commit(store, Vec::new(), vec![put(&first_key, "x"), put(&second_key, "y")]).await.unwrap();
    let second = commit(store, Vec::new(), vec![put(&second_key, "z")]).await.unwrap();
    assert!(second > first);
    assert_eq!(store.get(&first_key).await.unwrap().map(|stored| stored.revision), Some(first));
    assert_eq!(store.get(&second_key).await.unwrap().map(|stored| stored.revision), Some(second));
    assert_eq!((value(store, &second_key).await, value(store, &no_key).await), (Some("z".to_owned()), None));
    let bytes = Bytes::from_static(b"\xff\x00\n");
    commit(store, Vec::new(), vec![Change::Put(no_key.clone(), bytes.clone())]).await.unwrap();
    assert_eq!(store.get(&no_key).await.unwrap().map(|stored| stored.value), Some(bytes));
}

async fn a_compare_that_does_not_hold_changes_nothing(store: &dyn Store, role: &str) {
    let [one, two, nine] = ["b1", "b2", "b9"].map(|key| format!("{role}/{key}"));
    let revision = commit(store, vec![Compare::Absent(one.clone())], vec![put(&one, "x")]).await.unwrap();
    let table = [
        vec![Compare::Absent(one.clone())],
        vec![Compare::At(one.clone(), Revision(revision.0 + 1))],
        vec![Compare::At(two, revision)],
        vec![Compare::At(one.clone(), revision), Compare::Absent(one.clone())],
    ];
    for compares in table {
        let refused = commit(store, compares.clone(), vec![put(&one, "y"), put(&nine, "y")]).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{compares:?}");
    }
    assert_eq!((value(store, &one).await, value(store, &nine).await), (Some("x".to_owned()), None));
    let delete = || vec![Change::Delete(one.clone())];
    commit(store, vec![Compare::At(one.clone(), revision)], delete()).await.unwrap();
    assert_eq!(value(store, &one).await, None);
    commit(store, vec![Compare::Absent(one.clone())], delete()).await.unwrap();
}

async fn a_range_has_an_order_and_a_limit(store: &dyn Store, role: &str) {
    // More than a store reads at once.
    let all: Vec<String> = (0..250).map(|number| format!("{role}/c/{number:03}")).collect();
    let changes = all.iter().map(|key| put(key, "v")).chain([put(&format!("{role}/d"), "v")]).collect();
    for part in Transaction::split(changes) {
        store.commit(part).await.unwrap();
    }
    let prefix = format!("{role}/c");
    let backwards: Vec<String> = all.iter().rev().cloned().collect();
    for limit in [0, 1, 99, 100, 101, 250, 251, usize::MAX] {
        let length = limit.min(all.len());
        assert_eq!(keys(store, &prefix, Order::Ascending, limit).await, all[..length], "{limit}");
        assert_eq!(keys(store, &prefix, Order::Descending, limit).await, backwards[..length], "{limit}");
    }
    assert_eq!(keys(store, &format!("{role}/e"), Order::Ascending, 9).await, Vec::<String>::new());
}

async fn of_several_changes_of_a_key_the_last_counts(store: &dyn Store, role: &str) {
    let [one, two] = ["f1", "f2"].map(|key| format!("{role}/{key}"));
    let delete = |key: &String| Change::Delete(key.clone());
    let changes = vec![put(&one, "x"), delete(&one), put(&one, "y"), put(&two, "x"), delete(&two)];
    commit(store, Vec::new(), changes).await.unwrap();
    assert_eq!((value(store, &one).await.as_deref(), value(store, &two).await), (Some("y"), None));
}

async fn a_transaction_may_be_as_large_as_its_limits(store: &dyn Store, role: &str) {
    let key = |number: usize| format!("{role}/g/{number:03}");
    let size = Transaction::BYTES / Transaction::LIMIT - key(0).len();
    let changes = (0..Transaction::LIMIT).map(|number| Change::Put(key(number), vec![7; size].into())).collect();
    let compares = (0..Transaction::LIMIT).map(|number| Compare::Absent(key(number))).collect();
    commit(store, compares, changes).await.unwrap();
    let found = store.range(key(0)..format!("{role}/g0"), Order::Ascending, usize::MAX).await.unwrap();
    assert_eq!(found.len(), Transaction::LIMIT);
}

/// What only a leader may do.
async fn what_is_announced_can_be_replaced_and_withdrawn(leader: &dyn Store, bystander: &dyn Store) {
    let refused = commit(bystander, Vec::new(), vec![announce("agents/0", "x"), put("h/1", "x")]).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    assert_eq!(value(leader, "h/1").await, None);
    let revision =
        commit(leader, Vec::new(), ["1", "2", "3"].map(|key| announce(&format!("agents/{key}"), "x")).into());
    let revision = revision.await.unwrap();
    assert_eq!(bystander.get("agents/1").await.unwrap().map(|stored| stored.revision), Some(revision));
    let delete = Change::Delete("agents/2".to_owned());
    commit(leader, Vec::new(), vec![announce("agents/1", "y"), delete, put("agents/3", "stays")]).await.unwrap();
    assert_eq!(keys(leader, "agents", Order::Ascending, 9).await, ["agents/1", "agents/3"]);
    assert_eq!(value(leader, "agents/1").await.as_deref(), Some("y"));
}

/// After the clause before: `agents/1` is announced, `agents/3` is not.
async fn a_leader_that_leads_again_goes_on(leader: &dyn Store) {
    let token = leader.lead().await.unwrap();
    assert_eq!(leader.lead().await.unwrap(), token);
    assert_eq!(value(leader, "agents/1").await.as_deref(), Some("y"));
    commit(leader, Vec::new(), vec![put("i/1", "x")]).await.unwrap();
}

async fn a_deposed_leader_writes_nothing(leader: &dyn Store, next: &dyn Store) {
    let token = leader.lead().await.unwrap();
    commit(leader, Vec::new(), vec![put("e/1", "x")]).await.unwrap();
    assert!(next.lead().await.unwrap() > token);
    assert_eq!(keys(next, "agents", Order::Ascending, 9).await, ["agents/3"], "what the first one announced is gone");
    for changes in [vec![put("e/1", "y")], vec![announce("agents/1", "y")], Vec::new()] {
        let refused = commit(leader, Vec::new(), changes.clone()).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{changes:?}");
    }
    assert_eq!(value(next, "e/1").await.as_deref(), Some("x"));
    commit(next, Vec::new(), vec![put("e/1", "z"), announce("agents/1", "z")]).await.unwrap();
}

async fn a_role_that_is_given_back_can_be_taken(leader: &dyn Store, next: &dyn Store) {
    let token = leader.lead().await.unwrap();
    leader.resign().await;
    assert_eq!(keys(leader, "agents", Order::Ascending, 9).await, ["agents/3"]);
    let refused = commit(leader, Vec::new(), vec![put("e/1", "late")]).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    assert!(next.lead().await.unwrap() > token);
    assert_eq!(value(next, "e/1").await.as_deref(), Some("z"));
    commit(next, Vec::new(), vec![put("e/1", "again")]).await.unwrap();
    leader.resign().await;
    commit(next, Vec::new(), vec![put("e/1", "and again")]).await.unwrap();
}
