//! A registry that wants a login: for what a Dockerfile builds on, for what a step runs, for what is pushed.

use acre_e2e::{
    farm::{CLEAN, Farm},
    registry::{self, Private},
    source::Source,
};
use std::fs;

/// A task that takes from the registry and puts into it; its source.
fn source(farm: &Farm, registry: &str) -> Source {
    let task = format!(
        "steps:\n  - build: -t {registry}/made:{{{{.Run.ID}}}} .\n  - {{pull: true, cmd: '{registry}/base:1 echo ran'}}\n  - push: {registry}/made:{{{{.Run.ID}}}}\n"
    );
    Source::new(&[
        ("acb.yaml", &farm.text(&task)),
        ("Dockerfile", &format!("FROM {registry}/base:1\nRUN echo built\n")),
    ])
}

#[test]
fn a_stored_login_opens_it_for_builds_pulls_and_pushes() {
    let farm = Farm::new();
    let private = Private::new();
    private.put(&registry::base(), "base:1");
    let source = source(&farm, private.address());
    let refused = farm.acre(&["run", source.arg()]);
    refused.ended(1).says(private.address()).says_not(Private::PASSWORD);
    let words = ["login", private.address(), "--username", Private::USER, "--password-stdin"];
    farm.acre_with(&[], Private::PASSWORD, &words).ended(0);
    let output = farm.acre(&["run", source.arg()]);
    output.ended(0).says("ran").says("Successfully pushed image").says_not(Private::PASSWORD);
    farm.is_clean_within(CLEAN);
    forget(private.address());
}

#[test]
fn the_users_own_docker_login_is_enough() {
    let farm = Farm::new();
    let private = Private::new();
    private.put(&registry::base(), "base:1");
    let source = source(&farm, private.address());
    let folder = farm.home().join(".docker");
    let auth = "dGVzdGVyOnMzY3JldC1wYXNz";
    let config = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", private.address());
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("config.json"), config))
        .expect("a file can be written");
    farm.acre(&["run", source.arg()]).ended(0).says("ran").says_not(Private::PASSWORD).says_not(auth);
    forget(private.address());
}

fn forget(registry: &str) {
    acre_e2e::engine::remove_images(&format!("{registry}/"));
}
