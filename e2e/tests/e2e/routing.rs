//! Which agent serves a platform, and how: natively where it can be, across platforms, by an emulator where it must be.
//!
//! `amd` is the engine of this machine, which emulates arm64; `arm` stands in for the engine of an arm64 machine, and
//! `bare` for one whose emulator of arm64 is broken (see [`StandIn`]).

use acre_e2e::{farm::SOON, fleet::Fleet, program::Running, registry, source::Source, stand_in::StandIn, wait};
use serde_json::Value;

const ARM64: &str = "linux/arm64";
const STEP: &str = "steps: [{id: step, platform: linux/arm64, cmd: '{arm64} uname -m'}]";
/// Works until it is canceled.
const HOLD: &str = "
steps:
  - id: step
    platform: linux/arm64
    cmd: {arm64} sh -c 'trap exit TERM; echo holds; sleep 600 & wait'
";

/// Why `amd` does not take what may not be emulated.
const FORBIDDEN: &str = "amd: only emulates linux/arm64, which the run forbids";

/// A fleet that has `amd`, which has tried all platforms.
fn with_amd(mut fleet: Fleet) -> Fleet {
    fleet.join("amd", 4);
    fleet.has_tried("amd", ARM64, "emulated");
    fleet
}

/// Hands in the step, and waits until its run waits for an agent; its id, and every agent's reason.
fn waits(fleet: &Fleet, emulation: &str) -> (String, Vec<String>) {
    let run = fleet.hand_in(STEP, &["--emulation", emulation]);
    let reasons = || {
        let reasons: Vec<String> = fleet.show(&run).reasons("step").into_iter().map(str::to_owned).collect();
        (!reasons.is_empty()).then_some(reasons)
    };
    let reasons = wait::until("the run waits for an agent", SOON, reasons);
    (run, reasons)
}

/// Starts what holds a slot, and waits until it does; its run.
fn hold(fleet: &Fleet) -> (Running, String) {
    let mut client = fleet.start_task(HOLD, &[]);
    let said = client.wait_for("\nholds");
    let run = acre_e2e::program::run_id(&said).expect("a run was handed in");
    (client, run)
}

#[test]
fn a_native_agent_that_joins_is_given_at_once_what_waits_for_one() {
    let mut fleet = with_amd(Fleet::new());
    let (run, reasons) = waits(&fleet, "never");
    assert_eq!(reasons, [FORBIDDEN]);
    fleet.join_on(StandIn::for_arm64_machine(), "arm", 1);
    let shown = fleet.over(&run);
    assert_eq!(shown.ended("Succeeded").served("step"), "arm native");
    assert_eq!(fleet.mode("arm", ARM64).as_deref(), Some("native"));
}

#[test]
fn a_native_agent_comes_first_and_is_waited_for_as_long_as_the_run_says() {
    let mut fleet = with_amd(Fleet::new());
    fleet.join_on(StandIn::for_arm64_machine(), "arm", 1);
    let served = |run: &str| fleet.over(run).ended("Succeeded").served("step");
    assert_eq!(served(&fleet.hand_in(STEP, &[])), "arm native", "the emulating agent is idle and has more slots");

    let (client, holding) = hold(&fleet);
    assert_eq!(fleet.show(&holding).served("step"), "arm native");
    let busy = "arm: busy (1 of 1 slots)";
    let (patient, reasons) = waits(&fleet, "fallback:10m");
    assert_eq!(reasons, ["amd: only emulates linux/arm64, and a native agent is waited for", busy]);
    let (strict, reasons) = waits(&fleet, "never");
    assert_eq!(reasons, [FORBIDDEN, busy]);

    let shown = fleet.over(&fleet.hand_in(STEP, &["--emulation", "fallback:2s"]));
    assert_eq!(shown.ended("Succeeded").served("step"), "amd emulated");
    let waited = shown.began("step") - shown.submitted_at();
    assert!(waited >= 2000, "it has waited for {waited} ms");
    assert_eq!(served(&fleet.hand_in(STEP, &["--emulation", "always"])), "amd emulated");

    for waiting in [&patient, &strict] {
        assert!(!fleet.show(waiting).is_over(), "the native agent is still busy");
    }
    fleet.acre(&["cancel", &holding]).ended(0);
    client.end().ended(3);
    assert_eq!((served(&patient), served(&strict)), ("arm native".to_owned(), "arm native".to_owned()));
}

