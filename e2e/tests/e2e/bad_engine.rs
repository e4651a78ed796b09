//! An engine that is not there, stops, or comes back: cause and remedy are told, and the farm goes on.

use acre_e2e::{
    engine::Link,
    farm::{CLEAN, Farm, SOON},
    source::Source,
    wait,
};
use std::time::Duration;

/// A laptop's farm gives up on a unit that no agent can take after this long (design §4), and a little.
const GIVES_UP: Duration = Duration::from_secs(35);

#[test]
fn none_is_there() {
    let farm = Farm::on("unix:///nowhere/engine.sock");
    let mut client = farm.start(&["run", "--cmd", "{base} true", "/dev/null"]);
    // What it waits for is told at once, what came of it after the grace.
    client.wait_for("Queued a run with ID");
    client.wait_for("the engine at unix:///nowhere/engine.sock does not answer");
    client.end_within(GIVES_UP).ended(4).says("is it running, and may this user open its socket?");
    farm.acre(&["agents"]).ended(0).says("engine down");
    farm.acre(&["doctor"]).ended(1).says("/nowhere/engine.sock");
    farm.acre(&["list"]).ended(0).says("Error");
}

#[test]
fn one_that_comes_up_later_takes_what_waits() {
    let link = Link::new();
    link.cut();
    let farm = Farm::on(&link.address());
    let run = farm.hand_in("steps:\n  - cmd: {base} echo late\n");
    let agents = || farm.acre(&["agents"]).stdout;
    wait::until("the agent says that its engine is down", SOON, || agents().contains("engine down").then_some(()));
    link.mend();
    assert_eq!(farm.report(&run, SOON)["status"], "Succeeded");
}

#[test]
fn one_that_stops_in_a_command_fails_the_run_and_is_cleaned_when_it_is_back() {
    let link = Link::new();
    let farm = Farm::on(&link.address());
    let mut client = farm.start_task("steps:\n  - cmd: {base} sh -c 'echo at work; sleep 1000'\n", &[]);
    farm.comes_to(&mut client, "at work\n");
    link.cut();
    client.end_within(SOON).ended(4).says("engine failed: ").says("engine");
    assert!(!farm.on_engine().is_empty(), "nobody could remove anything");
    link.mend();
    farm.is_clean_within(CLEAN);
    farm.shell("echo works again").ended(0).says("works again");
}

#[test]
fn one_that_stops_in_a_build_and_comes_back_builds_again() {
    let link = Link::new();
    let farm = Farm::on(&link.address());
    let dockerfile = farm.text("FROM {base}\nRUN echo begins {repo} && sleep 2\n");
    let source = Source::new(&[("Dockerfile", &dockerfile)]);
    let mut client = farm.start(&["build", "-t", "{repo}/built:1", source.arg()]);
    client.wait_for("begins");
    link.cut();
    let agents = || farm.acre(&["agents"]).stdout;
    wait::until("the agent says that its engine is down", SOON, || agents().contains("engine down").then_some(()));
    link.mend();
    client.end().ended(0).says("Successfully pushed image");
    farm.is_clean_within(CLEAN);
}
