//! Registries that are not there, have not what is asked for, or refuse: whose fault it is, and what to do.

use acre_e2e::{
    farm::{CLEAN, Farm},
    program::Output,
    registry,
    source::Source,
};

const UNAUTHORIZED: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
const DENIED: &str = r#"{"errors":[{"code":"DENIED","message":"not yours to push to"}]}"#;
const BROKEN: &str = r#"{"errors":[{"code":"UNKNOWN","message":"the disk is on fire"}]}"#;

/// Builds and pushes an image to a registry.
fn push(farm: &Farm, registry: &str) -> Output {
    let source = Source::new(&[("Dockerfile", &farm.text("FROM {base}\n"))]);
    let image = format!("{registry}/pushed:1");
    let output = farm.acre(&["build", "-t", &image, source.arg()]);
    acre_e2e::engine::docker(&["image", "rm", "--force", &image]);
    output
}

/// Runs a step in an image of a registry.
fn pull(farm: &Farm, image: &str) -> Output {
    farm.acre(&["run", "--cmd", &format!("{image} true"), "/dev/null"])
}

#[test]
fn an_image_that_does_not_exist() {
    let farm = Farm::new();
    let image = farm.image("nosuch:1");
    let output = pull(&farm, &image);
    output.ended(1).says(&format!("image {image} cannot be pulled")).says("not found");
    farm.is_clean_within(CLEAN);
}

#[test]
fn an_image_of_a_build_that_does_not_exist() {
    let farm = Farm::new();
    let source = Source::new(&[("Dockerfile", &farm.text("FROM {repo}/nosuch:1\n"))]);
    let output = farm.acre(&["build", "-t", "{repo}/x:1", source.arg()]);
    output.ended(1).says(&farm.image("nosuch:1")).says("not found");
}

#[test]
fn a_push_of_an_image_that_nobody_has() {
    let farm = Farm::new();
    let output = farm.task("steps:\n  - push: {repo}/nosuch:1\n");
    output.ended(1).says(&farm.image("nosuch:1"));
}

#[test]
fn nobody_listens() {
    let farm = Farm::new();
    let address = registry::closed();
    pull(&farm, &format!("{address}/x:1")).ended(4).says("registry failed").says(&address).says("connection refused");
    push(&farm, &address).ended(4).says("registry failed").says(&address).says("onnection refused");
    farm.shell("echo works").ended(0);
}

#[test]
fn a_login_is_wanted() {
    let farm = Farm::new();
    let address = registry::refusing("401 Unauthorized", UNAUTHORIZED);
    pull(&farm, &format!("{address}/x:1")).ended(1).says(&address).says("no basic auth credentials");
    push(&farm, &address).ended(1).says(&address).says("401").says("acre login").says_not("attempt 2");
}

#[test]
fn it_says_no() {
    let farm = Farm::new();
    let address = registry::refusing("403 Forbidden", DENIED);
    push(&farm, &address).ended(1).says(&address).says("not yours to push to").says_not("attempt 2");
}

/// Pulled from only: an engine tries for 51 s to push to such a one, several times over.
#[test]
fn it_is_broken() {
    let farm = Farm::new();
    let address = registry::refusing("500 Internal Server Error", BROKEN);
    pull(&farm, &format!("{address}/x:1")).ended(4).says("registry failed").says(&address).says("500");
}