#[test]
fn what_no_agent_serves_is_refused_after_the_grace_with_the_reason_of_each() {
    let mut fleet = with_amd(Fleet::patient_for("2s"));
    fleet.join_on(StandIn::with_broken_arm64_emulator(), "bare", 1);
    fleet.has_tried("bare", "linux/arm/v7", "emulated");
    assert_eq!(fleet.mode("bare", ARM64), None, "its emulator fails");

    let loong64 = STEP.replace("linux/arm64", "linux/loong64");
    let table = [
        (STEP, "never", format!("step `step` (line 1) on linux/arm64: cannot be placed: no agent of pool `default` could; {FORBIDDEN}; bare: does not serve linux/arm64")),
        (&loong64, "always", "step `step` (line 1) on linux/loong64: cannot be placed: no agent of pool `default` could; amd: does not serve linux/loong64; bare: does not serve linux/loong64".to_owned()),
    ];
    for (task, emulation, error) in table {
        let shown = fleet.over(&fleet.hand_in(task, &["--emulation", emulation]));
        assert_eq!(shown.ended("Error").error(), error);
        let waited = shown.ended_at() - shown.submitted_at();
        // Deadlines are kept by one clock and told by another, and both are cut to whole milliseconds.
        assert!((2000 - 2..10_000).contains(&waited), "it was refused after {waited} ms");
    }
    let run = fleet.start_task(STEP, &["--emulation", "never"]).end();
    run.ended(4).says(FORBIDDEN).says("bare: does not serve linux/arm64");
    // A platform that is none at all is not even handed in.
    let vax = STEP.replace("linux/arm64", "linux/vax");
    fleet.start_task(&vax, &[]).end().ended(2).says_all(&["linux/vax", "acre knows the architectures"]);

    let shown = fleet.over(&fleet.hand_in(STEP, &[]));
    assert_eq!(shown.ended("Succeeded").served("step"), "amd emulated", "where it may be emulated");
}

#[test]
fn a_build_of_which_nothing_executes_is_a_cross_build_on_one_engine_without_an_emulator() {
    let mut fleet = Fleet::new();
    for id in ["one", "two"] {
        fleet.join_on(StandIn::with_broken_arm64_emulator(), id, 1);
    }
    let dockerfile = "FROM --platform=$BUILDPLATFORM {base} AS make\nARG TARGETARCH\nRUN echo {repo} for $TARGETARCH >/made\n\
                      FROM scratch\nCOPY --from=make /made /made\n";
    let source = Source::new(&[("Dockerfile", &fleet.text(dockerfile))]);
    let platforms = ["--platform", "linux/amd64,linux/arm64", "--emulation", "never"];
    let words = [&["build", "-t", "{repo}/cross:1"], &platforms[..], &[source.arg()]].concat();
    let run = fleet.acre(&words).ended(0).run_id();
    let shown = fleet.show(&run);
    let builds = shown.agents("build");
    assert_eq!((builds.len(), &builds), (1, &shown.agents("push")), "the platforms stay together");
    let agent = builds.first().expect("there is one");
    let served = ["linux/amd64", ARM64].map(|platform| shown.served(&format!("build@{platform}")));
    assert_eq!(served, [format!("{agent} native"), format!("{agent} cross")]);

    let index = registry::content(&format!("{}/cross", fleet.repository()), "manifests/1");
    let index: Value = serde_json::from_slice(&index).expect("an index is JSON");
    let children = index["manifests"].as_array().expect("it is an index").iter();
    let architectures: Vec<&str> = children.filter_map(|child| child["platform"]["architecture"].as_str()).collect();
    assert_eq!(architectures, ["amd64", "arm64"]);
}
