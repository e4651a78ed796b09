//! End-to-end tests: real binaries, a real engine, a real registry. `infra/test --env` starts what they need.

mod bad_engine;
mod bad_home;
mod bad_registry;
mod bad_step;
mod bad_task;
mod check;
mod clean_engine;
mod conformance;
mod crashes;
mod dockerignore;
mod first_run;
mod fleet;
mod git_source;
mod hand_over;
mod language;
mod log_resume;
mod network;
mod on_etcd;
mod platforms;
mod private_registry;
mod report;
mod routing;
mod secrets;
mod sources;
mod steps;
mod two_runs;
