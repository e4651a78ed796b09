//! What every store means by its calls, on the embedded one and on etcd.
//!
//! `ACRE_TEST_ETCD` names an etcd (`etcd://HOST:PORT`), `ACRE_TEST_ETCD_PROGRAM` the program; `infra/test --env` starts one
//! and prints both. Without it the tests of etcd fail: they are never skipped.

#![allow(clippy::unwrap_used)]

mod bed;
mod contract;
mod embedded;
mod etcd;
mod own;
mod proxy;
mod restored;
mod tls;
