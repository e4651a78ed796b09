//! End-to-end tests: real binaries, a real engine, a real registry. `infra/test --env` starts what they need.

mod bad_engine;
mod bad_registry;
mod bad_step;
mod clean_engine;
mod crashes;
mod first_run;
mod git_source;
mod log_resume;
mod report;
mod two_runs;
