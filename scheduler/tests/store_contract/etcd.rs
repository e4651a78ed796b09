//! The store on etcd keeps the contract, and what several machines and a network ask for besides.

use crate::{
    bed::{self, LIMITS, SOON, within},
    contract::{commit, holds, put, value},
    proxy::Proxy,
};
use acre_scheduler::store::{Etcd, Limits, Node, Revision, Store, StoreError};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn etcd_keeps_the_contract() {
    let store = bed::store().await;
    // The shared limits would end a lease under a slow machine.
    let store = store.with_limits(Limits::default());
    let next = store.another(Node::named("one"));
    holds(&store, &next).await;
}

#[tokio::test]
async fn farms_with_other_prefixes_do_not_meet() {
    let (prefix, host) = (bed::prefix(), bed::host());
    let (one, two) = (bed::open(&host, &prefix).await, bed::open(&host, &format!("{prefix}/below")).await);
    for store in [&one, &two] {
        store.lead().await.unwrap();
    }
    commit(&one, Vec::new(), vec![put("a/1", "one")]).await.unwrap();
    commit(&two, Vec::new(), vec![put("a/1", "two")]).await.unwrap();
    assert_eq!(value(&one, "a/1").await.as_deref(), Some("one"));
    assert_eq!(value(&two, "a/1").await.as_deref(), Some("two"));
}

#[tokio::test]
async fn another_machine_leads_only_once_the_leader_has_gone() {
    let leader = bed::store().await;
    let other = leader.another(Node::named("two"));
    let token = leader.lead().await.unwrap();
    let refused = other.lead().await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    commit(&leader, Vec::new(), vec![put("a", "x")]).await.unwrap();
    leader.resign().await;
    assert!(other.lead().await.unwrap() > token);
}

