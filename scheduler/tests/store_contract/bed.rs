//! The etcd of the tests.

use acre_scheduler::store::{Etcd, EtcdAddress, Limits, Node};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How soon things happen here that need no waiting for a lease.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Shorter than in earnest; a machine that is busy for as long as this is no reason to fail.
pub(crate) const LIMITS: Limits =
    Limits { call: Duration::from_secs(2), request: Duration::from_secs(6), silence: Duration::from_secs(3) };

/// `HOST:PORT` of the etcd.
pub(crate) fn host() -> String {
    let address = std::env::var("ACRE_TEST_ETCD").unwrap_or_else(|_| "etcd://127.0.0.1:23790".to_owned());
    address.strip_prefix("etcd://").expect("ACRE_TEST_ETCD is etcd://HOST:PORT").to_owned()
}

/// A prefix that no other test has, in this process or another.
pub(crate) fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("test/{}-{nanos:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A store on the etcd at this `HOST:PORT`, for the node `one`.
pub(crate) async fn open(host: &str, prefix: &str) -> Etcd {
    let address: EtcdAddress = format!("etcd://{host}/{prefix}").parse().unwrap();
    Etcd::open(&address, None, Node::named("one")).await.unwrap().with_limits(LIMITS)
}

/// A store of a test's own.
pub(crate) async fn store() -> Etcd {
    open(&host(), &prefix()).await
}

/// The outcome of what must happen within `limit`.
pub(crate) async fn within<T>(what: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}
