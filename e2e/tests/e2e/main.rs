//! End-to-end tests: real binaries, a real engine, a real registry. `infra/test --env` starts what they need.

mod first_run;