/// Tries to lead until it can.
async fn leads_in_the_end(store: &Etcd) -> Revision {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        match store.lead().await {
            Ok(token) => return token,
            Err(StoreError::InUse { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_leader_that_gives_signs_of_life_keeps_its_role_and_a_silent_one_does_not() {
    let leader = bed::store().await;
    let other = leader.another(Node::named("two"));
    let token = leader.lead().await.unwrap();
    let refused = tokio::select! {
        () = leader.hold() => panic!("the role is not lost"),
        led = tokio::time::timeout(LIMITS.silence * 2, leads_in_the_end(&other)) => led,
    };
    assert!(refused.is_err(), "another leads while the leader lives");
    commit(&leader, Vec::new(), vec![put("a", "x")]).await.unwrap();
    // Nothing is heard of it any more.
    let next = within("a silent leader is followed", SOON, leads_in_the_end(&other)).await;
    assert!(next > token);
    assert!(matches!(commit(&leader, Vec::new(), vec![put("a", "y")]).await, Err(StoreError::Conflict)));
    assert!(matches!(leader.lead().await, Err(StoreError::InUse { .. })));
}

#[tokio::test]
async fn a_leader_learns_that_its_role_is_lost() {
    let leader = bed::store().await;
    leader.lead().await.unwrap();
    let successor = leader.another(Node::named("one"));
    let (_, led) = within("the loss is noticed", SOON, async { tokio::join!(leader.hold(), successor.lead()) }).await;
    led.unwrap();
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_and_not_done_twice() {
    let (prefix, proxy) = (bed::prefix(), Proxy::to(&bed::host()).await);
    let (near, far) = (bed::open(&bed::host(), &prefix).await, bed::open(proxy.address(), &prefix).await);
    far.lead().await.unwrap();
    proxy.lose_answers();
    let committing = commit(&far, Vec::new(), vec![put("a", "x")]);
    let healing = async {
        within("the commit is done", SOON, async { while near.get("a").await.unwrap().is_none() {} }).await;
        proxy.break_off();
    };
    let (committed, ()) = tokio::join!(committing, healing);
    let stored = near.get("a").await.unwrap().unwrap();
    assert_eq!(committed.unwrap(), stored.revision);
    // The chain goes on after it.
    assert!(commit(&far, Vec::new(), vec![put("b", "x")]).await.unwrap() > stored.revision);
}

#[tokio::test]
async fn a_commit_that_comes_late_changes_nothing() {
    let (prefix, proxy) = (bed::prefix(), Proxy::to(&bed::host()).await);
    let (near, far) = (bed::open(&bed::host(), &prefix).await, bed::open(proxy.address(), &prefix).await);
    // A call that is given up takes its request back.
    let far = far.with_limits(Limits::default());
    far.lead().await.unwrap();
    proxy.keep_requests();
    let committing = commit(&far, Vec::new(), vec![put("a", "x")]);
    let breaking = async {
        within("the request is under way", SOON, proxy.has_kept()).await;
        proxy.break_off();
    };
    let (committed, ()) = tokio::join!(committing, breaking);
    // Found out that it was not done, and done then.
    let committed = committed.unwrap();
    assert_eq!(near.get("a").await.unwrap().map(|stored| stored.revision), Some(committed));
    let deleted = commit(&far, Vec::new(), vec![acre_scheduler::store::Change::Delete("a".to_owned())]).await.unwrap();
    within("the late request is answered", SOON, proxy.deliver()).await;
    assert_eq!(value(&near, "a").await, None, "the commit of a moment that is over was done");
    assert!(commit(&far, Vec::new(), vec![put("b", "x")]).await.unwrap() > deleted);
}

#[tokio::test]
async fn an_etcd_that_is_away_is_waited_for_and_no_longer_than_said() {
    let (prefix, proxy) = (bed::prefix(), Proxy::to(&bed::host()).await);
    let limits = Limits { call: Duration::from_millis(400), request: Duration::from_millis(800), ..LIMITS };
    let far = bed::open(proxy.address(), &prefix).await.with_limits(limits);
    let token = far.lead().await.unwrap();
    for (cut, first) in [(Proxy::swallow as fn(&Proxy), true), (Proxy::refuse, false)] {
        cut(&proxy);
        let begin = Instant::now();
        let unknown = commit(&far, Vec::new(), vec![put("a", "x")]).await.unwrap_err();
        // The second time it is the doubt about the first commit that keeps it from being sent.
        match first {
            true => assert!(matches!(unknown, StoreError::Unknown { .. }), "{unknown}"),
            false => assert!(matches!(unknown, StoreError::Unavailable { .. }), "{unknown}"),
        }
        let refused = commit(&far, Vec::new(), vec![put("b", "x")]).await.unwrap_err();
        assert!(refused.to_string().starts_with("state store unavailable, not accepted: etcd://"), "{refused}");
        assert!(matches!(far.get("a").await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(far.lead().await, Err(StoreError::Unavailable { .. })));
        assert!(begin.elapsed() < (limits.request + limits.call * 2) * 5, "{:?}", begin.elapsed());
    }
    proxy.break_off();
    // The lease may have expired meanwhile: then it leads anew.
    let again = within("etcd is back", SOON, leads_in_the_end(&far)).await;
    assert!(again >= token);
    commit(&far, Vec::new(), vec![put("b", "y")]).await.unwrap();
    assert_eq!(value(&far, "b").await.as_deref(), Some("y"));
}

#[tokio::test]
async fn a_value_that_etcd_does_not_take_is_refused_and_the_leader_goes_on() {
    let store = bed::store().await.with_limits(Limits::default());
    store.lead().await.unwrap();
    let large = acre_scheduler::store::Change::Put("a".to_owned(), vec![0; 2_000_000].into());
    let refused = commit(&store, Vec::new(), vec![large]).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Failed { why, .. } if why.contains("too large")), "{refused}");
    commit(&store, Vec::new(), vec![put("a", "x")]).await.unwrap();
}
